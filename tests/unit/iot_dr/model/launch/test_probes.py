"""How the probe's credentials are kept, and what they never show."""

import pytest

from iot_dr.errors import NotReadyYet
from iot_dr.model.launch.probes import NewCertificate, ProbeCredentials

CREDENTIALS = ProbeCredentials("iot-dr-probe-1", "a" * 64, "CERTIFICATE", "PRIVATE")


def test_credentials_survive_the_secret() -> None:
    assert ProbeCredentials.parse(CREDENTIALS.to_json()) == CREDENTIALS


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '"x"', "not json PRIVATE", '{"thing_name": 1}'])
def test_a_secret_without_credentials_is_not_ready_and_is_not_quoted(text: str) -> None:
    with pytest.raises(NotReadyYet) as caught:
        ProbeCredentials.parse(text)

    assert "PRIVATE" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_neither_credentials_nor_a_new_certificate_show_a_pem() -> None:
    shown = repr(CREDENTIALS) + repr(NewCertificate("a" * 64, "CERTIFICATE", "PRIVATE"))

    assert "PRIVATE" not in shown
    assert "CERTIFICATE" not in shown
