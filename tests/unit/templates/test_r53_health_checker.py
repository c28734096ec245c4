import fnmatch
import json

import pytest

from iot_dr.model.registry.keys import RESERVED_PREFIX
from iot_dr.services import health
from tests.unit.templates.resolving import ACCOUNT, PARAMETERS, POSTFIX, PRIMARY
from tests.unit.templates.stacks import Stack, make_stacks


@pytest.fixture(name="checker")
def checker_stack(stacks: dict[str, Stack]) -> Stack:
    return stacks["health checker"]


def test_the_launch_gives_the_postfix_and_the_rest_has_a_default(checker: Stack) -> None:
    parameters = checker.template["Parameters"]

    assert {name for name, parameter in parameters.items() if "Default" not in parameter} == {"StackPostfix"}


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


@pytest.mark.parametrize("question", ["health", "drains"])
def test_only_the_api_may_call_the_check_and_only_by_its_routes(question: str, checker: Stack) -> None:
    allowed = checker.properties(f"{question.capitalize()}ApiPermission")
    api = checker.resolve.name("HealthApi")
    called = f"arn:aws:execute-api:{PRIMARY}:{ACCOUNT}:{api}/$default/GET/{question}/abc"

    assert len(checker.of_type("AWS::Lambda::Permission")) == 2
    assert allowed["Principal"] == "apigateway.amazonaws.com"
    assert allowed["FunctionName"] == checker.resolve.name("CheckHealthFunction")
    assert fnmatch.fnmatchcase(called, allowed["SourceArn"])
    assert not fnmatch.fnmatchcase(called.replace("GET", "POST"), allowed["SourceArn"])


def test_the_integration_calls_the_function_that_the_permission_names(checker: Stack) -> None:
    integration = checker.properties("HealthIntegration")

    assert integration["IntegrationUri"] == checker.resolve.arn("CheckHealthFunction")
    assert integration["PayloadFormatVersion"] == "2.0"


def test_only_the_secret_paths_are_routes_so_strangers_meet_neither_function_nor_throttle(checker: Stack) -> None:
    routes = {checker.properties(route)["RouteKey"] for route in checker.of_type("AWS::ApiGatewayV2::Route")}

    path = checker.properties("HealthCheck")["HealthCheckConfig"]["ResourcePath"]
    assert routes == {f"GET {path}", f"GET {path.replace('/health/', '/drains/')}"}
    assert "{secret}" not in path


def test_the_access_log_tells_who_asked_and_never_the_path(checker: Stack) -> None:
    settings = checker.properties("HealthStage")["AccessLogSettings"]
    logged = json.loads(settings["Format"])

    assert settings["DestinationArn"] == checker.resolve.arn("HealthAccessLogGroup")
    assert {"$context.identity.sourceIp", "$context.identity.userAgent", "$context.status"} <= set(logged.values())
    for secret in ("path", "routeKey", "resourcePath", "protocol"):
        assert f"$context.{secret}" not in logged.values()


def test_an_alarm_tells_of_strangers_at_the_host(checker: Stack) -> None:
    alarm = checker.properties("HealthStrangersAlarm")

    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/ApiGateway", "4xx")
    assert alarm["Dimensions"] == [{"Name": "ApiId", "Value": checker.resolve.name("HealthApi")}]


@pytest.mark.parametrize(("chosen", "reserved"), [(0, None), (5, 5)])
def test_the_checks_concurrency_is_reserved_if_asked_for(chosen: int, reserved: int | None) -> None:
    checker = make_stacks({"HealthCheckConcurrency": chosen})["health checker"]

    assert checker.properties("CheckHealthFunction").get("ReservedConcurrentExecutions") == reserved


def test_the_api_is_throttled(checker: Stack) -> None:
    assert checker.properties("HealthStage")["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": 20,
        "ThrottlingBurstLimit": 40,
    }


def test_the_check_may_read_its_two_secrets_and_both_control_items_and_nothing_else(checker: Stack) -> None:
    log, secrets, control = checker.statements("CheckHealthRole")

    assert log["Sid"] == "WriteOwnLog"
    assert secrets["Action"] == ["secretsmanager:GetSecretValue"]
    assert secrets["Resource"] == [checker.resolve.arn("ProbeSecret"), checker.resolve.arn("PathSecret")]
    assert control["Action"] == ["dynamodb:GetItem"]
    assert control["Resource"] == [f"arn:aws:dynamodb:{PRIMARY}:{ACCOUNT}:table/{PARAMETERS['GlobalTableName']}"]
    keys = ["iot-dr#control", "iot-dr#canary"]
    assert control["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": keys}}


@pytest.mark.parametrize("notice", health.Notice)
def test_what_the_check_notices_rings_when_it_goes_on_for_minutes(notice: health.Notice, checker: Stack) -> None:
    alarm = checker.properties(f"{notice}Alarm")

    assert (alarm["Namespace"], alarm["MetricName"]) == ("IoTDR", notice)
    assert alarm["Dimensions"] == [{"Name": "service", "Value": "check_health"}]
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["Threshold"]) == (60, 3, 0)


@pytest.mark.parametrize(("alarm", "metric"), [("HealthFailedAlarm", "Errors"), ("HealthThrottledAlarm", "Throttles")])
def test_a_check_that_cannot_answer_rings_though_a_region_that_is_ill_is_for_route_53_alone(
    alarm: str, metric: str, checker: Stack
) -> None:
    found = checker.properties(alarm)

    assert (found["Namespace"], found["MetricName"]) == ("AWS/Lambda", metric)
    assert found["Dimensions"] == [{"Name": "FunctionName", "Value": checker.resolve.name("CheckHealthFunction")}]
    assert found["EvaluationPeriods"] == 3


def test_the_probes_certificate_is_attached_to_and_taken_off_its_own_thing_alone(checker: Stack) -> None:
    (attaching,) = [
        statement
        for statement in checker.statements("ProvisionProbeRole")
        if "iot:AttachThingPrincipal" in statement["Action"]
    ]

    assert attaching["Action"] == ["iot:AttachThingPrincipal", "iot:DetachThingPrincipal"]
    assert attaching["Resource"] == [f"arn:aws:iot:{PRIMARY}:{ACCOUNT}:cert/*"]
    probe = f"arn:aws:iot:{PRIMARY}:{ACCOUNT}:thing/{RESERVED_PREFIX}{POSTFIX}"
    assert attaching["Condition"] == {"ArnEqualsIfExists": {"iot:thingArn": probe}}
