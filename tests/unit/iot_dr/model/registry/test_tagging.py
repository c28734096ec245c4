"""Tags are compared where both Regions' are known, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.entity_json import from_json, to_json
from iot_dr.model.registry.field_changes import FieldChange, field_changes
from iot_dr.model.registry.tagging import alike, own_tags, surplus_tags, tags_differ, with_tags
from tests.builders import a_group, a_policy, a_thing

RED, BLUE = a_group(tags={"team": "red"}), a_group(tags={"team": "blue"})
UNREAD, UNTAGGED = a_group(), a_group(tags={})


def test_tags_that_one_side_does_not_know_are_not_compared() -> None:
    assert alike(RED, UNREAD)
    assert alike(UNREAD, UNTAGGED)
    assert not tags_differ(RED, UNREAD)
    assert surplus_tags(UNREAD, RED) == {}


def test_no_tags_are_not_the_same_as_some() -> None:
    assert not alike(RED, UNTAGGED)
    assert tags_differ(RED, BLUE)
    assert surplus_tags(UNTAGGED, RED) == {"team": "red"}
    assert surplus_tags(BLUE, RED) == {}


def test_tags_that_aws_sets_are_none_of_ours_in_whatever_case() -> None:
    assert own_tags({"aws:createdBy": "x", "AWS:x": "y", "team": "red"}) == {"team": "red"}


def test_what_has_no_tags_gets_none() -> None:
    assert with_tags(a_thing(), {"team": "red"}) == a_thing()


def test_a_digest_is_the_same_whether_tags_were_read_or_not() -> None:
    assert digest_of(RED) == digest_of(BLUE) == digest_of(UNREAD)


def test_that_tags_were_not_read_is_kept_apart_from_that_there_are_none() -> None:
    for group in (RED, UNTAGGED, UNREAD):
        assert from_json(group.key, to_json(group)) == replace(group, version=0)


def test_a_change_of_tags_is_shown_tag_by_tag() -> None:
    assert field_changes(RED, BLUE) == (FieldChange("tags.team", '"red"', '"blue"'),)
    assert field_changes(RED, UNREAD) == ()
    secret = field_changes(replace(a_policy(), tags={}), replace(a_policy(), tags={"api-key": "s3cret"}))
    assert secret == (FieldChange("tags.api-key", None, '"(hidden)"'),)
