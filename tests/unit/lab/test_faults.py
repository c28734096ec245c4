"""What a client of AWS meets under a fault plan, with botocore's own clients."""

import signal
import subprocess
import sys
import time
from collections import Counter
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from lab.counting import Call, CountingProxy, Refusal
from lab.faults import ALL_KINDS, Death, FaultKind, FaultPlan, Outage, first_of, injected, without_region

PRIMARY, SECONDARY = "us-east-1", "us-west-2"
SESSION = boto3.Session()  # keeps the services' models, which take long to load
DESCRIBE = Call("iot", "DescribeThing", PRIMARY)


def client(proxy: CountingProxy, service: str = "iot", region: str = PRIMARY, **config: Any) -> Any:
    return SESSION.client(
        service,
        region_name=region,
        endpoint_url=proxy.endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


def detach(proxy: CountingProxy, **config: Any) -> None:
    client(proxy, **config).detach_policy(policyName="device", target="t")


def drawn(plan: FaultPlan, call: Call = DESCRIBE, times: int = 500) -> list[object]:
    return [plan(call) for _ in range(times)]


def test_the_same_seed_spoils_the_same_calls() -> None:
    assert drawn(FaultPlan(0.3, seed=7)) == drawn(FaultPlan(0.3, seed=7))
    assert drawn(FaultPlan(0.3, seed=7)) != drawn(FaultPlan(0.3, seed=8))


def test_calls_of_others_in_between_change_nothing() -> None:
    plan = FaultPlan(0.3, seed=7)
    mixed = []
    for _ in range(500):
        plan(Call("iot", "CreateThing", SECONDARY))
        mixed.append(plan(DESCRIBE))
    assert mixed == drawn(FaultPlan(0.3, seed=7))


def test_about_the_stated_share_is_spoiled_by_every_kind() -> None:
    plan = FaultPlan(0.3)
    drawn(plan, times=2000)
    assert 0.25 < plan.injected.total() / 2000 < 0.35
    assert {kind for kind, _ in plan.injected} == set(ALL_KINDS)


@pytest.mark.parametrize(("rate", "spoiled"), [(0.0, 0), (1.0, 500)])
def test_none_and_all(rate: float, spoiled: int) -> None:
    plan = FaultPlan(rate)
    assert len(list(filter(None, drawn(plan)))) == spoiled == plan.injected.total()


def test_only_the_named_calls_and_regions_are_spoiled() -> None:
    plan = FaultPlan(1.0, apis=["DescribeThing"], regions=[PRIMARY])
    assert plan(DESCRIBE)
    assert plan(Call("iot", "CreateThing", PRIMARY)) is None
    assert plan(Call("iot", "DescribeThing", SECONDARY)) is None


@pytest.mark.parametrize(
    ("service", "call", "kind", "status", "code"),
    [
        ("iot", "list_things", FaultKind.THROTTLING, 400, "ThrottlingException"),
        ("iot", "list_things", FaultKind.INTERNAL_ERROR, 500, "InternalFailureException"),
        ("iot", "list_things", FaultKind.UNAVAILABLE, 503, "ServiceUnavailableException"),
        ("iot-data", "list_retained_messages", FaultKind.THROTTLING, 429, "ThrottlingException"),
        ("dynamodb", "list_tables", FaultKind.THROTTLING, 400, "ThrottlingException"),
        ("dynamodb", "list_tables", FaultKind.INTERNAL_ERROR, 500, "InternalServerError"),
        ("dynamodb", "list_tables", FaultKind.UNAVAILABLE, 503, "ServiceUnavailable"),
        ("stepfunctions", "list_state_machines", FaultKind.THROTTLING, 400, "ThrottlingException"),
        ("stepfunctions", "list_state_machines", FaultKind.INTERNAL_ERROR, 500, "InternalFailure"),
    ],
)
def test_errors_come_as_the_service_sends_them(
    proxy: CountingProxy, service: str, call: str, kind: FaultKind, status: int, code: str
) -> None:
    with injected(proxy, FaultPlan(1.0, [kind])), pytest.raises(ClientError) as raised:
        getattr(client(proxy, service), call)()
    response = raised.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (status, code)


def test_a_modelled_error_is_raised_by_its_class(proxy: CountingProxy) -> None:
    iot = client(proxy)
    with injected(proxy, FaultPlan(1.0, [FaultKind.THROTTLING])), pytest.raises(iot.exceptions.ThrottlingException):
        iot.list_things()


def test_a_client_without_patience_meets_a_time_out(proxy: CountingProxy) -> None:
    with injected(proxy, FaultPlan(1.0, [FaultKind.TIME_OUT], silent_seconds=5)), pytest.raises(ReadTimeoutError):
        detach(proxy, read_timeout=0.2)


def test_silence_ends_after_its_time_whatever_the_clients_patience(proxy: CountingProxy) -> None:
    begun = time.monotonic()
    with (
        injected(proxy, FaultPlan(1.0, [FaultKind.TIME_OUT], silent_seconds=0.2)),
        pytest.raises(ConnectionClosedError),
    ):
        detach(proxy)
    assert 0.2 <= time.monotonic() - begun < 5


def test_a_slow_answer_arrives_and_the_connection_lives_on(proxy: CountingProxy) -> None:
    iot = client(proxy)
    begun = time.monotonic()
    with injected(proxy, FaultPlan(1.0, [FaultKind.SLOW], slow_seconds=0.2)):
        iot.detach_policy(policyName="device", target="t")
    assert time.monotonic() - begun >= 0.2
    iot.detach_policy(policyName="device", target="t")


@pytest.mark.parametrize(("kind", "carried_out"), [(FaultKind.RESET, 0), (FaultKind.ANSWER_LOST, 1)])
def test_a_reset_leaves_open_whether_the_call_was_carried_out(
    proxy: CountingProxy, served: Counter[str], kind: FaultKind, carried_out: int
) -> None:
    with injected(proxy, FaultPlan(1.0, [kind])), pytest.raises(ConnectionClosedError):
        detach(proxy)
    assert served["/target-policies/device"] == carried_out


def test_a_client_that_retries_comes_through(proxy: CountingProxy) -> None:
    plan = FaultPlan(0.3, [FaultKind.THROTTLING, FaultKind.UNAVAILABLE, FaultKind.RESET], seed=3)
    iot = SESSION.client(
        "iot",
        region_name=PRIMARY,
        endpoint_url=proxy.endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"mode": "standard", "total_max_attempts": 6}),
    )
    with injected(proxy, plan):
        for _ in range(5):
            iot.detach_policy(policyName="device", target="t")
    assert proxy.counts().total() == 5 + plan.injected.total()


