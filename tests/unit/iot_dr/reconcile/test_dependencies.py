from __future__ import annotations

import pytest

from iot_dr.model.registry.entities import Entity, GroupMembership, Thing, ThingPrincipal
from iot_dr.model.registry.keys import (
    Key,
    billing_group_key,
    certificate_key,
    policy_key,
    thing_group_key,
    thing_key,
    thing_type_key,
)
from iot_dr.reconcile.dependencies import needs
from tests.builders import a_certificate, a_certificate_id, a_group, a_policy, a_thing, a_thing_type, an_attachment


@pytest.mark.parametrize(
    ("entity", "needed"),
    [
        (a_policy(), ()),
        (a_certificate(), ()),
        (a_thing_type(), ()),
        (a_thing(), ()),
        (a_thing(type_name="pump"), (thing_type_key("pump"),)),
        (
            Thing("pump-17", type_name="pump", billing_group="mill"),
            (thing_type_key("pump"), billing_group_key("mill")),
        ),
        (a_group("site"), ()),
        (a_group("hall", "site"), (thing_group_key("site"),)),
        (an_attachment("pumps", "pump-17"), (policy_key("pumps"), certificate_key(a_certificate_id("pump-17")))),
        (ThingPrincipal("pump-17", "0af3"), (thing_key("pump-17"), certificate_key("0af3"))),
        (GroupMembership("hall", "pump-17"), (thing_group_key("hall"), thing_key("pump-17"))),
    ],
)
def test_a_resource_needs_what_it_points_to(entity: Entity, needed: tuple[Key, ...]) -> None:
    assert needs(entity) == needed
