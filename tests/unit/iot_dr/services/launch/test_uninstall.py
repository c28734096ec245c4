"""A removal takes a launch down in order, never without consent, and says what is left; the registry stays."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from iot_dr.errors import ConfigurationError, LaunchFailed, NotReadyYet, RegionUnavailable
from iot_dr.model.failover.control import Control
from iot_dr.model.launch.launched_stacks import LaunchedStack, StackResource
from iot_dr.model.launch.launches import Launch, LaunchResource, StackEvent
from iot_dr.model.regions import RegionPair
from iot_dr.ports.launch import LaunchRemover
from iot_dr.services.launch.uninstall import Uninstalled, Uninstaller, ensure_primary_leads, still_costs
from tests.failover_fakes import InMemoryControlStore, UnreadControl

REGIONS = RegionPair("us-east-1", "us-west-2")
LAUNCH = Launch(REGIONS, "20261124120000", "5f0c2a")
LEDGER = "IoTDRSecondary20261124120000-LedgerTable-1"
BOUNDARY = "arn:aws:iam::111122223333:policy/my-dr-LaunchedRolesBoundary-1A2B"
STACKS_IN_ORDER = [f"take down {name} {region}" for region, name in LAUNCH.stacks]


@dataclass
class Account:
    """Both Regions of an account in memory; plays every port."""

    there: set[LaunchResource] = field(default_factory=lambda: set(LAUNCH.resources))
    protected: set[tuple[str, str]] = field(default_factory=set)
    log: list[str] = field(default_factory=list)
    failing: str = ""
    unreadable: str = ""
    keeps_tables: bool = False
    fleet_name: str = ""

    def __post_init__(self) -> None:
        tables = (LAUNCH.global_table, LAUNCH.shadow_table)
        self.protected |= {(table, region) for table in tables for region in ("us-east-1", "us-west-2")}
        self.protected.add((LEDGER, "us-west-2"))

    def exists(self, resource: LaunchResource) -> bool:
        if self.unreadable and self.unreadable in str(resource):
            raise RegionUnavailable(self.unreadable)
        return resource in self.there

    def read(self, region: str, name: str) -> LaunchedStack | None:
        if not any((one.region, one.name) == (region, name) for one in self.there):
            return None
        tables = {
            LAUNCH.primary_stack: ("AWS::DynamoDB::GlobalTable", (LAUNCH.global_table, LAUNCH.shadow_table)),
            LAUNCH.secondary_stack: ("AWS::DynamoDB::Table", (LEDGER,)),
        }
        kind, names = tables.get(name, ("AWS::Lambda::Function", ("a-function",)))
        resources = tuple(StackResource(f"R{number}", kind, table) for number, table in enumerate(names))
        parameters = {"PermissionsBoundary": BOUNDARY, "FleetName": self.fleet_name}
        return LaunchedStack(region, name, "CREATE_COMPLETE", parameters=parameters, resources=resources)

    def unprotect(self, table: str, region: str) -> bool:
        found = (table, region) in self.protected
        self.protected.discard((table, region))
        return found

    def take_down(self, region: str, name: str, report: Callable[[StackEvent], None]) -> None:
        report(StackEvent("12:00:00", region, name, name, "stack", "DELETE_IN_PROGRESS"))
        if self.failing and self.failing in name:
            raise LaunchFailed(f"stack {name} ended in DELETE_FAILED")
        self.log.append(f"take down {name} {region}")
        gone = {one for one in self.there if (one.region, one.name) == (region, name)}
        if name == LAUNCH.primary_stack and not self.keeps_tables:
            assert not self.protected
            gone |= {one for one in self.there if one.kind == "table"}
        self.there -= gone

    def remove_table(self, table: str, region: str) -> None:
        self._remove(table, region)

    def remove_bucket(self, bucket: str, region: str) -> int:
        self._remove(bucket, region)
        return 1

    def _remove(self, name: str, region: str) -> None:
        self.log.append(f"remove {name} {region}")
        self.there -= {one for one in self.there if (one.region, one.name) == (region, name)}

    def step(self, text: str) -> None: ...

    def event(self, event: StackEvent) -> None: ...

    @property
    def uninstaller(self) -> Uninstaller:
        return Uninstaller(self, self, self, self)

    def uninstall(self, *, empty_buckets: bool = False) -> Uninstalled:
        return self.uninstaller.uninstall(LAUNCH, empty_buckets=empty_buckets)


def test_stacks_go_in_order_once_their_tables_can_and_buckets_stay_without_consent() -> None:
    account = Account()

    done = account.uninstall()

    assert account.log == STACKS_IN_ORDER
    assert account.protected == set()
    assert [one.resource.name for one in done.left] == [LAUNCH.secondary_bucket, LAUNCH.primary_bucket]
    assert done.failure == ""


def test_with_consent_nothing_is_left() -> None:
    account = Account()

    done = account.uninstall(empty_buckets=True)

    assert account.there == set()
    assert done.left == ()
    assert len(done.removed) == 6


def test_tables_that_outlive_their_stack_are_removed_after_it() -> None:
    account = Account(keeps_tables=True)

    done = account.uninstall()

    assert account.log[:4] == STACKS_IN_ORDER
    assert sorted(account.log[4:]) == sorted(
        f"remove {table} {region}"
        for table in (LAUNCH.global_table, LAUNCH.shadow_table)
        for region in ("us-east-1", "us-west-2")
    )
    assert {one.resource.kind for one in done.left} == {"bucket"}


def test_the_first_failure_ends_it_and_what_is_left_is_named_with_its_command() -> None:
    account = Account(failing="IoTDRSecondary")

    done = account.uninstall(empty_buckets=True)

    assert account.log == STACKS_IN_ORDER[:2]
    assert done.failure.startswith("stack IoTDRSecondary20261124120000 in us-west-2: stack")
    assert [one.resource.name for one in done.left][:2] == [LAUNCH.secondary_stack, LAUNCH.primary_stack]
    assert all("aws " in one.removal for one in done.left)


def test_a_removal_that_was_cut_off_goes_on() -> None:
    account = Account(failing="IoTDRPrimary")
    account.uninstall()
    account.failing = ""

    account.uninstall()

    assert account.log == STACKS_IN_ORDER


def test_what_cannot_be_checked_is_not_taken_for_gone() -> None:
    account = Account(unreadable="R53HealthChecker")

    done = account.uninstall(empty_buckets=True)

    assert account.log == []
    assert "could not be checked: RegionUnavailable" in done.failure


def test_a_plan_changes_nothing_and_names_what_follows() -> None:
    account = Account(fleet_name="devices.example.com")

    plan = account.uninstaller.plan(LAUNCH)

    assert account.log == []
    assert account.there == set(LAUNCH.resources)
    assert (plan.boundary, plan.fleet_name) == (BOUNDARY, "devices.example.com")
    assert plan.afterwards == (
        "the main stack, in its Region: aws cloudformation delete-stack --stack-name my-dr",
        f"then the roles' boundary: aws iam delete-policy --policy-arn {BOUNDARY}",
    )


def test_where_nothing_is_left_nothing_follows() -> None:
    plan = Account(there=set()).uninstaller.plan(LAUNCH)

    assert (plan.found, plan.afterwards) == ((), ())


def test_what_a_remover_can_do_has_nothing_to_do_with_a_registry() -> None:
    can = {name for name, member in vars(LaunchRemover).items() if inspect.isfunction(member) and name[0] != "_"}

    assert can == {"take_down", "unprotect", "remove_table", "remove_bucket"}


def test_while_the_secondary_leads_nothing_is_removed() -> None:
    with pytest.raises(ConfigurationError, match=r"us-west-2 leads.*Fail back first, or give --although"):
        ensure_primary_leads(InMemoryControlStore(Control("us-west-2")), REGIONS)


def test_while_the_primary_leads_a_removal_may_go_on() -> None:
    ensure_primary_leads(InMemoryControlStore(Control("us-east-1")), REGIONS)


def test_without_the_table_nobody_sends_devices_anywhere() -> None:
    ensure_primary_leads(UnreadControl(NotReadyYet("no such table")), REGIONS)


def test_who_leads_must_be_known() -> None:
    with pytest.raises(RegionUnavailable):
        ensure_primary_leads(UnreadControl(RegionUnavailable("away")), REGIONS)


def test_what_is_left_is_told_with_what_it_costs() -> None:
    costs = still_costs(Account().uninstall().left, REGIONS)

    assert costs[0] == f"bucket {LAUNCH.secondary_bucket} in us-west-2: what it holds, all versions"
    assert any("index of things in us-west-2" in line for line in costs)
