"""A sync in the account as its operator starts it and takes it up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from iot_dr.aws.quotas import DEFAULTS
from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.registry.keys import Kind, policy_key, thing_key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State
from iot_dr.model.status.quotas import ApiQuota
from iot_dr.model.sync.fleet_runs import AGAIN_STAGES, STAGES, THING_STAGES, FailedRequest, FleetRun, RunState
from iot_dr.runtime.commands import sync_in_cloud as syncing_in_cloud
from iot_dr.runtime.commands.sync import SyncSettings
from iot_dr.runtime.commands.sync_in_cloud import CloudSync
from iot_dr.services.replication.replicate import NO_CERTIFICATE

SETTINGS = SyncSettings("us-east-1", "us-west-2", "ledger", "20261124", "5f0c2a")
OUTPUTS = {"FleetSyncStateMachineArn": "arn:machine", "WorkBucketName": "work", "LedgerTableName": "ledger"}
ENDED = RunState("arn:run", "SUCCEEDED", 1000, FleetRun("r", apply=True, at_once=9))


@dataclass
class Account:
    """What an account holds and was asked for; each adapter is a method that makes one."""

    outputs: Mapping[str, str] = field(default_factory=lambda: OUTPUTS)
    parameters: Mapping[str, str] = field(default_factory=lambda: {"ReplicateShadows": "all"})
    quotas: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    running: str | None = None
    last: str | None = "arn:run"
    run: RunState = ENDED
    started: list[FleetRun] = field(default_factory=list)
    redriven: list[str] = field(default_factory=list)
    waiting: tuple[LedgerItem, ...] = ()
    results: tuple[FailedRequest, ...] = ()
    queries: list[str] = field(default_factory=list)
    things: tuple[str, ...] = ("a1",)

    def read(self, region: str, name: str) -> LaunchedStack | None:
        if not self.outputs:
            return None
        return LaunchedStack(region, name, "CREATE_COMPLETE", self.outputs, self.parameters)

    def read_or_defaults(self) -> tuple[Mapping[str, ApiQuota], str]:
        names = {**DEFAULTS, "ListThingPrincipalsV2": 10.0, **self.quotas}
        return {name: ApiQuota(name, applied) for name, applied in names.items()}, self.reason

    def newest(self, status: str = "") -> str | None:
        return self.running if status == "RUNNING" else self.last

    def newest_applied(self) -> str | None:
        return self.last

    def start(self, run: FleetRun) -> str:
        self.started.append(run)
        return "arn:new"

    def state(self, arn: str) -> RunState:
        return replace(self.run, arn=arn)

    def redrive(self, arn: str) -> None:
        self.redriven.append(arn)

    def names(self, query: str) -> Iterator[str]:
        self.queries.append(query)
        return iter(self.things)

    def ledger(self) -> Iterator[LedgerItem]:
        return iter(self.waiting)

    def failed(self, run: str) -> Iterator[FailedRequest]:
        assert run == self.run.run.run
        return iter(self.results)


class _Ledger:
    def __init__(self, account: Account) -> None:
        self.waiting = account.ledger


Opened = Callable[..., CloudSync]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()

    def gives(adapter: Any) -> Callable[..., Any]:
        return lambda *_args, **_named: adapter

    for name in ("CloudFormationStackReader", "ApiQuotas", "FleetRuns", "SelectedThings", "Results"):
        monkeypatch.setattr(syncing_in_cloud, name, gives(made))
    monkeypatch.setattr(syncing_in_cloud, "DynamoDbLedgerReader", gives(_Ledger(made)))
    monkeypatch.setattr(syncing_in_cloud, "client", gives(None))
    return made


def test_a_run_begins_with_as_many_batches_as_the_quotas_feed(account: Account) -> None:
    assert CloudSync(SETTINGS).start(apply=True) == "arn:new"

    (run,) = account.started
    assert (run.apply, run.at_once, run.kinds) == (True, 4, STAGES)


def test_a_number_that_was_given_stands(account: Account) -> None:
    CloudSync(SETTINGS).start(apply=True, at_once=7)

    assert account.started[0].at_once == 7


def test_every_run_has_a_name_of_its_own(account: Account) -> None:
    for _ in range(2):
        CloudSync(SETTINGS).start(apply=True)

    first, second = account.started
    assert first.run != second.run


def test_shadows_are_left_out_where_they_are_not_replicated(account: Account) -> None:
    account.parameters = {"ReplicateShadows": "none"}

    CloudSync(SETTINGS).start(apply=True)

    assert account.started[0].kinds == tuple(kind for kind in STAGES if kind is not Kind.THING_SHADOWS)


def test_a_query_has_things_listed_and_is_tried_before_anything_is_started(account: Account) -> None:
    CloudSync(replace(SETTINGS, select="thingName:a*")).start(apply=True)

    assert account.queries == ["thingName:a*"]
    assert (account.started[0].select, account.started[0].kinds) == ("thingName:a*", THING_STAGES)


def test_a_query_that_selects_nothing_starts_nothing(account: Account) -> None:
    account.things = ()

    with pytest.raises(ConfigurationError, match=r"'thingName:a\*' selects no thing in us-east-1"):
        CloudSync(replace(SETTINGS, select="thingName:a*")).start(apply=True)
    assert not account.started


def test_no_run_is_started_beside_another(account: Account) -> None:
    account.running = "arn:other"

    with pytest.raises(ConfigurationError, match="--follow arn:other"):
        CloudSync(SETTINGS).start(apply=True)
    assert not account.started


def test_a_run_that_step_functions_can_take_up_is_redriven(account: Account) -> None:
    account.run = replace(ENDED, status="FAILED", redrivable=True)

    assert CloudSync(SETTINGS).again("arn:run") == "arn:run"
    assert (account.redriven, account.started) == (["arn:run"], [])


def test_of_a_run_that_came_to_its_end_what_failed_is_run_anew(account: Account) -> None:
    assert CloudSync(SETTINGS).again("arn:run") == "arn:new"

    (run,) = account.started
    assert (run.again, run.at_once, run.kinds) == ("r", 9, AGAIN_STAGES)
    assert not account.redriven


def test_a_failed_run_that_step_functions_cannot_take_up_is_begun_anew(account: Account) -> None:
    failed = FleetRun("r", apply=True, at_once=9, select="thingName:a*", kinds=(), kind=Kind.THING)
    account.run = replace(ENDED, status="FAILED", run=failed)

    assert CloudSync(SETTINGS).again("arn:run") == "arn:new"

    (run,) = account.started
    assert (run.select, run.again, run.at_once, run.kinds) == ("thingName:a*", "", 9, THING_STAGES)


def test_a_run_that_is_under_way_is_not_run_again(account: Account) -> None:
    account.run = replace(ENDED, status="RUNNING")

    with pytest.raises(ConfigurationError, match="under way"):
        CloudSync(SETTINGS).again("arn:run")


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_a_dry_run_is_never_run_again(account: Account, status: str) -> None:
    account.run = replace(ENDED, status=status, redrivable=True, run=FleetRun("r", apply=False, at_once=9))

    with pytest.raises(ConfigurationError, match="arn:run was a dry run"):
        CloudSync(SETTINGS).again("arn:run")
    assert (account.redriven, account.started) == ([], [])


def test_every_api_that_sets_the_limit_is_named(account: Account) -> None:
    account.quotas = dict.fromkeys(("GetPolicy", "DescribeCertificate", "ListThingPrincipalsV2"), 50.0)
    account.reason = "not allowed"

    pace = CloudSync(SETTINGS).pace()

    assert (pace.per_second, pace.limits) == (10, (("us-west-2", "RegisterCertificateWithoutCA"),))
    assert "not allowed" in pace.assumed


def test_failures_are_those_of_the_run_each_told_once(account: Account) -> None:
    account.waiting = (
        LedgerItem(thing_key("refused"), State.FAILED, "not today", checked_at=1500),
        LedgerItem(thing_key("throttled"), State.PENDING, "Throttled: slow down", checked_at=1500),
        LedgerItem(thing_key("incomplete"), State.PENDING, NO_CERTIFICATE, checked_at=1500),
        LedgerItem(thing_key("earlier"), State.FAILED, "not yesterday", checked_at=500),
    )
    account.results = (
        FailedRequest(thing_key("refused"), "TIMED_OUT"),
        FailedRequest(policy_key("lost"), "FailureLost"),
    )

    assert list(CloudSync(SETTINGS).failures(ENDED)) == [
        FailedRequest(thing_key("refused"), "not today"),
        FailedRequest(thing_key("throttled"), "Throttled: slow down"),
        FailedRequest(policy_key("lost"), "FailureLost"),
    ]


@pytest.mark.parametrize(
    ("outputs", "mend"),
    [({}, "launch it first"), ({"LedgerTableName": "ledger"}, "FleetSyncStateMachineArn.*update it")],
)
def test_a_stack_that_is_missing_or_too_old_is_named_with_the_mend(
    outputs: dict[str, str], mend: str, account: Account
) -> None:
    account.outputs = outputs

    with pytest.raises(ConfigurationError, match=mend):
        CloudSync(SETTINGS)


def test_without_any_run_there_is_nothing_to_run_again(account: Account) -> None:
    account.last = None

    with pytest.raises(ConfigurationError, match="no sync in the account yet"):
        CloudSync(SETTINGS).newest()
