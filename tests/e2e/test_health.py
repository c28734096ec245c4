"""The health checker as its template launches it: real function, real API endpoint, real MQTT, its own roles enforced.

The stack stands on an emulator of its own, because these tests take the Region's certificate and listener away.
"""

import http.client
import importlib.util
import io
import json
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from iot_dr.aws.failover.control import KEY
from lab.emulator import PRIMARY_REGION, ROOT, SECONDARY_REGION, Emulator
from lab.waiting import until
from templates import r53_health_checker
from templates.config import Config

pytestmark = pytest.mark.lab

POSTFIX = "20260101000000"
STACK = f"R53HealthChecker{POSTFIX}"
PROBE = f"iot-dr-probe-{POSTFIX}"
CONFIG = Config("iot-dr-health", "disaster-recovery-for-aws-iot", "v0.1.0", (PRIMARY_REGION,))
# Beside the package, the layer holds what requirements/lambda.txt names; that list is held by test_distribution.py.
LAYER_PACKAGES = ("iot_dr", "aws_lambda_powertools", "dns", "jmespath", "paho", "typing_extensions")
ROUTE_53_SECONDS = 2.0
TRIES = 3
"""One in time is enough: what else the machine does now counts as well."""
CONTROL_TABLE = f"IoTDRGlobalTable{POSTFIX}"
FLEET = "iot.example.com"
HERE, ELSEWHERE = PRIMARY_REGION, SECONDARY_REGION
"""The stack is launched as the secondary's, for that one has the drains check."""


class Relay:
    """Stands before the MQTT listener: counts the connections, and holds back what is sent if told to."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.silent = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._upstream)) as server:
            back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            back.start()
            self._pump(client, server)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while block := source.recv(65536):
                if not self.silent:
                    sink.sendall(block)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@dataclass
class Checker:
    """One launched health checker, and what an operator and Route 53 can do with it."""

    emulator: Emulator
    relay: Relay | None = None
    seconds: list[float] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return self.emulator.client(service)

    def physical_id(self, logical_id: str) -> str:
        answer = self.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])

    def outputs(self) -> dict[str, str]:
        (stack,) = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def path(self) -> str:
        """The path that Route 53 was told."""
        check = self.client("route53").get_health_check(HealthCheckId=self.physical_id("HealthCheck"))
        return str(check["HealthCheck"]["HealthCheckConfig"]["ResourcePath"])

    def drains_path(self) -> str:
        """The path that Route 53 was told for the other question."""
        check = self.client("route53").get_health_check(HealthCheckId=self.physical_id("DrainsCheck"))
        return str(check["HealthCheck"]["HealthCheckConfig"]["ResourcePath"])

    @contextmanager
    def ordered(self, **item: str) -> Iterator[None]:
        """Have the control item say something for a while."""
        table = self.client("dynamodb")
        table.put_item(TableName=CONTROL_TABLE, Item={**KEY, **{name: {"S": value} for name, value in item.items()}})
        try:
            yield
        finally:
            table.delete_item(TableName=CONTROL_TABLE, Key=KEY)

    def ask(self, path: str) -> tuple[int, dict[str, str], dict[str, str]]:
        """Ask the API's endpoint as Route 53 does; returns status, headers and body."""
        api = self.physical_id("HealthApi")
        start = time.monotonic()
        with closing(http.client.HTTPConnection("127.0.0.1", self.emulator.port, timeout=10)) as connection:
            connection.request("GET", path, headers={"Host": f"{api}.execute-api.localhost:{self.emulator.port}"})
            answer = connection.getresponse()
            body = json.loads(answer.read())
        self.seconds.append(time.monotonic() - start)
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body

    def answers(self) -> int:
        """How many answers the function has logged."""
        return self.logged("CheckHealth", "health check answered")

    def logged(self, function: str, text: str) -> int:
        """How many lines of a function's log have a text."""
        group = self.physical_id(f"{function}LogGroup")
        events = self.client("logs").filter_log_events(logGroupName=group)["events"]
        return sum(text in event["message"] for event in events)

    def certificate_id(self) -> str:
        (principal,) = self.client("iot").list_thing_principals(thingName=PROBE)["principals"]
        return str(principal.rpartition("/")[2])

    @contextmanager
    def deactivated(self) -> Iterator[None]:
        iot, certificate_id = self.client("iot"), self.certificate_id()
        iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
        try:
            yield
        finally:
            iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE")


