from __future__ import annotations

import json

import pytest

from iot_dr.model.exact_json import render
from iot_dr.model.registry.documents import canonical
from iot_dr.model.registry.entities import Policy, PolicyAttachment, Thing
from iot_dr.model.registry.keys import Kind, shadow_key
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.trials import PREFIX
from iot_dr.reconcile.translate import translate
from tests.builders import REGIONS
from tests.trial_fakes import a_trial


def test_whatever_is_made_has_a_name_of_the_trials_own_and_is_replicated() -> None:
    trial = a_trial(3, with_type=True, name=f"{PREFIX}x")

    for key in (*trial.entities, *trial.shadows):
        assert key.kind is Kind.CERTIFICATE or key.name.startswith(trial.name)
        assert not key.reserved


def test_of_two_devices_one_has_a_policy_of_its_own() -> None:
    attachments = [one for one in a_trial(4).entities.values() if isinstance(one, PolicyAttachment)]

    policies = [one.policy for one in attachments]
    assert sorted(policies) == ["trial-0001", "trial-0003", "trial-shared", "trial-shared"]


@pytest.mark.parametrize("policy", ["trial-0001", "trial-shared"])
def test_a_policy_names_its_region_everywhere_and_is_canonical(policy: str) -> None:
    (found,) = [one for one in a_trial(2).entities.values() if isinstance(one, Policy) and one.name == policy]

    moved = translate(found, REGIONS)

    assert found.document == canonical(found.document)
    assert isinstance(moved, Policy)
    assert moved.document == found.document.replace("us-east-1", "us-west-2")
    assert moved.document.count("us-west-2") == len(json.loads(found.document)["Statement"]) == 4


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (ShadowSelection(), {"", "config"}),
        (ShadowSelection("classic"), {""}),
        (ShadowSelection("named"), {"config"}),
        (ShadowSelection("named", "status"), set()),
        (ShadowSelection("none"), set()),
    ],
)
def test_devices_get_the_shadows_that_are_replicated(chosen: ShadowSelection, names: set[str]) -> None:
    assert set(a_trial(1, shadows=chosen).shadows) == {shadow_key("trial-0001", name) for name in names}


def test_a_shadow_has_numbers_that_only_an_exact_copy_keeps() -> None:
    text = render(a_trial(1).shadows[shadow_key("trial-0001")])

    assert "-1.50" in text
    assert "3e2" in text
    assert '"serial":"0001"' in text


def test_only_with_a_type_do_things_have_one() -> None:
    kinds = {key.kind for key in a_trial(1).entities}
    (thing,) = [one for one in a_trial(1, with_type=True).entities.values() if isinstance(one, Thing)]

    assert Kind.THING_TYPE not in kinds
    assert thing.type_name == "trial-type"
    # Three attributes are all that AWS admits to a thing without a type.
    assert len(thing.attributes) <= 3


def test_everything_stands_in_the_order_in_which_it_can_be_made() -> None:
    kinds = [key.kind for key in a_trial(3, with_type=True).entities]

    assert kinds == sorted(kinds, key=tuple(Kind).index)
