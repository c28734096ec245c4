import hashlib
import json
from pathlib import Path

import boto3
import pytest

import generate
from iot_dr.model.launch.distribution import digests_of


def test_the_regions_are_those_that_the_sdk_gives_iot_core_in_every_partition() -> None:
    session = boto3.session.Session()
    known = {
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("iot", partition)
    }

    assert generate.iot_regions() == tuple(sorted(known))


def test_the_four_templates_are_written_into_a_new_folder(tmp_path: Path) -> None:
    code = generate.main(["--output", str(tmp_path / "new" / "folder")])

    assert code == 0
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == {
        "disaster-recovery-for-aws-iot.template",
        "disaster-recovery-for-aws-iot-primary-region.template",
        "disaster-recovery-for-aws-iot-secondary-region.template",
        "disaster-recovery-for-aws-iot-r53-health-checker.template",
    }


def test_the_release_stands_in_the_templates(tmp_path: Path) -> None:
    generate.main(["--output", str(tmp_path), "--bucket-prefix", "acme", "--solution-name", "dr", "--version", "v9"])

    for path in tmp_path.iterdir():
        text = path.read_text(encoding="utf-8")
        assert '"BucketPrefix": "acme"' in text
        assert '"KeyPrefix": "dr/v9"' in text
        assert "(dr v9)" in text


def test_the_main_template_has_the_digest_of_every_other_file_of_the_release(tmp_path: Path) -> None:
    code, output = tmp_path / "code", tmp_path / "output"
    code.mkdir()
    (code / "iot-dr-solution.zip").write_bytes(b"launcher")
    (code / "iot_dr_layer.zip").write_bytes(b"layer")

    for _ in range(2):
        assert generate.main(["--output", str(output), "--code", str(code)]) == 0

    files = [*code.iterdir(), *(path for path in output.iterdir() if path.name != generate.MAIN)]
    main = json.loads((output / generate.MAIN).read_text(encoding="utf-8"))
    listed = digests_of(" ".join(main["Mappings"]["Solution"]["Source"]["Sha256"]))
    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert len(files) == 5


def test_check_is_quiet_and_0_where_nothing_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate.main(["--output", str(tmp_path)])

    assert generate.main(["--check", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_check_shows_what_differs_and_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate.main(["--output", str(tmp_path), "--version", "v1"])

    assert generate.main(["--check", str(tmp_path), "--version", "v2"]) == 1
    shown = capsys.readouterr().out
    assert '-        "Version": "v1",' in shown
    assert '+        "Version": "v2",' in shown
    assert "(as generated)" in shown


def test_check_takes_a_missing_file_for_an_empty_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check", str(tmp_path)]) == 1
    assert "disaster-recovery-for-aws-iot.template" in capsys.readouterr().out


def test_check_without_folder_compares_with_the_golden_files() -> None:
    assert generate.main(["--check"]) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--output", "x", "--bucket-prefix", "Not A Bucket"], "bucket prefix 'Not A Bucket'"),
        (["--output", "x", "--version", ""], "version ''"),
        (["--check", "no-such-folder"], "no-such-folder is not a folder"),
        (["--output", "setup.cfg"], "cannot write to setup.cfg"),
        (["--output", "x", "--code", "no-such-folder"], "no-such-folder holds no zips"),
    ],
)
def test_bad_input_exits_2_and_says_what_to_change(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(generate.ROOT)

    assert generate.main(arguments) == 2
    assert says in capsys.readouterr().err


def test_nothing_to_do_exits_2_and_names_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        generate.main([])

    assert stopped.value.code == 2
    assert "--output, --check or --lint" in capsys.readouterr().err


def test_help_has_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        generate.main(["--help"])

    shown = capsys.readouterr().out
    assert stopped.value.code == 0
    assert "examples:" in shown
    assert "generate.py --output build --bucket-prefix acme-iot-dr" in shown
    assert "exit codes:" in shown


def test_lint_prints_findings_of_every_region_and_exits_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = {"A": {"Type": "B::C::D"}, "Pool": {"Type": "AWS::Cognito::IdentityPool"}}
    monkeypatch.setattr(
        generate, "render", lambda _config, _code: {"bad.template": json.dumps({"Resources": resources})}
    )
    have_pools = ("us-east-1", "us-east-2", "us-west-1", "us-west-2")
    monkeypatch.setattr(generate, "iot_regions", lambda: (*have_pools, "cn-northwest-1"))

    assert generate.main(["--lint"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any("'B::C::D' does not exist in 'us-east-1'" in line for line in lines)
    assert [line for line in lines if "AWS::Cognito::IdentityPool" in line and "does not exist" in line] == [
        "bad.template: line 1: E3006 Resource type 'AWS::Cognito::IdentityPool' does not exist in 'cn-northwest-1'"
    ]


@pytest.mark.parametrize(
    ("types", "standing"),
    [
        (["AWS::IoT::TopicRule"], ["ap-southeast-1", "cn-northwest-1", "us-gov-west-1"]),
        (["AWS::IoT::TopicRule", "Custom::Own"], ["ap-southeast-1", "cn-northwest-1", "us-gov-west-1"]),
        # One of China's two Regions has it.
        (["AWS::Cognito::IdentityPool"], ["ap-southeast-1", "cn-north-1", "cn-northwest-1", "us-gov-west-1"]),
    ],
)
def test_the_longest_name_stands_for_the_regions_of_a_partition_that_have_the_same_types(
    types: list[str], standing: list[str]
) -> None:
    regions = ("us-east-1", "eu-west-1", "ap-southeast-1", "cn-north-1", "cn-northwest-1", "us-gov-west-1")

    assert sorted(generate.stand_ins(types, regions)) == standing


def test_neither_clock_nor_environment_nor_network_is_read_by_the_templates() -> None:
    sources = [*(generate.ROOT / "templates").rglob("*.py"), generate.ROOT / "generate.py"]

    for path in sources:
        text = path.read_text(encoding="utf-8")
        for word in ("import os\n", "os.environ", "datetime", "import time", "boto3", "uuid4", "import random"):
            assert word not in text, f"{path.name}: {word}"