def zipped(entries: Iterator[tuple[str, Path]]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in entries:
            archive.write(path, name)
    return target.getvalue()


def layer_entries() -> Iterator[tuple[str, Path]]:
    for package in LAYER_PACKAGES:
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None, package
        origin = Path(spec.origin)
        if origin.name != "__init__.py":
            yield f"python/{origin.name}", origin
            continue
        for path in sorted(origin.parent.rglob("*.py")):
            yield f"python/{package}/{path.relative_to(origin.parent)}", path


def function_entries(name: str) -> Iterator[tuple[str, Path]]:
    folder = ROOT / "source" / "lambda" / name
    for path in sorted(folder.glob("*.py")):
        yield f"{name}/{path.name}", path


def upload(checker: Checker) -> None:
    s3, bucket = checker.client("s3"), f"{CONFIG.bucket_prefix}-{PRIMARY_REGION}"
    s3.create_bucket(Bucket=bucket)
    zips = {
        "iot_dr_layer": layer_entries(),
        **{name: function_entries(name) for name in ("check_health", "provision_probe")},
    }
    for name, entries in zips.items():
        s3.put_object(Bucket=bucket, Key=f"{CONFIG.solution_name}/{CONFIG.version}/{name}.zip", Body=zipped(entries))


def make_control_table(checker: Checker) -> None:
    checker.client("dynamodb").create_table(
        TableName=CONTROL_TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in KEY],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in zip(KEY, ("HASH", "RANGE"), strict=True)],
    )


def make_zone(checker: Checker) -> str:
    zone = checker.client("route53").create_hosted_zone(Name="example.com", CallerReference="zone")
    return str(zone["HostedZone"]["Id"]).rpartition("/")[2]


def stack_status(checker: Checker) -> str:
    (stack,) = checker.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    status = str(stack["StackStatus"])
    return "" if status.endswith("_IN_PROGRESS") else f"{status} {stack.get('StackStatusReason', '')}".strip()


@contextmanager
def launched_checker(folder: Path, **others: str) -> Iterator[Checker]:
    """The template's stack on an emulator of its own, with some other parameters than those of a secondary's."""
    with Emulator(folder) as emulator:
        checker = Checker(emulator)
        upload(checker)
        make_control_table(checker)
        certificate = checker.client("acm").request_certificate(DomainName=FLEET)
        chosen = {
            "StackPostfix": POSTFIX,
            "PrimaryRegion": ELSEWHERE,
            "SecondaryRegion": HERE,
            "GlobalTableName": CONTROL_TABLE,
            "FleetName": FLEET,
            "HostedZoneId": make_zone(checker),
            "FleetCertificateArn": certificate["CertificateArn"],
            "HealthCheckInterval": "10",
            "RecordTtl": "3",
            **others,
        }
        checker.client("cloudformation").create_stack(
            StackName=STACK,
            TemplateBody=r53_health_checker.build(CONFIG).to_json(),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in chosen.items()],
        )
        assert until(lambda: stack_status(checker), 60) == "CREATE_COMPLETE"
        yield checker


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checker]:
    with (
        launched_checker(tmp_path_factory.mktemp("health")) as checker,
        closing(Relay(checker.emulator.mqtt_ports[PRIMARY_REGION])) as relay,
    ):
        checker.relay = relay
        _lead_through(checker, relay)
        yield checker


def _lead_through(checker: Checker, relay: Relay) -> None:
    """Give the function the relay's address as its endpoint; everything else stays as launched."""
    functions, name = checker.client("lambda"), checker.physical_id("CheckHealthFunction")
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    variables["IOT_ENDPOINT"] = f"localhost:{relay.port}"
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


@pytest.fixture
def relay(checker: Checker) -> Iterator[Relay]:
    assert checker.relay is not None
    yield checker.relay
    checker.relay.silent = False


