import fnmatch
import json

import pytest

from iot_dr.model.keys import RESERVED_PREFIX
from tests.unit.templates.resolving import ACCOUNT, POSTFIX, PRIMARY
from tests.unit.templates.stacks import Stack


@pytest.fixture(name="checker")
def checker_stack(stacks: dict[str, Stack]) -> Stack:
    return stacks["health checker"]


def test_the_launch_gives_the_postfix_and_the_boundary_of_roles_and_nothing_else(checker: Stack) -> None:
    assert set(checker.template["Parameters"]) == {"PermissionsBoundary", "StackPostfix"}


def test_the_probes_name_is_one_that_replication_leaves_alone(checker: Stack) -> None:
    assert checker.properties("Probe")["ProbeName"] == f"{RESERVED_PREFIX}{POSTFIX}"


def test_route_53_asks_over_https_with_sni_for_the_secret_path(checker: Stack) -> None:
    check = checker.properties("HealthCheck")["HealthCheckConfig"]

    assert check["Type"] == "HTTPS"
    assert check["EnableSNI"] is True
    assert check["RequestInterval"] == 30
    assert check["FailureThreshold"] == 3
    secret = checker.resolve.arn("PathSecret")
    assert check["ResourcePath"] == f"/health/{{{{resolve:secretsmanager:{secret}}}}}"


def test_the_path_is_a_secret_of_256_bits_that_fits_into_a_path(checker: Stack) -> None:
    generated = checker.properties("PathSecret")["GenerateSecretString"]

    assert generated["PasswordLength"] >= 43  # of 62 letters and digits
    assert generated["ExcludePunctuation"] is True
    assert generated["IncludeSpace"] is False


def test_no_secret_stands_in_an_output_or_a_variable(checker: Stack) -> None:
    visible = [checker.template["Outputs"]]
    visible += [found["Properties"]["Environment"] for found in checker.of_type("AWS::Lambda::Function").values()]

    assert "resolve:" not in json.dumps(visible)


def test_only_the_api_may_call_the_check_and_only_by_its_route(checker: Stack) -> None:
    (permission,) = checker.of_type("AWS::Lambda::Permission")
    allowed = checker.properties(permission)
    called = f"arn:aws:execute-api:{PRIMARY}:{ACCOUNT}:{checker.resolve.name('HealthApi')}/$default/GET/health/abc"

    assert allowed["Principal"] == "apigateway.amazonaws.com"
    assert allowed["FunctionName"] == checker.resolve.name("CheckHealthFunction")
    assert fnmatch.fnmatchcase(called, allowed["SourceArn"])
    assert not fnmatch.fnmatchcase(called.replace("GET", "POST"), allowed["SourceArn"])


def test_the_integration_calls_the_function_that_the_permission_names(checker: Stack) -> None:
    integration = checker.properties("HealthIntegration")

    assert integration["IntegrationUri"] == checker.resolve.arn("CheckHealthFunction")
    assert integration["PayloadFormatVersion"] == "2.0"


def test_the_api_is_throttled(checker: Stack) -> None:
    assert checker.properties("HealthStage")["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": 20,
        "ThrottlingBurstLimit": 40,
    }


def test_the_check_may_read_its_two_secrets_and_nothing_else(checker: Stack) -> None:
    log, secrets = checker.statements("CheckHealthRole")

    assert log["Sid"] == "WriteOwnLog"
    assert secrets["Action"] == ["secretsmanager:GetSecretValue"]
    assert secrets["Resource"] == [checker.resolve.arn("ProbeSecret"), checker.resolve.arn("PathSecret")]
