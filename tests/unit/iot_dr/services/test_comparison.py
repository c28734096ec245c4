"""Key by key, a comparison says what the plan says, in signs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from iot_dr.model.registry.changes import Create, Delete, Skip, Update
from iot_dr.model.registry.differences import Difference, Pair, Sigil
from iot_dr.model.registry.entities import CertificateStatus, Entity, Policy
from iot_dr.model.registry.keys import Key, Kind, thing_key
from iot_dr.model.sites import Side, Site
from iot_dr.services.comparison import ONLY_IN_TARGET, compare, differences
from tests.builders import (
    ACCOUNT,
    REGIONS,
    SECONDARY,
    a_certificate,
    a_document,
    a_group,
    a_policy,
    a_thing,
    a_thing_type,
    iot_arn,
)


class InMemoryPairs:
    """Two registries side by side."""

    def __init__(self, primary: Collection[Entity], secondary: Collection[Entity]) -> None:
        self._primary = {entity.key: entity for entity in primary}
        self._secondary = {entity.key: entity for entity in secondary}

    def pairs(self, kind: Kind, after: Key | None = None, *, differing: bool = False) -> Iterator[Pair]:
        for key in sorted(self._primary.keys() | self._secondary.keys()):
            pair = Pair(key, self._primary.get(key), self._secondary.get(key))
            wanted = not differing or pair.source != pair.target
            if key.kind is kind and wanted and (after is None or key > after):
                yield pair


def found(primary: Collection[Entity], secondary: Collection[Entity], **how: Any) -> list[tuple[str, str]]:
    return [(str(one.sigil), one.key.name) for one in differences(InMemoryPairs(primary, secondary), REGIONS, **how)]


def test_each_sign_says_what_it_means() -> None:
    primary = [a_thing("both"), a_thing("new"), a_thing("changed", {"a": "b"})]
    secondary = [a_thing("both"), a_thing("old"), a_thing("changed")]

    assert found(primary, secondary) == [("*", "changed"), ("+", "new"), ("-", "old")]
    assert found(primary, secondary, same=True)[0] == ("=", "both")


def test_every_difference_has_its_change_and_its_reason() -> None:
    def one(primary: Entity | None, secondary: Entity | None) -> Difference:
        return compare(Pair(thing_key("a"), primary, secondary), REGIONS)

    missing = one(a_thing("a"), None)
    assert (missing.sigil, missing.reason) == (Sigil.MISSING, "missing in the secondary")
    assert missing.change == Create(a_thing("a"), "missing in the secondary")
    surplus = one(None, a_thing("a"))
    assert (surplus.sigil, surplus.reason) == (Sigil.SURPLUS, ONLY_IN_TARGET)
    assert isinstance(surplus.change, Skip)
    changed = one(a_thing("a", {"x": "1"}), a_thing("a"))
    assert (changed.sigil, changed.reason) == (Sigil.DIFFERENT, "attributes differ")
    assert isinstance(changed.change, Update)
    same = one(a_thing("a"), replace(a_thing("a"), version=3))
    assert (same.sigil, same.change) == (Sigil.SAME, None)


def test_a_policy_that_names_its_own_region_is_the_same() -> None:
    moved = a_policy(document=a_document(iot_arn("client/*", SECONDARY)))

    assert found([a_policy()], [moved]) == []
    # Letter by letter the same, it lets devices connect to the other Region alone.
    assert found([a_policy()], [a_policy()]) == [("*", "pumps")]


def test_a_policy_of_which_only_the_name_is_known_is_missing() -> None:
    assert found([Policy("new", "")], []) == [("+", "new")]


def test_a_policy_that_cannot_be_understood_is_unreadable() -> None:
    difference = compare(Pair(a_policy().key, a_policy(document="broken"), a_policy()), REGIONS)

    assert difference.sigil is Sigil.UNREADABLE
    assert "primary unreadable: a policy document is not JSON" in difference.reason


@pytest.mark.parametrize(("side", "region"), [(Side.SOURCE, "primary"), (Side.TARGET, "secondary")])
def test_what_a_region_cannot_tell_is_neither_missing_nor_surplus(side: Side, region: str) -> None:
    difference = compare(Pair(thing_key("a"), None, None, {side: "why"}), REGIONS)

    assert (difference.sigil, difference.reason) == (Sigil.UNREADABLE, f"{region} unreadable: why")


def test_a_certificate_that_waits_for_its_activation_keeps_the_device_out_as_an_inactive_one() -> None:
    waiting = a_certificate(status=CertificateStatus.PENDING_ACTIVATION)

    assert found([waiting], [a_certificate(status=CertificateStatus.INACTIVE)]) == []
    assert found([waiting], [waiting]) == []
    assert found([waiting], [a_certificate()]) == [("*", waiting.certificate_id)]


def test_kinds_come_in_their_order_and_from_where_one_asks() -> None:
    primary: list[Entity] = [a_thing("b"), a_thing("a"), a_group("site"), a_thing_type()]
    pairs = InMemoryPairs(primary, [])

    assert found(primary, []) == [("+", "pump"), ("+", "site"), ("+", "a"), ("+", "b")]
    behind = differences(pairs, REGIONS, kinds=(Kind.THING, Kind.THING_TYPE), after=thing_key("a"))
    assert [one.key.name for one in behind] == ["b", "pump"]


def test_what_replication_made_is_told_from_what_it_did_not() -> None:
    asked: list[Collection[Key]] = []

    def owned(keys: Collection[Key]) -> frozenset[Key]:
        asked.append(keys)
        return frozenset({thing_key("made")})

    pairs = InMemoryPairs([a_thing("new")], [a_thing("made"), a_thing("theirs")])
    changes: Mapping[str, object] = {one.key.name: type(one.change) for one in differences(pairs, REGIONS, owned=owned)}

    assert changes == {"made": Delete, "theirs": Skip, "new": Create}
    # Nothing is asked about what could not be deleted.
    assert set().union(*asked) == {thing_key("made"), thing_key("theirs")}


def test_a_deprecated_type_that_is_missing_is_one_difference() -> None:
    (one,) = differences(InMemoryPairs([a_thing_type(deprecated=True)], []), REGIONS)

    assert one.sigil is Sigil.MISSING
    assert isinstance(one.change, Create)


@pytest.mark.parametrize(("there", "sigil"), [(None, Sigil.MISSING), (a_policy("long"), Sigil.DIFFERENT)])
def test_a_policy_that_would_be_too_long_is_told_with_its_length(there: Policy | None, sigil: Sigil) -> None:
    # Each move to the longer name adds a character.
    document = a_document(*(iot_arn(f"topic/{number}") for number in range(20)))
    document = document.replace("topic/0", "topic/" + "x" * (2048 - len(document) + 1))
    regions = replace(REGIONS, target=Site("eu-central-1", ACCOUNT))

    told = compare(Pair(a_policy("long").key, a_policy("long", document), there), regions)

    assert len(document) == 2048
    assert (told.sigil, type(told.change)) == (sigil, Skip)
    assert told.reason == "it would have 2108 characters in the secondary, of which AWS admits 2048: shorten it"