def test_a_region_is_taken_away_and_given_back_under_way(proxy: CountingProxy) -> None:
    outage = Outage()
    here, there = client(proxy), client(proxy, region=SECONDARY)
    with injected(proxy, outage):
        outage.take_away(PRIMARY)
        with pytest.raises(ConnectionClosedError):
            here.detach_policy(policyName="device", target="t")
        there.detach_policy(policyName="device", target="t")
        outage.give_back(PRIMARY)
        here.detach_policy(policyName="device", target="t")


def test_a_region_can_be_gone_while_the_other_is_troubled(proxy: CountingProxy) -> None:
    trouble = Refusal(500, "InternalFailureException")
    with injected(proxy, lambda _: trouble):
        with without_region(proxy, SECONDARY, Refusal(503, "ServiceUnavailableException")):
            with pytest.raises(ClientError, match="ServiceUnavailable"):
                client(proxy, region=SECONDARY).list_things()
            with pytest.raises(ClientError, match="InternalFailure"):
                client(proxy).list_things()
        with pytest.raises(ClientError, match="InternalFailure"):
            client(proxy, region=SECONDARY).list_things()
    assert proxy.intercept is None


def test_the_first_fault_counts() -> None:
    refusal = Refusal(503, "ServiceUnavailableException")
    assert first_of(lambda _: None, lambda _: refusal, FaultPlan(1.0))(DESCRIBE) is refusal
    assert first_of(lambda _: None)(DESCRIBE) is None


CALLER = """
import sys, boto3
from botocore.config import Config
config = Config(retries={"total_max_attempts": 1})
keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
iot = boto3.client("iot", sys.argv[2], endpoint_url=sys.argv[1], config=config, **keys)
iot.detach_policy(policyName="device", target="t")
"""


@pytest.mark.parametrize("carried_out", [False, True])
def test_death_ends_the_process_that_makes_the_call_once_and_no_other(
    proxy: CountingProxy, served: Counter[str], carried_out: bool
) -> None:
    death = Death(["DetachPolicy"], PRIMARY, carried_out=carried_out)

    def call_from_another_process(region: str) -> int:
        return subprocess.run([sys.executable, "-c", CALLER, proxy.endpoint_url, region], check=False).returncode

    with injected(proxy, death):
        assert call_from_another_process(SECONDARY) == 0
        assert call_from_another_process(PRIMARY) == -signal.SIGKILL
        assert served["/target-policies/device"] == 1 + carried_out
        assert death.killed == {"DetachPolicy"}
        detach(proxy)  # the second such call
