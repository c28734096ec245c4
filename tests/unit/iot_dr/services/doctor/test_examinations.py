"""What the doctor asks depends on what there is: a launch, its stacks, and how much is to be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from iot_dr.errors import AccessDenied
from iot_dr.model.launch.concurrency import WORKERS_AT_ONCE
from iot_dr.model.launch.launched_stacks import LaunchedStack, Need
from iot_dr.model.sites import Side
from iot_dr.model.status.checks import Check, Level
from iot_dr.model.status.parity import Family, Settings
from iot_dr.services.doctor.examinations import Doctor
from iot_dr.services.doctor.stack_checks import Stacks
from tests.account import LAUNCH
from tests.builders import PAIR, PRIMARY, SECONDARY

STACKS = {
    where: LaunchedStack(*where, "CREATE_COMPLETE", {"SolutionVersion": "v1.0.0", "WorkBucketName": "work"})
    for where in LAUNCH.stacks
}
PRIMARY_STACK, SECONDARY_STACK = (PRIMARY, LAUNCH.primary_stack), (SECONDARY, LAUNCH.secondary_stack)
OF_LAUNCH = frozenset(
    {"stack", "roles", "global table", "mapping", "dead letter queue", "alarms", "kept stream records"}
)


class Region:
    """One Region: every setting but the CA certificates is alike in both, and only the primary has one of those."""

    def __init__(self, *authorities: str) -> None:
        self.authorities = authorities
        self.first_dynamic_group = ""

    def read(self, family: Family) -> Settings:
        lacking = family in (Family.CA_CERTIFICATES, Family.ROLE_ALIASES)
        return {name: {"status": "ACTIVE"} for name in self.authorities} if lacking else {}


class Launched:
    """The stacks of a launch, each as it is or with the fault of reading it."""

    def __init__(self, stacks: Mapping[tuple[str, str], LaunchedStack | AccessDenied]) -> None:
        self._stacks = stacks

    def read(self, region: str, name: str) -> LaunchedStack | None:
        found = self._stacks.get((region, name))
        if isinstance(found, AccessDenied):
            raise found
        return found


def stacks(changed: Mapping[tuple[str, str], LaunchedStack | AccessDenied | None] | None = None) -> Stacks:
    told = {where: one for where, one in {**STACKS, **(changed or {})}.items() if one is not None}
    read = Stacks(LAUNCH, Launched(told))
    read.read_all()
    return read


def a_doctor(certificates: int = 0, policies: int = 0) -> Doctor:
    """A doctor over parts of which those are real that a test asks."""
    regions = {PRIMARY: Region("authority"), SECONDARY: Region()}
    return Doctor(
        regions=PAIR,
        settings=cast(Any, SimpleNamespace(concurrency=lambda _region: 1000)),
        network=cast(Any, None),
        parts=cast(Any, None),
        facts=cast(Any, regions),
        quotas={},
        parity={Side.SOURCE: regions[PRIMARY], Side.TARGET: regions[SECONDARY]},
        rights=lambda region: cast(Any, SimpleNamespace(denied=lambda _need: {"iot:X": f"a policy of {region}"})),
        failed_records=lambda stack: cast(Any, SimpleNamespace(keys=lambda: [stack.name])),
        needs_of_primary=lambda stack: (Need("primary's", stack.region, frozenset({"iot:X"}), ("*",)),),
        needs_of_secondary=lambda stack: (Need("secondary's", stack.region, frozenset({"iot:X"}), ("*",)),),
        rights_to_read=lambda family: (f"iot:List{family.name}",),
        rights_to_read_stacks=("cloudformation:DescribeStacks",),
        version="1.0.0",
        clock=lambda: 1_000_000,
        certificates=certificates,
        policies=policies,
    )


def asked(read: Stacks | None, **extent: int) -> list[tuple[str, str]]:
    return [(one.name, one.region) for one in a_doctor(**extent).examinations(read)]


def answers(name: str, region: str, read: Stacks | None) -> list[Check]:
    (found,) = (one for one in a_doctor().examinations(read) if (one.name, one.region) == (name, region))
    return list(found.ask())


def test_before_a_launch_the_regions_and_the_fleet_are_asked_about_and_nothing_else() -> None:
    names = [name for name, _ in asked(None)]

    assert names[:3] == ["registry events", "thing indexing", "thing indexing"]
    assert names.count("device endpoint") == names.count("concurrent executions") == 2
    assert names[-len(Family) :] == [str(family) for family in Family]
    assert not OF_LAUNCH & set(names)


def test_of_a_launch_every_part_is_asked_about_in_its_own_region() -> None:
    found = asked(stacks())

    assert {name for name, _ in found} >= OF_LAUNCH
    assert [region for name, region in found if name == "stack"] == [region for region, _ in LAUNCH.stacks]
    for name in ("roles", "mapping", "dead letter queue", "alarms", "health checker's certificate"):
        assert {region for one, region in found if one == name} == {PRIMARY, SECONDARY}
    assert [region for name, region in found if name == "global table"] == [PRIMARY]
    assert [region for name, region in found if name == "kept stream records"] == [SECONDARY]


@pytest.mark.parametrize(
    ("where", "left_out"),
    [(PRIMARY_STACK, ("global table", PRIMARY)), (SECONDARY_STACK, ("kept stream records", SECONDARY))],
)
@pytest.mark.parametrize("fault", [None, AccessDenied("no right")])
def test_what_hangs_on_a_stack_that_is_not_there_or_cannot_be_read_is_not_asked(
    where: tuple[str, str], left_out: tuple[str, str], fault: AccessDenied | None
) -> None:
    found = asked(stacks({where: fault}))

    assert left_out not in found
    assert [region for name, region in found if name == "roles"] == [{PRIMARY: SECONDARY, SECONDARY: PRIMARY}[where[0]]]
    assert len([name for name, _ in found if name == "stack"]) == len(LAUNCH.stacks)


def test_a_launch_without_health_checkers_is_not_asked_for_their_certificates() -> None:
    found = asked(stacks(dict.fromkeys(stacks().health_checkers)))

    assert "health checker's certificate" not in {name for name, _ in found}


@pytest.mark.parametrize("certificates", [0, 10])
@pytest.mark.parametrize("policies", [0, 10])
def test_what_is_read_one_by_one_is_left_out_at_none(certificates: int, policies: int) -> None:
    names = {name for name, _ in asked(None, certificates=certificates, policies=policies)}

    assert ("device certificates" in names, "policies" in names) == (bool(certificates), bool(policies))


@pytest.mark.parametrize(
    ("mode", "of_authority"), [("jitr", Level.FAILURE), ("copy", Level.WARNING), (None, Level.WARNING)]
)
def test_a_ca_that_the_secondary_lacks_is_a_failure_where_devices_register_themselves_and_nothing_else_is(
    mode: str | None, of_authority: Level
) -> None:
    read = stacks(
        {SECONDARY_STACK: replace(STACKS[SECONDARY_STACK], parameters={"CertificateMode": mode})} if mode else {}
    )

    levels = [answers(str(family), "both Regions", read)[0].level for family in Family]

    by_family = dict(zip(Family, levels, strict=True))
    assert (by_family[Family.CA_CERTIFICATES], by_family[Family.ROLE_ALIASES]) == (of_authority, Level.WARNING)


@pytest.mark.parametrize(
    ("told", "enough"), [("5", True), ("900", False), ("", WORKERS_AT_ONCE < 900), ("many", WORKERS_AT_ONCE < 900)]
)
def test_concurrent_executions_are_judged_by_the_launchs_own_workers(told: str, enough: bool) -> None:
    read = stacks({SECONDARY_STACK: replace(STACKS[SECONDARY_STACK], parameters={"WorkersAtOnce": told})})

    (check,) = answers("concurrent executions", SECONDARY, read)

    assert (check.level is Level.OK) is enough


@pytest.mark.parametrize(("region", "role"), [(PRIMARY, "primary's"), (SECONDARY, "secondary's")])
def test_roles_are_asked_in_the_region_of_their_stack(region: str, role: str) -> None:
    (check,) = answers("roles", region, stacks())

    assert check.found == f"{role} cannot do iot:X in {region}: a policy of {region}"


def test_every_question_names_the_rights_that_asking_takes() -> None:
    assert [one.name for one in a_doctor(1, 1).examinations(stacks()) if not one.rights] == []


def test_a_doctor_that_knows_no_launch_says_so() -> None:
    def asking_nobody(_ask: Callable[[Any], Any], _questions: Iterable[Any], /) -> list[Any]:
        return []

    (told,) = a_doctor().consult(None, asking_nobody)

    assert (told.name, told.level) == ("launch", Level.WARNING)
    assert "no launch is named" in told.found
    assert a_doctor().consult(stacks(), asking_nobody) == ()
