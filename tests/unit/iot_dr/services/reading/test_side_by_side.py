"""Two lists are laid side by side whatever their order, and only what differs is kept."""

from __future__ import annotations

import tracemalloc
from itertools import chain, zip_longest
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from iot_dr.model.registry.differences import Pair, Unreadable
from iot_dr.model.registry.entities import CertificateStatus, Entity, Thing
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sites import Side
from iot_dr.services.reading.side_by_side import SideBySide
from tests.builders import a_certificate, a_thing
from tests.strategies import Registry, registries

RELATIONS = (Kind.POLICY_ATTACHMENT, Kind.THING_PRINCIPAL, Kind.GROUP_MEMBERSHIP)


@given(registries(), registries(), st.randoms())
def test_what_differs_is_left_in_whatever_order_it_came(primary: Registry, secondary: Registry, random: Random) -> None:
    listed = [
        (side, entity)
        for side, registry in ((Side.SOURCE, primary), (Side.TARGET, secondary))
        for entity in registry.values()
        if entity.key.kind not in RELATIONS
    ]
    random.shuffle(listed)
    both = SideBySide()
    for side, entity in listed:
        both.add(side, entity)

    found = {pair.key: (pair.source, pair.target) for kind in Kind for pair in both.pairs(kind)}
    assert found == {
        key: (primary.get(key), secondary.get(key))
        for key in primary.keys() | secondary.keys()
        if key.kind not in RELATIONS and primary.get(key) != secondary.get(key)
    }
    assert both.number[Side.SOURCE] == sum(side is Side.SOURCE for side, _ in listed)


def test_what_was_drawn_is_let_go() -> None:
    both = SideBySide()
    both.add(Side.SOURCE, a_thing("a"))

    assert [pair.key.name for pair in both.pairs(Kind.THING)] == ["a"]
    assert not list(both.pairs(Kind.THING))


def test_a_fleet_that_is_the_same_takes_no_memory_while_the_lists_keep_pace() -> None:
    def listed() -> list[Entity]:
        return [Thing(f"pump-{number}", {"site": "north"}) for number in range(5000)]

    both = SideBySide()
    primary, secondary = listed(), listed()
    tracemalloc.start()
    try:
        for one, other in zip_longest(primary, secondary):
            both.add(Side.SOURCE, one)
            both.add(Side.TARGET, other)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 20_000
    assert not list(chain.from_iterable(both.pairs(kind) for kind in Kind))


def test_a_pem_that_only_one_list_shows_is_no_difference() -> None:
    both = SideBySide()
    both.add(Side.SOURCE, a_certificate())
    both.add(Side.TARGET, type(a_certificate())(a_certificate().certificate_id, a_certificate().status))

    assert not list(both.pairs(Kind.CERTIFICATE))


def _both() -> SideBySide:
    """A certificate that differs, a thing that only the primary has, and one that only the secondary has."""
    both = SideBySide()
    both.add(Side.SOURCE, a_certificate(status=CertificateStatus.REVOKED))
    both.add(Side.TARGET, a_certificate())
    both.add(Side.SOURCE, a_thing("a"))
    both.add(Side.TARGET, a_thing("b"))
    return both


def _left(both: SideBySide) -> set[str]:
    return {pair.key.name for kind in Kind for pair in both.pairs(kind)}


def test_what_is_forgotten_is_no_difference_wherever_it_was() -> None:
    both = _both()
    for key in (a_certificate().key, a_thing("a").key, a_thing("b").key, a_thing("never taken").key):
        both.forget(key)

    assert _left(both) == set()


def test_what_only_one_region_was_seen_to_have_can_be_forgotten_alone() -> None:
    both = _both()
    both.forget_alone()

    assert _left(both) == {a_certificate().certificate_id}


def test_what_a_region_tells_unreadably_is_unreadable_whatever_the_other_has() -> None:
    both = _both()
    both.add_unreadable(Side.TARGET, Unreadable(a_thing("a").key, "odd"))
    both.add_unreadable(Side.SOURCE, Unreadable(a_thing("c").key, "odd too"))

    found = {pair.key.name: pair for pair in both.pairs(Kind.THING)}

    assert found["a"] == Pair(a_thing("a").key, unreadable={Side.TARGET: "odd"})
    assert found["c"] == Pair(a_thing("c").key, unreadable={Side.SOURCE: "odd too"})
    assert found.keys() == {"a", "b", "c"}
    assert both.number == {Side.SOURCE: 3, Side.TARGET: 3}
