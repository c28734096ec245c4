"""The command line's promises: exit codes, errors as one line, help that works, nothing imported too early."""

import json
import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner, Result

from iot_dr import __version__
from iot_dr.cli import main
from iot_dr.errors import AccessDenied, IotDrError, LaunchFailed, RegionUnavailable


def invoke(*arguments: str, **environ: str) -> Result:
    variables = dict.fromkeys(("PRIMARY_REGION", "SECONDARY_REGION", "STACK_POSTFIX", "UUID", "VERSION"))
    return CliRunner().invoke(main.cli, arguments, env={**variables, **environ})


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    def fail(error: BaseException) -> None:
        @click.command()
        def command() -> None:
            raise error

        monkeypatch.setattr(main.LazyGroup, "get_command", lambda *_: command)

    return fail


@pytest.mark.parametrize(
    ("error", "code"),
    [(LaunchFailed("stack x failed: why"), 1), (AccessDenied("stack x failed: why"), 2)],
)
def test_an_error_is_one_line_on_stderr_and_an_exit_code(
    failing: Callable[[BaseException], None], error: IotDrError, code: int
) -> None:
    failing(error)

    result = invoke("anything")

    assert (result.exit_code, result.stderr, result.stdout) == (code, "error: stack x failed: why\n", "")


def test_a_region_that_does_not_answer_is_told_with_what_to_check(
    failing: Callable[[BaseException], None],
) -> None:
    failing(RegionUnavailable('Could not connect to the endpoint URL: "https://sts.us-wst-2.amazonaws.com/"'))

    result = invoke("anything")

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "us-wst-2" in result.stderr
    assert "see that the Region's name is right" in result.stderr


def test_control_c_ends_any_command_in_one_line_and_not_like_an_answer(
    failing: Callable[[BaseException], None],
) -> None:
    failing(KeyboardInterrupt())

    result = invoke("anything")

    assert (result.exit_code, result.stderr, result.stdout) == (2, "\nStopped.\n", "")


def test_help_names_every_command_the_exit_codes_and_examples() -> None:
    result = invoke("--help")

    assert result.exit_code == 0
    for part in (*main.COMMANDS, "Exit codes", "Examples:", "iot-dr launch --primary-region"):
        assert part in result.stdout


def test_the_version_is_told() -> None:
    assert invoke("--version").stdout == f"iot-dr, version {__version__}\n"


@pytest.mark.parametrize("arguments", [("nothing-like-it",), ("launch", "--nothing-like-it"), ("launch", "x")])
def test_wrong_use_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert invoke(*arguments).exit_code == 2


def test_a_launch_without_its_variables_names_all_that_are_missing() -> None:
    result = invoke("launch", UUID="a", VERSION="")

    assert result.exit_code == 2
    assert result.stderr.startswith("error: missing: PRIMARY_REGION (--primary-region), SECONDARY_REGION")
    assert "VERSION (--version)" in result.stderr
    assert result.stderr.count("PRIMARY_REGION") == 1
    assert "UUID" not in result.stderr


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("SECONDARY_REGION", "us-east-1", "choose a different secondary Region"),
        ("UUID", "Not/Good", "UUID must be"),
        ("STACK_POSTFIX", "a b", "STACK_POSTFIX must be"),
        ("CREATE_HEALTH_CHECK", "perhaps", "'perhaps' is not one of 'yes', 'no'"),
        ("SHADOW_NAME_PATTERN", "(a+)+b", "could take very long"),
        ("CERTIFICATE_MODE", "both", "'both' is not one of 'copy', 'jitr'"),
    ],
)
def test_a_launch_with_a_value_that_cannot_be_is_refused_before_any_call(variable: str, value: str, part: str) -> None:
    environ = {
        "PRIMARY_REGION": "us-east-1",
        "SECONDARY_REGION": "us-west-2",
        "STACK_POSTFIX": "20261124120000",
        "UUID": "5f0c2a",
        "BUCKET_RESOURCES": "my-dr-reference",
        "SOLUTION_NAME": "drs",
        "VERSION": "v1.0.0",
    }

    result = invoke("launch", **(environ | {variable: value}))

    assert result.exit_code == 2
    assert part in result.stderr


def test_the_group_starts_without_the_sdk() -> None:
    code = "import sys, iot_dr.cli.main; sys.exit('boto3' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("typed", "meant"), [("snyc", "Did you mean sync?"), ("statsu", "Did you mean status?"), ("zzz", "`iot-dr --help`")]
)
def test_a_command_that_is_mistyped_is_told_which_is_like_it(typed: str, meant: str) -> None:
    result = CliRunner().invoke(main.cli, [typed], prog_name="iot-dr")

    assert (result.exit_code, result.stdout) == (2, "")
    assert meant in result.stderr


def test_an_option_that_is_mistyped_is_told_which_is_like_it() -> None:
    assert "--apply" in CliRunner().invoke(main.cli, ["sync", "--aply"], prog_name="iot-dr").stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sync", "--format", "json"), "missing: PRIMARY_REGION"),
        (("sync", "--select", "", "--format", "json"), "--select has an empty value"),
        (("sync", "--aply", "--format", "json"), "--aply"),
        (("sync", "--state", "a", "--state", "b", "--format", "json"), "--state is given twice"),
        (("restore", "nowhere", "--into", "secondary", "--format=json"), "missing: SECONDARY_REGION"),
    ],
)
def test_a_script_gets_errors_as_json_too(words: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(main.cli, words, prog_name="iot-dr", env=dict.fromkeys(SETTINGS))

    told = json.loads(result.stderr)
    assert (result.exit_code, result.stdout) == (2, "")
    assert (told["version"], told["error"]["exit_code"]) == (1, 2)
    assert message in told["error"]["message"]


SETTINGS = ("PRIMARY_REGION", "SECONDARY_REGION", "LEDGER_TABLE", "STACK_POSTFIX", "UUID")
