from tests.unit.iot_dr.cli.test_consent import *
@pytest.mark.parametrize(("name", "words"), ASKED)
def test_dbg(account, name, words):
    prepare(name, account); account.requests.clear()
    r = run(name, *words)
    print("##", r.exit_code, name, " ".join(words)[:60], len(account.requests), repr(r.stdout[:160]))
