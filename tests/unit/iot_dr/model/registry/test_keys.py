"""Keys name resources and relations, and survive being written down."""

import pytest

from iot_dr.errors import EventError
from iot_dr.model.registry.keys import (
    RESERVED_PREFIX,
    Key,
    Kind,
    billing_group_key,
    certificate_key,
    certificate_target,
    group_membership_key,
    key_of_target,
    policy_attachment_key,
    policy_key,
    shadow_key,
    thing_group_key,
    thing_group_target,
    thing_key,
    thing_principal_key,
    thing_shadows_key,
    thing_type_key,
)

KEYS = (
    thing_type_key("pump"),
    policy_key("pumps"),
    certificate_key("abc"),
    thing_key("site:north_pump-17"),
    billing_group_key("costs"),
    shadow_key("pump-17"),
    shadow_key("pump-17", "$config"),
    thing_shadows_key("pump-17"),
    thing_group_key("site:north"),
    policy_attachment_key("pumps", certificate_target("abc")),
    policy_attachment_key("pumps", thing_group_target("site:north")),
    group_membership_key("site:north", "pump-17"),
    thing_principal_key("pump-17", "abc"),
)


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_a_key_reads_back_as_it_was_written(key: Key) -> None:
    assert Key.parse(str(key)) == key


def test_a_target_names_a_certificate_or_a_group() -> None:
    assert key_of_target(certificate_target("abc")) == certificate_key("abc")
    assert key_of_target(thing_group_target("site:north")) == thing_group_key("site:north")


def test_every_kind_has_a_key() -> None:
    assert {key.kind for key in KEYS} == set(Kind)


@pytest.mark.parametrize("text", ["", "thing", "thing#", "group#x", "cursor#thing"])
def test_a_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(EventError, match="not a resource key"):
        Key.parse(text)


def test_the_health_checkers_names_are_reserved() -> None:
    assert thing_key(f"{RESERVED_PREFIX}20260101").reserved
    assert group_membership_key("site", f"{RESERVED_PREFIX}20260101").reserved
    assert not thing_key("pump-17").reserved
