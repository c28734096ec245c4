"""What follows from the table of kinds."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest

from iot_dr.model.registry.entities import GroupMembership, ThingPrincipal
from iot_dr.model.registry.keys import (
    SHADOW_KINDS,
    Key,
    Kind,
    certificate_key,
    group_membership_key,
    policy_attachment_key,
    policy_key,
    shadow_key,
    thing_group_key,
    thing_group_target,
    thing_key,
    thing_principal_key,
    thing_shadows_key,
)
from iot_dr.model.registry.kinds import (
    BY_CERTIFICATE,
    HOLDING_KINDS,
    LISTS,
    REGISTRY_KINDS,
    RELATIONS,
    RESOURCE_KINDS,
    ROW,
    ROWS,
    certificate_of,
    ends_of,
    kept_by,
    marked,
    root_of,
)
from tests.builders import a_certificate_id, an_attachment

CERTIFICATE = certificate_key(a_certificate_id("pump-17"))
OF_CERTIFICATE = an_attachment("pumps", "pump-17").key
OF_GROUP = policy_attachment_key("pumps", thing_group_target("hall"))
PRINCIPAL = ThingPrincipal("pump-17", CERTIFICATE.name).key
MEMBERSHIP = GroupMembership("hall", "pump-17").key
THING, POLICY, GROUP = thing_key("pump-17"), policy_key("pumps"), thing_group_key("hall")


def test_every_kind_but_shadows_has_one_row_in_the_order_of_kinds() -> None:
    assert list(REGISTRY_KINDS) == [kind for kind in Kind if kind not in SHADOW_KINDS]
    assert len(ROW) == len(ROWS)


def test_a_row_stands_behind_those_of_a_lower_rank() -> None:
    assert all(one.rank <= other.rank for one, other in pairwise(ROWS))


def test_relations_are_what_has_two_ends_and_no_list() -> None:
    assert set(RELATIONS) == {Kind.POLICY_ATTACHMENT, Kind.THING_PRINCIPAL, Kind.GROUP_MEMBERSHIP}
    assert set(RESOURCE_KINDS) == set(LISTS.values()) == set(REGISTRY_KINDS) - set(RELATIONS)


def test_what_takes_a_call_a_certificate_is_read_in_the_order_of_certificates() -> None:
    assert set(BY_CERTIFICATE) == {Kind.POLICY_ATTACHMENT, Kind.THING_PRINCIPAL}


def test_much_may_hang_on_policies_and_groups() -> None:
    assert {Kind.POLICY, Kind.THING_GROUP, Kind.BILLING_GROUP} == HOLDING_KINDS


def test_the_names_of_a_kind_are_the_first_fields_of_its_class() -> None:
    for row in ROWS:
        first = dataclasses.fields(row.entity)[: len(row.names)]
        assert tuple(field.name for field in first) == row.names


@pytest.mark.parametrize(
    ("key", "ends"),
    [
        (OF_CERTIFICATE, (POLICY, CERTIFICATE)),
        (OF_GROUP, (POLICY, GROUP)),
        (PRINCIPAL, (THING, CERTIFICATE)),
        (MEMBERSHIP, (GROUP, THING)),
        (THING, ()),
        (shadow_key("pump-17"), ()),
    ],
)
def test_a_relation_has_two_ends(key: Key, ends: tuple[Key, ...]) -> None:
    assert ends_of(key) == ends


@pytest.mark.parametrize(
    ("key", "also"),
    [
        # A request for a policy concludes nothing about what it is attached to, nor one for a group about its things.
        (OF_CERTIFICATE, {CERTIFICATE}),
        (OF_GROUP, {GROUP}),
        (PRINCIPAL, {THING, CERTIFICATE}),
        (MEMBERSHIP, {THING}),
        (POLICY, set()),
        (thing_shadows_key("pump-17"), set()),
    ],
)
def test_a_mark_stands_at_all_whose_check_concludes_about_the_key(key: Key, also: set[Key]) -> None:
    assert marked(key) == {key, *also}


@pytest.mark.parametrize(
    ("key", "root"),
    [(OF_CERTIFICATE, CERTIFICATE), (OF_GROUP, GROUP), (PRINCIPAL, THING), (MEMBERSHIP, THING), (GROUP, GROUP)],
)
def test_the_state_of_what_hangs_on_a_device_stands_at_its_root(key: Key, root: Key) -> None:
    assert root_of(key) == root


@pytest.mark.parametrize(
    ("key", "certificate"),
    [
        (CERTIFICATE, CERTIFICATE),
        (OF_CERTIFICATE, CERTIFICATE),
        (thing_principal_key("pump-17", CERTIFICATE.name), CERTIFICATE),
        (OF_GROUP, None),
        (group_membership_key("hall", "pump-17"), None),
        (THING, None),
    ],
)
def test_a_certificate_is_found_by_what_hangs_on_it(key: Key, certificate: Key | None) -> None:
    assert certificate_of(key) == certificate


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        (OF_CERTIFICATE, (POLICY, CERTIFICATE)),
        # A group that goes lets go of its policies, as of its members.
        (OF_GROUP, (POLICY,)),
        (PRINCIPAL, (THING, CERTIFICATE)),
        (MEMBERSHIP, ()),
        (THING, ()),
    ],
)
def test_an_attachment_keeps_what_aws_deletes_only_without_it(key: Key, kept: tuple[Key, ...]) -> None:
    assert kept_by(key) == kept