def test_a_region_that_carries_messages_is_healthy_and_each_call_makes_a_connection(
    checker: Checker, relay: Relay
) -> None:
    before = relay.connections

    answers = [checker.ask(checker.path()) for _ in range(3)]

    assert [status for status, _, _ in answers] == [200, 200, 200]
    assert relay.connections == before + 3
    assert answers[0][1]["cache-control"] == "no-store"
    assert answers[0][2] == {"status": "healthy", "reason": "round_trip"}


def test_a_certificate_deactivated_between_two_calls_of_a_warm_function_fails_the_second(checker: Checker) -> None:
    path = checker.path()
    assert checker.ask(path)[0] == 200

    with checker.deactivated():
        status, _, body = checker.ask(path)
        assert (status, body["reason"]) == (503, "refused")

    assert checker.ask(path)[0] == 200


def test_a_policy_detached_between_two_calls_fails_the_second(checker: Checker) -> None:
    path, iot = checker.path(), checker.client("iot")
    (principal,) = iot.list_thing_principals(thingName=PROBE)["principals"]
    assert checker.ask(path)[0] == 200

    iot.detach_policy(policyName=PROBE, target=principal)
    try:
        assert checker.ask(path)[0] == 503
    finally:
        iot.attach_policy(policyName=PROBE, target=principal)

    assert checker.ask(path)[0] == 200


@pytest.mark.parametrize("guess", ["wrong", "x" * 43, "%C3%A9"])
def test_a_stranger_meets_no_route_and_so_neither_the_function_nor_its_throttle(
    checker: Checker, relay: Relay, guess: str
) -> None:
    before, answered = relay.connections, checker.answers()

    status, _, _ = checker.ask(f"/health/{guess}")

    assert status == 404
    assert (relay.connections, checker.answers()) == (before, answered)


def test_an_endpoint_that_falls_silent_is_answered_for_while_route_53_still_waits(
    checker: Checker, relay: Relay
) -> None:
    path = checker.path()
    assert checker.ask(path)[0] == 200

    relay.silent = True

    def in_time() -> bool:
        status, _, body = checker.ask(path)
        assert (status, body["reason"]) == (503, "unreachable")
        return checker.seconds[-1] < ROUTE_53_SECONDS

    assert any(in_time() for _ in range(TRIES))


def test_a_cold_function_answers_while_route_53_still_waits(checker: Checker, relay: Relay) -> None:
    def in_time() -> bool:
        _lead_through(checker, relay)  # a changed configuration ends the warm process
        assert checker.ask(checker.path())[0] == 200
        return checker.seconds[-1] < ROUTE_53_SECONDS

    assert any(in_time() for _ in range(TRIES))


def test_a_certificate_that_the_stack_replaced_is_found_by_a_warm_function(checker: Checker) -> None:
    path = checker.path()
    old = checker.certificate_id()
    assert checker.ask(path)[0] == 200
    checker.client("iot").update_certificate(certificateId=old, newStatus="INACTIVE")

    _update_probe(checker)

    assert checker.certificate_id() != old
    # The remembered credentials may be a few seconds too young to be read anew.
    assert until(lambda: checker.ask(path)[0] == 200, 10)


def _update_probe(checker: Checker) -> None:
    """Ask the provisioning function as CloudFormation does on an update."""
    event = {
        "RequestType": "Update",
        # Nobody waits there; the emulator answers 404, which the function takes as an answer refused.
        "ResponseURL": f"{checker.emulator.endpoint_url}/_ministack/cfn-response/none",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Probe",
        "PhysicalResourceId": PROBE,
        "ResourceProperties": {"ProbeName": PROBE, "SecretArn": checker.physical_id("ProbeSecret")},
    }
    answer = checker.client("lambda").invoke(
        FunctionName=checker.physical_id("ProvisionProbeFunction"), Payload=json.dumps(event).encode()
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


@contextmanager
def taken(checker: Checker, function: str, action: str) -> Iterator[None]:
    """Take one right from a function's role."""
    iam, role = checker.client("iam"), checker.physical_id(f"{function}Role")
    denial = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName="Taken", PolicyDocument=json.dumps(denial))
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="Taken")


