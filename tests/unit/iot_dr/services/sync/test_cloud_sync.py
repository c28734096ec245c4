"""A sync in the account as its operator starts it and takes it up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest

from iot_dr.aws.quotas import DEFAULTS
from iot_dr.errors import ConfigurationError
from iot_dr.model.registry.keys import Kind, policy_key, thing_key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State
from iot_dr.model.sites import Side
from iot_dr.model.status.quotas import ApiQuota
from iot_dr.model.sync.fleet_runs import (
    AGAIN_STAGES,
    STAGES,
    THING_STAGES,
    FailedRequest,
    FleetRun,
    ListedRun,
    RunState,
)
from iot_dr.services.replication.settling import NO_CERTIFICATE
from iot_dr.services.sync.cloud_sync import CloudSync
from tests.builders import REGIONS

NOW = 1_764_000_000_000
ENDED = RunState("arn:run", "SUCCEEDED", 1000, FleetRun("r", apply=True, at_once=9))


@dataclass
class Account:
    """What an account holds and was asked for: each method is one that a sync in the account is given."""

    quotas: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    running: str | None = None
    last: str | None = "arn:run"
    run: RunState = ENDED
    started: list[FleetRun] = field(default_factory=list)
    redriven: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    ledger: tuple[LedgerItem, ...] = ()
    results: tuple[FailedRequest, ...] = ()
    queries: list[str] = field(default_factory=list)
    things: tuple[str, ...] = ("a1",)
    status: str = "SUCCEEDED"

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

    def listed(self) -> Iterator[ListedRun]:
        yield ListedRun("arn:run", self.status, 1000, 2000, self.run.run)

    def stop(self, arn: str) -> None:
        self.stopped.append(arn)

    def redrive(self, arn: str) -> None:
        self.redriven.append(arn)

    def selected(self, query: str) -> Iterator[str]:
        self.queries.append(query)
        return iter(self.things)

    def waiting(self) -> Iterator[LedgerItem]:
        return iter(self.ledger)

    def failed(self, run: str) -> Iterator[FailedRequest]:
        assert run == self.run.run.run
        return iter(self.results)

    def sync(self, select: str = "", *, with_shadows: bool = True) -> CloudSync:
        """Open the sync in this account."""
        tokens = count(1)
        return CloudSync(
            direction=REGIONS,
            runs=self,
            quotas=dict.fromkeys(Side, self),
            selected=self.selected,
            waiting=self.waiting,
            failed=self.failed,
            clock=lambda: NOW,
            new_token=lambda: f"{next(tokens):04x}",
            select=select,
            with_shadows=with_shadows,
        )


@pytest.fixture
def account() -> Account:
    return Account()


def test_a_run_begins_with_as_many_batches_as_the_quotas_feed(account: Account) -> None:
    assert account.sync().start(apply=True) == "arn:new"

    (run,) = account.started
    assert (run.apply, run.at_once, run.kinds) == (True, 4, STAGES)


def test_a_number_that_was_given_stands(account: Account) -> None:
    account.sync().start(apply=True, at_once=7)

    assert account.started[0].at_once == 7


def test_every_run_has_a_name_of_its_own(account: Account) -> None:
    sync = account.sync()
    for _ in range(2):
        sync.start(apply=True)

    assert [run.run for run in account.started] == ["20251124T160000-0001", "20251124T160000-0002"]


def test_shadows_are_left_out_where_they_are_not_replicated(account: Account) -> None:
    account.sync(with_shadows=False).start(apply=True)

    assert account.started[0].kinds == tuple(kind for kind in STAGES if kind is not Kind.THING_SHADOWS)


def test_a_query_has_things_listed_and_is_tried_before_anything_is_started(account: Account) -> None:
    account.sync("thingName:a*").start(apply=True)

    assert account.queries == ["thingName:a*"]
    assert (account.started[0].select, account.started[0].kinds) == ("thingName:a*", THING_STAGES)


def test_a_query_that_selects_nothing_starts_nothing(account: Account) -> None:
    account.things = ()

    with pytest.raises(ConfigurationError, match=r"'thingName:a\*' selects no thing in us-east-1"):
        account.sync("thingName:a*").start(apply=True)
    assert not account.started


def test_no_run_is_started_beside_another(account: Account) -> None:
    account.running = "arn:other"

    with pytest.raises(ConfigurationError, match="--follow arn:other"):
        account.sync().start(apply=True)
    assert not account.started


def test_a_run_that_step_functions_can_take_up_is_redriven(account: Account) -> None:
    account.run = replace(ENDED, status="FAILED", redrivable=True)

    assert account.sync().again("arn:run") == "arn:run"
    assert (account.redriven, account.started) == (["arn:run"], [])


def test_of_a_run_that_came_to_its_end_what_failed_is_run_anew(account: Account) -> None:
    account.results = (FailedRequest(thing_key("pump-1"), "not today"),)

    assert account.sync().again("arn:run") == "arn:new"

    (run,) = account.started
    assert (run.again, run.at_once, run.kinds) == ("r", 9, AGAIN_STAGES)
    assert not account.redriven


def test_of_a_run_of_which_nothing_failed_nothing_is_started(account: Account) -> None:
    assert account.sync().again("arn:run") is None
    assert (account.redriven, account.started) == ([], [])


def test_a_failed_run_that_step_functions_cannot_take_up_is_begun_anew(account: Account) -> None:
    failed = FleetRun("r", apply=True, at_once=9, select="thingName:a*", kinds=(), kind=Kind.THING)
    account.run = replace(ENDED, status="FAILED", run=failed)

    assert account.sync().again("arn:run") == "arn:new"

    (run,) = account.started
    assert (run.select, run.again, run.at_once, run.kinds) == ("thingName:a*", "", 9, THING_STAGES)


def test_a_run_that_is_under_way_is_not_run_again(account: Account) -> None:
    account.run = replace(ENDED, status="RUNNING")

    with pytest.raises(ConfigurationError, match="under way"):
        account.sync().again("arn:run")


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_a_dry_run_is_never_run_again(account: Account, status: str) -> None:
    account.run = replace(ENDED, status=status, redrivable=True, run=FleetRun("r", apply=False, at_once=9))

    with pytest.raises(ConfigurationError, match="arn:run was a dry run"):
        account.sync().again("arn:run")
    assert (account.redriven, account.started) == ([], [])


def test_every_api_that_sets_the_limit_is_named(account: Account) -> None:
    account.quotas = dict.fromkeys(("GetPolicy", "DescribeCertificate", "ListThingPrincipalsV2"), 50.0)
    account.reason = "not allowed"

    pace = account.sync().pace()

    assert (pace.per_second, pace.limits) == (10, (("us-west-2", "RegisterCertificateWithoutCA"),))
    assert pace.assumed == "not allowed"


@pytest.mark.parametrize(
    ("earlier", "listed"),
    [
        ({}, {Kind.THING: 7}),
        ({"run": "r2"}, {}),
        ({"select": "thingName:a*"}, {}),
        ({"again": "r"}, {}),
    ],
    ids=["the same", "itself", "a selection", "what failed"],
)
def test_what_a_run_will_list_is_told_by_the_last_one_of_its_kind(
    account: Account, earlier: dict[str, Any], listed: dict[Kind, int]
) -> None:
    whole = FleetRun("r", apply=False, at_once=1, listed={Kind.THING: 7})
    account.run = replace(ENDED, run=replace(whole, **earlier))

    assert account.sync().listed_before(replace(whole, run="r2")) == listed


def test_a_run_that_failed_tells_nothing_of_what_another_will_list(account: Account) -> None:
    account.status = "FAILED"

    assert account.sync().listed_before(FleetRun("r2", apply=True, at_once=1)) == {}


def test_failures_are_those_of_the_run_each_told_once(account: Account) -> None:
    account.ledger = (
        LedgerItem(thing_key("refused"), State.FAILED, "not today", checked_at=1500),
        LedgerItem(thing_key("throttled"), State.PENDING, "Throttled: slow down", checked_at=1500),
        LedgerItem(thing_key("incomplete"), State.PENDING, NO_CERTIFICATE, checked_at=1500),
        LedgerItem(thing_key("earlier"), State.FAILED, "not yesterday", checked_at=500),
    )
    account.results = (
        FailedRequest(thing_key("refused"), "TIMED_OUT"),
        FailedRequest(policy_key("lost"), "FailureLost"),
    )

    assert list(account.sync().failures(ENDED)) == [
        FailedRequest(thing_key("refused"), "not today"),
        FailedRequest(thing_key("throttled"), "Throttled: slow down"),
        FailedRequest(policy_key("lost"), "FailureLost"),
    ]


def test_without_any_run_there_is_nothing_to_run_again(account: Account) -> None:
    account.last = None

    with pytest.raises(ConfigurationError, match="no sync in the account yet"):
        account.sync().newest()


def test_the_run_that_is_under_way_is_found_and_that_there_is_none_is_said() -> None:
    assert Account(running="arn:running").sync().running() == "arn:running"
    with pytest.raises(ConfigurationError, match="no sync is under way in the account; `iot-dr runs` lists"):
        Account().sync().running()


def test_runs_are_listed_and_stopped_as_the_account_has_them() -> None:
    account = Account()

    assert [one.arn for one in account.sync().listed()] == ["arn:run"]
    account.sync().stop("arn:run")
    assert account.stopped == ["arn:run"]
