"""What is read of both Regions for one resource: all that a plan needs, and no more."""

from dataclasses import replace

import pytest

from iot_dr.errors import RegionUnavailable
from iot_dr.model.registry.entities import PolicyAttachment, ThingPrincipal
from iot_dr.model.registry.keys import (
    RESERVED_PREFIX,
    Key,
    certificate_key,
    certificate_target,
    policy_attachment_key,
    policy_key,
    shadow_key,
    thing_group_key,
    thing_key,
    thing_principal_key,
    thing_type_key,
)
from iot_dr.model.registry.tagging import tags_of
from iot_dr.model.replication.requests import Depth
from iot_dr.services.replication.scopes import Scope, ScopeReader
from tests.builders import REGIONS, a_certificate, a_certificate_id, a_device, a_group, a_policy, a_thing, a_thing_type
from tests.fakes import Calls, InMemoryRegistry, raising

CERTIFICATE = a_certificate_id("pump-17")
THING, POLICY = thing_key("pump-17"), policy_key("pumps")
DEVICE_KEYS = {entity.key for entity in a_device()}


class Regions:
    """Both registries with a reader of scopes over them."""

    def __init__(self) -> None:
        self.primary, self.secondary, self.calls = InMemoryRegistry(), InMemoryRegistry(), Calls()
        primary, secondary = (
            self.calls.through("primary", self.primary),
            self.calls.through("secondary", self.secondary),
        )
        self._reader = ScopeReader(primary, secondary, REGIONS)

    def read(self, key: Key, depth: Depth = Depth.ATTACHMENTS, *, needs: bool = False) -> Scope:
        return self._reader.read(key, depth, needs=needs)


@pytest.fixture
def regions() -> Regions:
    return Regions()


def test_a_new_devices_scope_is_everything_that_hangs_on_it(regions: Regions) -> None:
    regions.primary.put(*a_device())

    scope = regions.read(THING)

    assert scope.desired.entities.keys() == DEVICE_KEYS
    assert scope.actual.absent == DEVICE_KEYS


def test_a_thing_that_both_regions_have_is_all_that_an_update_needs(regions: Regions) -> None:
    regions.primary.put(*a_device())
    regions.secondary.put(*a_device())

    scope = regions.read(THING, depth=Depth.OWN)

    assert scope.desired.keys == scope.actual.keys == {THING}
    assert regions.calls.made == ["secondary.thing", "primary.thing"]


def test_a_thing_that_one_region_lacks_is_read_whole_all_the_same(regions: Regions) -> None:
    regions.primary.put(*a_device())

    assert regions.read(THING, depth=Depth.OWN).desired.keys == DEVICE_KEYS


def test_what_exists_nowhere_is_asked_for_no_attachments(regions: Regions) -> None:
    scope = regions.read(THING)

    assert scope.desired.absent == scope.actual.absent == {THING}
    assert regions.calls.made == ["secondary.thing", "primary.thing"]


def test_a_type_is_read_only_when_it_is_asked_for(regions: Regions) -> None:
    regions.primary.put(a_thing_type("pump"), *a_device(type_name="pump"))

    assert thing_type_key("pump") not in regions.read(THING).desired.keys
    assert thing_type_key("pump") in regions.read(THING, needs=True).desired.keys


def test_a_thing_without_type_has_none_to_read(regions: Regions) -> None:
    regions.primary.put(a_thing())

    assert regions.read(THING, needs=True).desired.keys == {THING}


def test_what_hangs_on_the_thing_in_the_secondary_alone_belongs_to_its_scope(regions: Regions) -> None:
    regions.primary.put(a_thing())
    regions.secondary.put(*a_device())

    scope = regions.read(THING)

    assert scope.desired.absent == DEVICE_KEYS - {THING}
    assert scope.actual.entities.keys() == DEVICE_KEYS


def test_what_still_hangs_on_a_certificate_that_is_gone_comes_with_it(regions: Regions) -> None:
    regions.primary.put(a_thing())
    regions.secondary.put(*a_device())

    scope = regions.read(certificate_key(CERTIFICATE))

    assert thing_principal_key("pump-17", CERTIFICATE) in scope.desired.absent & scope.actual.entities.keys()
    assert (
        policy_attachment_key("pumps", certificate_target(CERTIFICATE))
        in scope.desired.absent & scope.actual.entities.keys()
    )