def test_a_check_that_may_not_read_its_secrets_is_unhealthy_until_it_may(checker: Checker, relay: Relay) -> None:
    path = checker.path()
    with taken(checker, "CheckHealth", "secretsmanager:GetSecretValue"):
        _lead_through(checker, relay)  # a changed configuration ends the warm process, which remembers the secrets
        status, _, body = checker.ask(path)
        assert (status, body["status"]) == (503, "unhealthy")
        assert checker.logged("CheckHealth", "secretsmanager:GetSecretValue")

    assert until(lambda: checker.ask(path)[0] == 200, 10)


def test_a_probe_that_may_not_be_made_anew_leaves_the_old_one_in_service(checker: Checker) -> None:
    path, old = checker.path(), checker.certificate_id()
    with taken(checker, "ProvisionProbe", "iot:CreateKeysAndCertificate"):
        checker.client("iot").update_certificate(certificateId=old, newStatus="INACTIVE")
        _update_probe(checker)
        checker.client("iot").update_certificate(certificateId=old, newStatus="ACTIVE")
        assert checker.logged("ProvisionProbe", "iot:CreateKeysAndCertificate")
        assert checker.certificate_id() == old
        assert checker.ask(path)[0] == 200

    checker.client("iot").update_certificate(certificateId=old, newStatus="INACTIVE")
    _update_probe(checker)
    assert checker.certificate_id() != old
    assert until(lambda: checker.ask(path)[0] == 200, 10)


@pytest.mark.parametrize(
    ("order", "health", "drains"),
    [
        ({"leader": ELSEWHERE, "mode": "automatic"}, (200, "round_trip"), (404, "drains_not")),
        ({"leader": HERE, "mode": "automatic"}, (200, "round_trip"), (200, "drains")),
        ({"leader": HERE, "mode": "pinned"}, (200, "pinned"), (200, "drains")),
        ({"leader": ELSEWHERE, "mode": "moving"}, (503, "drained"), (404, "drains_not")),
    ],
)
def test_an_order_in_the_table_decides_both_answers_from_the_next_call_on(
    order: dict[str, str], health: tuple[int, str], drains: tuple[int, str], checker: Checker
) -> None:
    with checker.ordered(**order):
        answers = [checker.ask(path) for path in (checker.path(), checker.drains_path())]

    assert [(status, body["reason"]) for status, _, body in answers] == [health, drains]
    assert checker.ask(checker.path())[2]["reason"] == "round_trip"


def test_a_region_that_is_pinned_while_its_certificate_is_refused_is_told_of(checker: Checker) -> None:
    with checker.ordered(leader=HERE, mode="pinned"), checker.deactivated():
        status, _, body = checker.ask(checker.path())

    assert (status, body) == (200, {"status": "healthy", "reason": "pinned", "probe": "refused"})
    assert checker.logged("CheckHealth", "PinnedWhileFailing")


def test_a_garbled_order_changes_nothing_for_a_process_that_knows_the_last_one(checker: Checker) -> None:
    with checker.ordered(leader=HERE, mode="pinned"):
        assert checker.ask(checker.drains_path())[0] == 200
        with checker.ordered(leader="nowhere"):
            assert checker.ask(checker.drains_path())[0] == 200

    assert checker.logged("CheckHealth", "ControlUnreadable")


def test_an_order_that_may_not_be_read_leaves_a_new_process_to_the_round_trip(checker: Checker, relay: Relay) -> None:
    with checker.ordered(leader=ELSEWHERE, mode="pinned"), taken(checker, "CheckHealth", "dynamodb:GetItem"):
        _lead_through(checker, relay)  # a changed configuration ends the warm process, which knows the last order
        assert checker.ask(checker.path())[2]["reason"] == "round_trip"
        assert checker.ask(checker.drains_path())[0] == 404


