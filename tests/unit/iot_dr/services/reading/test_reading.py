"""Both Regions are read whole, in as few calls as are exact, and a reading that was cut off goes on."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from iot_dr.errors import AccessDenied, InvalidResource, IotDrError, RegionUnavailable, Throttled
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.model.registry.entities import (
    BillingGroup,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Thing,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import Kind, certificate_target, shadow_key, thing_group_target
from iot_dr.model.registry.kinds import REGISTRY_KINDS
from iot_dr.model.registry.read_calls import Page, PageRequest, ReadCall
from iot_dr.model.shadows.shadow import Shadow, ShadowSelection
from iot_dr.model.sites import Side
from iot_dr.services.reading.reading import BEHIND_ALL, EVERYTHING, CertificateSample, Documents, Reading, Unseen
from iot_dr.services.reading.region_lane import PATIENCE
from tests.builders import a_certificate, a_device, a_dynamic_group, a_group, a_policy, a_thing, a_thing_type
from tests.fakes import InMemoryRegistry
from tests.fleets import InMemoryFleet

BOTH = (Side.SOURCE, Side.TARGET)
SECONDS = 30
Fault = Callable[[PageRequest, int], IotDrError | None]


@dataclass
class Region:
    """A fleet whose calls a test may spoil; `most` is how many there were at once."""

    fleet: InMemoryFleet
    fault: Fault = lambda _call, _number: None
    made: int = 0
    now: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, call: PageRequest) -> Page:
        with self.lock:
            self.made += 1
            self.now += 1
            self.most = max(self.most, self.now)
            number = self.made
        try:
            if error := self.fault(call, number):
                raise error
            return self.fleet.ask(call)
        finally:
            with self.lock:
                self.now -= 1


@pytest.fixture
def regions() -> dict[Side, Region]:
    found = {side: Region(InMemoryFleet(InMemoryRegistry(), page_size=2)) for side in BOTH}
    for region in found.values():
        region.fleet.registry.put(
            a_thing_type(),
            BillingGroup("costs", "all"),
            *a_device("pump-1"),
            *a_device("pump-2"),
            *a_device("pump-3", policy="valves"),
            a_group("site"),
            a_group("floor", "site"),
            a_dynamic_group(),
            PolicyAttachment("pumps", thing_group_target("site")),
            *(GroupMembership("floor", f"pump-{number}") for number in (1, 2, 3)),
        )
        region.fleet.registry.put(Thing("pump-1", {"site": "south"}, "pump", "costs"))
    return found


def held(store: SqliteComparisonStore, side: Side) -> dict[str, object]:
    return {str(entity.key): entity for kind in Kind for entity in store.entities(side, kind)}


def asked(region: Region) -> Counter[ReadCall]:
    return Counter(call.question for call in region.fleet.asked)


def test_everything_that_a_registry_holds_is_read(store: SqliteComparisonStore, regions: dict[Side, Region]) -> None:
    assert Reading(store, regions).read()

    for side, region in regions.items():
        assert held(store, side) == {str(key): entity for key, entity in region.fleet.registry.with_tags.items()}


def test_a_device_takes_one_call_beside_its_share_of_the_lists(store: SqliteComparisonStore, tmp_path: Path) -> None:
    registry = InMemoryRegistry()
    registry.put(*(one for number in range(600) for one in a_device(f"pump-{number}")), a_group("site"))
    registry.put(*(GroupMembership("site", f"pump-{number}") for number in range(600)))
    fleet = InMemoryFleet(registry)

    Reading(store, {Side.SOURCE: fleet, Side.TARGET: InMemoryFleet(registry)}).read()

    made = Counter(call.question for call in fleet.asked)
    assert made.pop(ReadCall.THINGS_OF_CERTIFICATE) == 600
    # Things, certificates, members and targets by pages of 250; types, groups, policies, what describes them, and tags.
    assert made.total() == 4 * 3 + 4 + 2 + 2


def test_no_call_is_made_twice(store: SqliteComparisonStore, regions: dict[Side, Region]) -> None:
    Reading(store, regions).read()
    Reading(store, regions).read()

    for region in regions.values():
        assert max(Counter(region.fleet.asked).values()) == 1


def test_certificates_are_asked_where_there_are_no_more_of_them_than_things(
    store: SqliteComparisonStore, regions: dict[Side, Region]
) -> None:
    regions[Side.SOURCE].fleet.registry.put(*(a_certificate(str(number)) for number in range(5)))

    reading = Reading(store, regions)
    reading.read()

    assert asked(regions[Side.SOURCE])[ReadCall.THINGS_OF_CERTIFICATE] == 0
    assert asked(regions[Side.SOURCE])[ReadCall.CERTIFICATES_OF_THING] == 3
    assert asked(regions[Side.TARGET])[ReadCall.THINGS_OF_CERTIFICATE] == 3
    assert [reading.follows(side, Kind.THING_PRINCIPAL) for side in BOTH] == [False, True]
    assert store.number(Side.SOURCE, Kind.THING_PRINCIPAL) == store.number(Side.TARGET, Kind.THING_PRINCIPAL) == 3


def own_policies(region: Region, devices: int) -> None:
    """Give a Region devices with a policy each, and a group with one."""
    region.fleet.registry.put(
        *(one for number in range(devices) for one in a_device(f"own-{number}", policy=f"p-{number}"))
    )


def test_certificates_are_asked_for_their_policies_where_few_share_one(
    store: SqliteComparisonStore, regions: dict[Side, Region]
) -> None:
    own_policies(regions[Side.SOURCE], 4)
    regions[Side.TARGET].fleet.registry.put(*(a_certificate(f"more-{number}") for number in range(3)))

    reading = Reading(store, regions)
    reading.read(documents=Documents.ALL)

    assert reading.attachments_by(Side.SOURCE) is ReadCall.POLICIES_OF_CERTIFICATE
    made = asked(regions[Side.SOURCE])
    assert made[ReadCall.POLICIES_OF_CERTIFICATE] == 7
    assert made[ReadCall.POLICIES_OF_GROUP] == 3
    assert made[ReadCall.TARGETS_OF_POLICY] == 0
    assert reading.attachments_by(Side.TARGET) is ReadCall.TARGETS_OF_POLICY
    # Four targets of one, by pages of two, and one of the other.
    assert asked(regions[Side.TARGET])[ReadCall.TARGETS_OF_POLICY] == 3
    assert asked(regions[Side.TARGET])[ReadCall.POLICIES_OF_CERTIFICATE] == 0
    for side, region in regions.items():
        assert held(store, side) == {str(key): entity for key, entity in region.fleet.registry.with_tags.items()}


def test_what_is_attached_is_told_up_to_where_it_was_read(
    store: SqliteComparisonStore, regions: dict[Side, Region]
) -> None:
    own_policies(regions[Side.SOURCE], 4)
    regions[Side.TARGET].fleet.registry.put(*(a_certificate(f"more-{number}") for number in range(3)))
    reading = Reading(store, regions, threads=1)
    kind = Kind.POLICY_ATTACHMENT
    reading.read(EVERYTHING - {kind})

    first, second = sorted(one.other for one in regions[Side.SOURCE].fleet.registry.entities if one.kind is kind)[:2]
    assert reading.reached(Side.SOURCE, kind) == first
    # Of no certificate all is known before every policy has told its targets.
    assert reading.reached(Side.TARGET, kind) == ""
    answered = PageRequest(ReadCall.POLICIES_OF_CERTIFICATE, first.removeprefix("cert/"))
    store.keep(Side.SOURCE, [(answered, Page(()))])
    assert reading.reached(Side.SOURCE, kind) == second

    reading.read({kind})
    assert [reading.reached(side, kind) for side in BOTH] == [BEHIND_ALL, BEHIND_ALL]


def test_groups_come_behind_the_certificates_as_targets(
    store: SqliteComparisonStore, regions: dict[Side, Region]
) -> None:
    own_policies(regions[Side.SOURCE], 4)
    stop = threading.Event()

    def stopping(call: PageRequest, _number: int) -> None:
        if call.question is ReadCall.POLICIES_OF_GROUP:
            stop.set()

    regions[Side.SOURCE].fault = stopping
    reading = Reading(store, regions, threads=1, stop=stop)
    assert not reading.read()

    # The one that was asked last is answered.
    assert reading.reached(Side.SOURCE, Kind.POLICY_ATTACHMENT) == thing_group_target("hot")


def test_attachments_and_principals_take_turns(store: SqliteComparisonStore, regions: dict[Side, Region]) -> None:
    own_policies(regions[Side.SOURCE], 8)
    Reading(store, regions, threads=1).read()

    each = (ReadCall.POLICIES_OF_CERTIFICATE, ReadCall.THINGS_OF_CERTIFICATE)
    made = [call for call in regions[Side.SOURCE].fleet.asked if call.question in each]
    certificates = sorted({call.subject for call in made})
    assert [(call.question, call.subject) for call in made] == [(one, name) for name in certificates for one in each]


def test_documents_are_read_of_the_policies_that_both_regions_have(
    store: SqliteComparisonStore, regions: dict[Side, Region]
) -> None:
    regions[Side.SOURCE].fleet.registry.put(a_policy("new"))

    Reading(store, regions).read()
    assert asked(regions[Side.SOURCE])[ReadCall.POLICY] == 2
    assert store.pair(a_policy("new").key).source == Policy("new", "")

    Reading(store, regions).read(documents=Documents.ALL)
    assert store.pair(a_policy("new").key).source == replace(a_policy("new"), tags={})


def test_a_part_can_be_read_first_and_the_rest_later(store: SqliteComparisonStore, regions: dict[Side, Region]) -> None:
    reading = Reading(store, regions)

    reading.read(EVERYTHING - {Kind.THING_PRINCIPAL})
    assert store.number(Side.SOURCE, Kind.THING_PRINCIPAL) == 0
    first = min(a_certificate(f"pump-{one}").certificate_id for one in (1, 2, 3))
    assert reading.reached(Side.SOURCE, Kind.THING_PRINCIPAL) == first

    reading.read({Kind.THING_PRINCIPAL})
    assert store.number(Side.SOURCE, Kind.THING_PRINCIPAL) == 3
    assert reading.reached(Side.SOURCE, Kind.THING_PRINCIPAL) == BEHIND_ALL


@pytest.mark.parametrize("last", range(1, 25, 3))
def test_a_reading_that_was_cut_off_anywhere_goes_on(
    store: SqliteComparisonStore, regions: dict[Side, Region], last: int
) -> None:
    stop = threading.Event()

    def stopping(_call: PageRequest, number: int) -> None:
        if number >= last:
            stop.set()

    regions[Side.SOURCE].fault = stopping
    assert not Reading(store, regions, threads=1, stop=stop).read()

    assert Reading(store, regions, threads=1).read()

    for side, region in regions.items():
        assert held(store, side) == {str(key): entity for key, entity in region.fleet.registry.with_tags.items()}
        assert max(Counter(region.fleet.asked).values()) == 1


def test_an_interruption_keeps_what_was_read(store: SqliteComparisonStore, regions: dict[Side, Region]) -> None:
    def interrupted(call: PageRequest, _number: int) -> None:
        if call.question is ReadCall.THINGS_OF_CERTIFICATE:
            raise KeyboardInterrupt

    regions[Side.SOURCE].fault = interrupted
    with pytest.raises(KeyboardInterrupt):
        Reading(store, regions).read()

    assert store.number(Side.SOURCE, Kind.THING) == 3
    assert store.token(Side.SOURCE, ReadCall.THINGS) is None


def test_a_place_that_aws_has_forgotten_begins_the_list_anew(
    store: SqliteComparisonStore, regions: dict[Side, Region]
) -> None:
    store.keep(Side.SOURCE, [(PageRequest(ReadCall.THINGS), Page((a_thing("pump-1"),), "long ago"))])

    assert Reading(store, regions).read()

    assert store.number(Side.SOURCE, Kind.THING) == 3


def test_a_call_that_fails_for_a_while_is_made_again(store: SqliteComparisonStore, regions: dict[Side, Region]) -> None:
    regions[Side.TARGET].fault = lambda _call, number: RegionUnavailable("503") if number % 3 == 0 else None

    assert Reading(store, regions).read()
    assert held(store, Side.SOURCE) == held(store, Side.TARGET)


def test_a_region_that_does_not_answer_ends_the_reading_and_what_was_read_is_kept(
    store: SqliteComparisonStore, regions: dict[Side, Region]
) -> None:
    def gone(call: PageRequest, _number: int) -> IotDrError | None:
        return RegionUnavailable("gone") if call.question is ReadCall.THINGS_OF_CERTIFICATE else None

    regions[Side.TARGET].fault = gone
    with pytest.raises(RegionUnavailable):
        Reading(store, regions).read()

    assert store.number(Side.TARGET, Kind.THING) == 3
    assert regions[Side.TARGET].made < 60


def test_throttling_narrows_the_lane_and_the_reading_ends_all_the_same(
    store: SqliteComparisonStore, regions: dict[Side, Region]
) -> None:
    region = regions[Side.SOURCE]

    def refused(_call: PageRequest, _number: int) -> IotDrError | None:
        return Throttled("slow down") if region.now > 2 else None

    region.fault = refused
    assert Reading(store, regions, threads=8).read()
    assert held(store, Side.SOURCE) == held(store, Side.TARGET)


def test_what_is_throttled_for_ever_is_given_up(store: SqliteComparisonStore, regions: dict[Side, Region]) -> None:
    regions[Side.SOURCE].fault = lambda _call, _number: Throttled("no")

    with pytest.raises(Throttled):
        Reading(store, regions, threads=2).read()
    assert regions[Side.SOURCE].made <= 2 * PATIENCE + 4


def test_no_more_calls_are_made_at_once_than_was_asked_for(
    store: SqliteComparisonStore, regions: dict[Side, Region]
) -> None:
    Reading(store, regions, threads=3).read()

    assert max(region.most for region in regions.values()) <= 3


def test_a_missing_right_ends_the_reading(store: SqliteComparisonStore, regions: dict[Side, Region]) -> None:
    def denied(call: PageRequest, _number: int) -> IotDrError | None:
        return AccessDenied("iot:GetPolicy") if call.question is ReadCall.POLICY else None

    regions[Side.SOURCE].fault = denied
    with pytest.raises(AccessDenied, match="GetPolicy"):
        Reading(store, regions).read()


def test_one_resource_that_cannot_be_read_does_not_keep_the_others_from_it(
    store: SqliteComparisonStore, regions: dict[Side, Region]
) -> None:
    def broken(call: PageRequest, _number: int) -> IotDrError | None:
        return InvalidResource("no JSON") if (call.question, call.subject) == (ReadCall.POLICY, "pumps") else None

    regions[Side.SOURCE].fault = broken
    assert Reading(store, regions).read()

    pair = store.pair(a_policy("pumps").key)
    assert pair.unreadable == {Side.SOURCE: "no JSON"}
    assert pair.target == replace(a_policy("pumps"), tags={})


def test_what_vanishes_while_it_is_read_is_not_there(store: SqliteComparisonStore, regions: dict[Side, Region]) -> None:
    fleet = regions[Side.SOURCE].fleet

    def vanishing(call: PageRequest, _number: int) -> None:
        if call.question is ReadCall.THINGS_OF_CERTIFICATE and a_device("pump-3")[1].key in fleet.registry.entities:
            fleet.registry.remove(a_certificate("pump-3").key)

    regions[Side.SOURCE].fault = vanishing
    assert Reading(store, regions, threads=1).read()

    assert store.pair(a_certificate("pump-3").key).source is None


def test_a_sample_asks_about_the_same_certificates_in_both_regions(
    store: SqliteComparisonStore, regions: dict[Side, Region]
) -> None:
    regions[Side.SOURCE].fleet.registry.put(a_certificate("alone"))
    ids = sorted(a_certificate(f"pump-{one}").certificate_id for one in (1, 2, 3))

    Reading(store, regions, sample=CertificateSample(2, ids[1])).read()

    for region in regions.values():
        made = [call.subject for call in region.fleet.asked if call.question is ReadCall.THINGS_OF_CERTIFICATE]
        assert sorted(made) == sorted([ids[2], ids[0]])
    found = {principal.certificate_id for principal in _principals(store)}
    assert found == {ids[0], ids[2]}
    assert store.fact("sampled") == "2"


@pytest.mark.parametrize("devices", [0, 8])
def test_the_health_checker_s_own_is_not_read(
    store: SqliteComparisonStore, regions: dict[Side, Region], devices: int
) -> None:
    for region in regions.values():
        own_policies(region, devices)
    probe = a_certificate("probe")
    regions[Side.SOURCE].fleet.registry.put(
        probe,
        Policy("iot-dr-probe-1", a_policy().document),
        a_thing("iot-dr-probe-1"),
        PolicyAttachment("iot-dr-probe-1", certificate_target(probe.certificate_id)),
        ThingPrincipal("iot-dr-probe-1", probe.certificate_id),
    )

    Reading(store, regions).read()

    assert held(store, Side.SOURCE) == held(store, Side.TARGET)
    assert store.number(Side.SOURCE, Kind.CERTIFICATE) == 3 + devices
    assert probe.certificate_id not in {call.subject for call in regions[Side.SOURCE].fleet.asked}


ALL_SHADOWS = ShadowSelection()


def with_shadows(regions: dict[Side, Region]) -> None:
    for region in regions.values():
        region.fleet.shadows.put(shadow_key("pump-1"), '{"desired": {"on": true}}')
        for name in ("config", "state"):
            region.fleet.shadows.put(
                shadow_key("pump-2", name), '{"reported": {"rate": 1.50, "text": "\\ud83d\\ude00"}}'
            )


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (ALL_SHADOWS, {"pump-1", "pump-2#config", "pump-2#state"}),
        (ShadowSelection("classic"), {"pump-1"}),
        (ShadowSelection("named"), {"pump-2#config", "pump-2#state"}),
        (ShadowSelection("all", "conf.*"), {"pump-1", "pump-2#config"}),
        (ShadowSelection("none"), set()),
    ],
)
def test_those_shadows_are_read_that_are_wanted(
    store: SqliteComparisonStore, regions: dict[Side, Region], selection: ShadowSelection, names: set[str]
) -> None:
    with_shadows(regions)

    assert Reading(store, regions, shadows=selection).read()
    assert Reading(store, regions, shadows=selection).read()

    for side, region in regions.items():
        found = {str(entity.key).removeprefix("shadow#"): entity for entity in store.entities(side, Kind.SHADOW)}
        assert found.keys() == names
        assert all(entity == region.fleet.shadows.shadow(entity.key) for entity in found.values())
        assert max(Counter(region.fleet.asked).values()) == 1


def _principals(store: SqliteComparisonStore) -> list[ThingPrincipal]:
    return [one for one in store.entities(Side.SOURCE, Kind.THING_PRINCIPAL) if isinstance(one, ThingPrincipal)]


@pytest.mark.parametrize("side", BOTH)
def test_up_to_where_all_is_read_is_told_the_same_each_time_it_is_asked(
    store: SqliteComparisonStore, regions: dict[Side, Region], side: Side
) -> None:
    own_policies(regions[side], 8)
    reading = Reading(store, regions, threads=1)
    reading.read(EVERYTHING - {Kind.POLICY_ATTACHMENT, Kind.THING_PRINCIPAL})

    for kind in (Kind.POLICY_ATTACHMENT, Kind.THING_PRINCIPAL):
        first = reading.reached(side, kind)
        assert first not in ("", BEHIND_ALL)
        assert [reading.reached(side, kind) for _ in range(3)] == [first] * 3


def test_an_interruption_keeps_no_shadow_that_is_not_chosen(
    store: SqliteComparisonStore, regions: dict[Side, Region]
) -> None:
    answering = threading.Event()

    class Shadowed:
        """A fleet whose things have two named shadows each; the second call ends the reading while one is under way."""

        def __init__(self, region: Region) -> None:
            self.region = region

        def ask(self, call: PageRequest) -> Page:
            if call.question is not ReadCall.NAMED_SHADOWS:
                return self.region.ask(call)
            if call.subject == "pump-2":
                answering.wait(SECONDS)
                raise AccessDenied("no right")
            answering.set()
            # Behind the other's end, which the reading learns of before it waits for this one.
            threading.Event().wait(0.2)
            return Page(tuple(Shadow(shadow_key(call.subject, name), {}) for name in ("config", "other")))

    with pytest.raises(AccessDenied):
        Reading(
            store,
            {Side.SOURCE: Shadowed(regions[Side.SOURCE])},
            threads=2,
            shadows=ShadowSelection("named", "config"),
        ).read(documents=Documents.ALL)

    found = {entity.key.other for entity in store.entities(Side.SOURCE, Kind.SHADOW)}
    assert found == {"config"}


def test_a_stage_tells_how_many_calls_are_known_to_follow_it(tmp_path: Path) -> None:
    told: list[tuple[str, int | None, int]] = []

    class Told(Unseen):
        def begin(self, stage: str, calls: int | None, ahead: int = 0) -> None:
            told.append((stage, calls, ahead))

    registry = InMemoryRegistry()
    registry.put(*a_device("pump-1"), *a_device("pump-2"))
    with SqliteComparisonStore(tmp_path / "c.sqlite") as store:
        Reading(store, {Side.SOURCE: InMemoryFleet(registry)}, progress=Told()).read(REGISTRY_KINDS)

    ahead = {stage: ahead for stage, _, ahead in told}
    assert ahead["lists"] == ahead["attachments"] == 0
    (attachments,) = [calls for stage, calls, _ in told if stage == "attachments"]
    assert attachments
    assert ahead["descriptions"] == ahead["members"] == attachments