def test_what_still_hangs_on_a_policy_that_is_gone_comes_with_it(regions: Regions) -> None:
    regions.primary.put(a_certificate())
    regions.secondary.put(*a_device())

    scope = regions.read(POLICY)

    assert scope.desired.absent == {POLICY, policy_attachment_key("pumps", certificate_target(CERTIFICATE))}
    assert scope.actual.keys == scope.desired.keys


@pytest.mark.parametrize("key", [POLICY, thing_type_key("pump")])
def test_a_policy_or_type_that_both_have_is_its_own_scope(key: Key, regions: Regions) -> None:
    for registry in (regions.primary, regions.secondary):
        registry.put(a_thing_type("pump"), *a_device(type_name="pump"))

    assert regions.read(key).desired.keys == {key}
    assert len(regions.calls.made) == 4, "and its tags"


def test_tags_are_read_of_what_is_asked_for_and_of_nothing_that_comes_along(regions: Regions) -> None:
    tagged = replace(a_policy(), tags={"team": "red"})
    for registry in (regions.primary, regions.secondary):
        registry.put(*a_device(), tagged)

    along = regions.read(THING, Depth.EVERYTHING)

    assert tags_of(along.desired.entities[POLICY]) is tags_of(along.actual.entities[POLICY]) is None
    assert not [call for call in regions.calls.made if call.endswith(".tags")]
    assert tags_of(regions.read(POLICY).desired.entities[POLICY]) == {"team": "red"}


def test_an_update_event_tells_of_no_tags_so_none_are_read(regions: Regions) -> None:
    for registry in (regions.primary, regions.secondary):
        registry.put(a_group("site"))

    regions.read(thing_group_key("site"), Depth.OWN)

    assert regions.calls.made == ["secondary.thing_group", "primary.thing_group"]


def test_what_only_one_region_has_is_asked_for_tags_there_alone(regions: Regions) -> None:
    regions.primary.put(a_policy())

    regions.read(POLICY)

    assert [call for call in regions.calls.made if call.endswith(".tags")] == ["primary.tags"]


def test_of_a_relation_that_is_checked_by_itself_one_list_is_read_in_each_region(regions: Regions) -> None:
    regions.primary.put(*a_device())

    scope = regions.read(thing_principal_key("pump-17", CERTIFICATE))

    assert set(scope.desired.entities) == scope.actual.absent == {thing_principal_key("pump-17", CERTIFICATE)}
    assert regions.calls.made == ["secondary.principals_of_thing", "primary.principals_of_thing"]


def test_what_is_no_part_of_the_registry_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="not of the registry"):
        Regions().read(shadow_key("pump-17"))


@pytest.mark.parametrize("number", range(1, 9))
def test_a_read_that_fails_ends_the_whole_reading(number: int, regions: Regions) -> None:
    regions.primary.put(*a_device())
    regions.calls.before = raising(RegionUnavailable("down"), at=[number])

    with pytest.raises(RegionUnavailable):
        regions.read(THING)


PROBES_POLICY, PROBES_THING = a_policy(f"{RESERVED_PREFIX}1"), a_thing(f"{RESERVED_PREFIX}1")


@pytest.mark.parametrize(
    "attached",
    [
        PolicyAttachment(PROBES_POLICY.name, certificate_target(CERTIFICATE)),
        ThingPrincipal(PROBES_THING.name, CERTIFICATE),
    ],
)
@pytest.mark.parametrize("needs", [False, True])
@pytest.mark.parametrize("depth", list(Depth))
@pytest.mark.parametrize("key", [THING, certificate_key(CERTIFICATE)])
def test_the_health_checkers_policy_and_thing_are_in_no_scope_of_what_they_share_a_certificate_with(
    key: Key, depth: Depth, needs: bool, attached: PolicyAttachment | ThingPrincipal, regions: Regions
) -> None:
    for registry in (regions.primary, regions.secondary):
        registry.put(*a_device(), PROBES_POLICY, PROBES_THING)
    regions.primary.put(attached)

    scope = regions.read(key, depth, needs=needs)

    assert not [one for one in (*scope.desired.keys, *scope.actual.keys) if one.reserved]