def test_the_fleets_name_is_a_domain_and_a_record_that_the_regions_own_check_decides(checker: Checker) -> None:
    domain = checker.client("iot").describe_domain_configuration(domainConfigurationName=STACK)
    (record,) = records(checker, checker.outputs()["HostedZoneId"])

    assert (domain["domainName"], domain["domainConfigurationStatus"]) == (FLEET, "ENABLED")
    assert (record["Type"], record["Failover"]) == ("CNAME", "SECONDARY")
    assert (record["SetIdentifier"], record["TTL"]) == (HERE, 3)
    assert record["HealthCheckId"] == checker.outputs()["HealthCheckId"]
    assert record["ResourceRecords"] == [{"Value": checker.outputs()["RecordTarget"]}]


def test_route_53_asks_as_often_as_the_form_says(checker: Checker) -> None:
    check = checker.client("route53").get_health_check(HealthCheckId=checker.outputs()["DrainsCheckId"])
    config = check["HealthCheck"]["HealthCheckConfig"]

    assert (config["Type"], config["RequestInterval"], config["FailureThreshold"]) == ("HTTPS", 10, 3)


def test_neither_outputs_nor_variables_hold_a_secret(checker: Checker) -> None:
    secret = checker.path().rpartition("/")[2]
    assert len(secret) == 43
    key = checker.client("secretsmanager").get_secret_value(SecretId=checker.physical_id("ProbeSecret"))["SecretString"]
    functions = checker.client("lambda").list_functions()["Functions"]
    variables = json.dumps([function.get("Environment", {}) for function in functions])

    for shown in (json.dumps(checker.outputs()), variables):
        assert secret not in shown
        assert "PRIVATE KEY" not in shown
    assert "PRIVATE KEY" in key


def test_no_log_line_holds_the_path_or_a_key(checker: Checker) -> None:
    secret = checker.path().rpartition("/")[2]
    checker.ask(checker.path())
    logs = checker.client("logs")

    written = [
        event["message"]
        for group in logs.describe_log_groups()["logGroups"]
        for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
    ]

    assert any("health check answered" in message for message in written)
    assert not any(secret in message or "PRIVATE KEY" in message for message in written)


AS_PRIMARY = {
    "PrimaryRegion": HERE,
    "SecondaryRegion": ELSEWHERE,
    "SecondaryDrainsCheckId": "11111111-2222-3333-4444-555555555555",
    "FleetCertificateArn": "",
}


def test_the_primarys_stack_makes_a_certificate_and_a_record_that_both_answers_decide_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    with launched_checker(tmp_path, **AS_PRIMARY) as checker:
        iot, secrets, route53 = (checker.client(name) for name in ("iot", "secretsmanager", "route53"))
        outputs = checker.outputs()
        (record,) = records(checker, outputs["HostedZoneId"])
        check = route53.get_health_check(HealthCheckId=record["HealthCheckId"])["HealthCheck"]["HealthCheckConfig"]
        domain = iot.describe_domain_configuration(domainConfigurationName=STACK)

        assert (record["Failover"], record["HealthCheckId"]) == ("PRIMARY", outputs["FleetCheckId"])
        assert (check["Type"], check["HealthThreshold"]) == ("CALCULATED", 2)
        assert check["ChildHealthChecks"] == [outputs["HealthCheckId"], AS_PRIMARY["SecondaryDrainsCheckId"]]
        (certificate,) = domain["serverCertificates"]
        assert certificate["serverCertificateArn"] == checker.physical_id("FleetCertificate")
        assert checker.certificate_id()

        checker.client("cloudformation").delete_stack(StackName=STACK)

        assert until(lambda: not iot.list_policies()["policies"], 30)
        assert iot.list_things()["things"] == []
        assert iot.list_certificates()["certificates"] == []
        assert until(lambda: not secrets.list_secrets()["SecretList"], 30)
        assert until(lambda: not route53.list_health_checks()["HealthChecks"], 30)
        assert records(checker, outputs["HostedZoneId"]) == []
        names = [one["domainConfigurationName"] for one in iot.list_domain_configurations()["domainConfigurations"]]
        assert STACK not in names


def records(checker: Checker, zone: str) -> list[dict[str, Any]]:
    """Return the records of the fleet's name."""
    sets = checker.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return [one for one in sets if one["Name"].rstrip(".") == FLEET]
