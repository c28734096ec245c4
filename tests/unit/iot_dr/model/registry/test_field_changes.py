"""An update is shown field by field; secrets and PEM never are."""

from __future__ import annotations

import pytest

from iot_dr.model.exact_json import parse
from iot_dr.model.registry.entities import CertificateStatus, Entity, Policy
from iot_dr.model.registry.field_changes import HIDDEN, FieldChange, document_diff, field_changes
from iot_dr.model.registry.keys import shadow_key
from iot_dr.model.shadows.shadow import Shadow
from tests.builders import a_certificate, a_document, a_policy, a_thing


def test_each_field_that_differs_has_its_old_and_its_new_value() -> None:
    old, new = a_thing(attributes={"site": "south", "same": "1"}), a_thing(attributes={"site": "north", "same": "1"})

    assert field_changes(old, new) == (FieldChange("attributes.site", '"south"', '"north"'),)


@pytest.mark.parametrize(("old", "new"), [(None, a_thing(type_name="pump")), (a_thing(type_name="pump"), None)])
def test_what_is_made_or_goes_has_all_its_fields_on_one_side(old: Entity | None, new: Entity | None) -> None:
    (found,) = field_changes(old, new)

    assert (found.name, found.old, found.new) == ("type_name", old and '"pump"', new and '"pump"')


def test_a_pem_is_never_shown() -> None:
    old, new = a_certificate(), a_certificate(status=CertificateStatus.REVOKED)

    assert field_changes(old, new) == (FieldChange("status", '"ACTIVE"', '"REVOKED"'),)
    assert "PEM" not in repr(field_changes(None, new))


@pytest.mark.parametrize("name", ["wifi_password", "ApiKey", "SECRET", "private-key", "authToken", "wifi_passphrase"])
def test_a_value_whose_name_says_that_it_is_a_secret_is_hidden(name: str) -> None:
    thing = field_changes(a_thing(attributes={name: "open"}), a_thing(attributes={name: "sesame"}))
    shadow = field_changes(None, Shadow(shadow_key("a"), {"reported": {name: "sesame"}}))

    assert [(one.old, one.new) for one in thing] == [(HIDDEN, HIDDEN)]
    assert [one.new for one in shadow] == [HIDDEN]


def test_a_shadow_is_told_leaf_by_leaf_with_numbers_as_they_stand() -> None:
    old, new = (
        Shadow(shadow_key("a"), parse(text)) for text in ('{"reported":{"a":{"b":1}}}', '{"reported":{"a":{"b":1E+2}}}')
    )

    assert field_changes(old, new) == (FieldChange("reported.a.b", "1", "1E+2"),)


def test_a_policy_changes_as_a_diff_of_its_document() -> None:
    old, new = a_policy(document=a_document(action="iot:Connect")), a_policy(document=a_document(action="iot:Publish"))

    (change,) = field_changes(old, new)

    changed = [line for line in document_diff(change) if line[:1] in "+-"]
    assert [line.strip("+- ") for line in changed] == [
        "old",
        "new",
        '"Action": "iot:Connect",',
        '"Action": "iot:Publish",',
    ]


def test_a_policy_whose_document_was_not_read_has_no_field() -> None:
    assert field_changes(None, Policy("pumps", "")) == ()
