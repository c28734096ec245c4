"""What of a snapshot is brought back; tests/property/test_snapshot.py shows that it ends as it was."""

from collections.abc import Iterator

import pytest

from iot_dr.model.differences import Pair
from iot_dr.model.entities import BillingGroup, Entity, GroupMembership, Thing, ThingPrincipal
from iot_dr.model.exact_json import parse
from iot_dr.model.keys import Key, Kind, policy_key, shadow_key, thing_key
from iot_dr.model.shadows import Document, Shadow
from iot_dr.reconcile.translate import translate_document
from iot_dr.services.restore import NoLedger, SnapshotRegistry, put_back, regions_of
from tests.builders import ACCOUNT, a_certificate, a_document, a_group

KEY = shadow_key("pump-17")


class Shadows:
    """Shadows of a Region, and what was written."""

    def __init__(self, text: str | None) -> None:
        self._shadow = Shadow(KEY, parse(text), version=4) if text is not None else None
        self.written: list[tuple[Document, int]] = []
        self.made = False

    def shadow(self, key: Key) -> Shadow | None:
        return self._shadow

    def make(self, key: Key) -> None:
        self.made, self._shadow = True, Shadow(key, {}, version=1)

    def update(self, key: Key, change: Document, version: int) -> int:
        self.written.append((change, version))
        return version + 1


def wanted(text: str) -> Shadow:
    return Shadow(KEY, parse(text))


def test_a_shadow_that_is_the_same_is_left_alone() -> None:
    shadows = Shadows('{"reported":{"t":20}}')

    assert not put_back(wanted('{"reported":{"t":20}}'), shadows, apply=True)
    assert shadows.written == []


def test_a_shadow_that_differs_gets_the_least_that_makes_it_the_same_under_its_version() -> None:
    shadows = Shadows('{"reported":{"t":20,"new":1}}')

    assert put_back(wanted('{"reported":{"t":20,"old":2}}'), shadows, apply=True)
    assert shadows.written == [(parse('{"reported":{"new":null,"old":2}}'), 4)]


def test_a_shadow_that_is_gone_is_made() -> None:
    shadows = Shadows(None)

    assert put_back(wanted('{"desired":{"t":20}}'), shadows, apply=True)
    assert shadows.made
    assert shadows.written == [(parse('{"desired":{"t":20}}'), 1)]


@pytest.mark.parametrize("text", [None, '{"reported":{"t":21}}'])
def test_a_dry_run_writes_no_shadow(text: str | None) -> None:
    shadows = Shadows(text)

    assert put_back(wanted('{"reported":{"t":20}}'), shadows, apply=False)
    assert (shadows.written, shadows.made) == ([], False)


def test_into_its_own_region_nothing_is_translated() -> None:
    own, other = (
        regions_of("us-east-1", "123456789012", region, "123456789012") for region in ("us-east-1", "us-west-2")
    )

    assert own.secondary == "us-east-1"
    assert own.primary not in ("us-east-1", "us-west-2")
    assert (other.primary, other.secondary) == ("us-east-1", "us-west-2")


@pytest.mark.parametrize("region", ["us-east-1", "us-east-*", "us-east-?", "us-*", "s*", "*", "*-1", "eu-west-1"])
def test_into_its_own_region_no_pattern_of_regions_is_translated(region: str) -> None:
    document = a_document(f"arn:aws:iot:{region}:{ACCOUNT}:client/*")

    assert translate_document(document, regions_of("us-east-1", ACCOUNT, "us-east-1", ACCOUNT)) == document


def test_who_restores_owns_nothing_so_a_plan_can_delete_nothing() -> None:
    ledger = NoLedger()
    ledger.intend([thing_key("a"), policy_key("b")], at=1)

    assert ledger.owned({thing_key("a"), policy_key("b")}) == frozenset()
    assert list(ledger.due(10**15)) == []


class Kept:
    """A snapshot beside an empty Region."""

    def __init__(self, *entities: Entity) -> None:
        self._entities = {entity.key: entity for entity in entities}

    def pair(self, key: Key) -> Pair:
        return Pair(key, self._entities.get(key), None)

    def pairs(self, kind: Kind, after: Key | None = None, *, differing: bool = False) -> Iterator[Pair]:
        assert (after, differing) == (None, False), "all are wanted"
        return (self.pair(key) for key in self._entities if key.kind is kind)


def test_a_snapshot_tells_from_either_end_what_things_belong_to() -> None:
    things = [Thing(name, billing_group="costs") for name in ("a", "b")]
    attached = {ThingPrincipal(thing.name, a_certificate().certificate_id) for thing in things}
    members = [GroupMembership("site", "a"), GroupMembership("room", "b")]
    kept = Kept(
        BillingGroup("costs"), a_group("site"), a_group("room", "site"), *things, Thing("c"), *attached, *members
    )
    registry = SnapshotRegistry(kept, lambda _: None)  # type: ignore[arg-type]  # no more of it is asked

    assert registry.groups_of_thing("b") == {"room"}
    assert registry.things_of_group("site") == {"a"}
    assert registry.things_of_billing_group("costs") == {"a", "b"}
    assert registry.things_of_certificate(a_certificate().certificate_id) == attached
    assert len(registry.things_of_certificate(a_certificate().certificate_id, at_most=1)) == 1
