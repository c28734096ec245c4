"""Which Regions a comparison reads by which settings, and what it goes on with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iot_dr.aws.caller import Caller
from iot_dr.errors import ConfigurationError, IotDrError
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sites import Side
from iot_dr.runtime import account
from iot_dr.runtime.commands.comparison import ComparisonSettings, open_comparison
from tests.builders import ACCOUNT, PRIMARY, SECONDARY, a_certificate_id
from tests.endpoint import Answer, Endpoint, Request

LISTS: dict[str, dict[str, Any]] = {
    "/things": {"things": [{"thingName": "pump-1", "attributes": {}, "version": 1}]},
    "/thing-types": {"thingTypes": []},
    "/billing-groups": {"billingGroups": []},
    "/policies": {"policies": []},
    "/certificates": {"certificates": []},
    "/thing-groups": {"thingGroups": []},
    "/indexing/config": {"thingIndexingConfiguration": {"thingIndexingMode": "REGISTRY_AND_SHADOW"}},
    "/indices/AWS_Things": {"indexStatus": "ACTIVE"},
    "/indices/search": {"things": []},
}


class Aws:
    """Both Regions with a thing each; `denied` is a path that is refused, `in_primary` what the primary answers."""

    def __init__(self) -> None:
        self.denied = ""
        self.in_primary: dict[str, dict[str, Any]] = {}

    def __call__(self, request: Request) -> Answer:
        path = request.operation.partition(" ")[2].partition("?")[0]
        if path == self.denied:
            return Answer({"message": "no right"}, 403, "AccessDeniedException")
        in_primary = self.in_primary if request.region == PRIMARY else {}
        return Answer({**LISTS, **in_primary}[path])


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    answering = Aws()
    with Endpoint(answering) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setattr(account, "caller", lambda *_: Caller(ACCOUNT))
        yield answering


@pytest.fixture
def settings(tmp_path: Path) -> ComparisonSettings:
    return ComparisonSettings(PRIMARY, SECONDARY, state=str(tmp_path / "state"), paced=False)


def resumed(settings: ComparisonSettings) -> bool:
    """Open, read and close; whether it went on where another had stopped."""
    with open_comparison(settings) as comparison:
        comparison.reading.read()
        assert comparison.reading.store.number(Side.SOURCE, Kind.THING) == 1
        return comparison.reading.resumed


def cut_off(aws: Aws, settings: ComparisonSettings) -> None:
    aws.denied = "/certificates"
    with pytest.raises(IotDrError, match="no right"):
        resumed(settings)
    aws.denied = ""


def test_what_was_read_before_it_was_cut_off_is_not_read_again(aws: Aws, settings: ComparisonSettings) -> None:
    cut_off(aws, settings)
    with open_comparison(settings) as comparison:
        assert comparison.reading.store.number(Side.SOURCE, Kind.THING) == 1

    assert resumed(settings)


@pytest.mark.parametrize("part", [{"select": "thingName:pump-1"}, {"sample": 5}])
def test_what_was_read_of_all_outlasts_a_comparison_of_a_part(
    aws: Aws, settings: ComparisonSettings, part: dict[str, Any]
) -> None:
    cut_off(aws, settings)
    with open_comparison(replace(settings, **part)) as comparison:
        assert not comparison.reading.resumed

    assert resumed(settings)


def test_what_came_to_its_end_is_begun_anew_unless_it_is_to_be_kept(aws: Aws, settings: ComparisonSettings) -> None:
    assert not resumed(settings)
    assert not resumed(settings)
    assert resumed(replace(settings, keep_ended_for=60_000))


@pytest.mark.parametrize("other", ["anew", "select", "sample", "shadows", "pattern", "region", "account"])
def test_what_is_no_beginning_of_the_same_is_begun_anew(
    aws: Aws, settings: ComparisonSettings, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(aws, settings)
    if other == "account":
        monkeypatch.setattr(account, "caller", lambda *_: Caller("999999999999"))
    wanted = {
        "account": settings,
        "anew": replace(settings, anew=True),
        "select": replace(settings, select="thingName:a"),
        "sample": replace(settings, sample=5),
        "shadows": replace(settings, replicate_shadows="classic"),
        "pattern": replace(settings, shadow_name_pattern="config"),
        "region": replace(settings, secondary_region="eu-west-1"),
    }

    with open_comparison(wanted[other]) as comparison:
        assert not comparison.reading.resumed
        assert comparison.reading.store.number(Side.SOURCE, Kind.THING) == 0


@pytest.mark.parametrize(("mode", "missing"), [("copy", 1), ("jitr", 0)])
def test_a_certificate_is_missed_unless_it_comes_with_its_device(
    aws: Aws, settings: ComparisonSettings, monkeypatch: pytest.MonkeyPatch, mode: str, missing: int
) -> None:
    listed = {"certificates": [{"certificateId": a_certificate_id("pump-1"), "status": "ACTIVE"}]}
    monkeypatch.setitem(LISTS, "/principals/things-v2", {"principalThingObjects": []})
    aws.in_primary = {"/certificates": listed}

    with open_comparison(replace(settings, certificate_mode=mode)) as comparison:
        comparison.reading.read()
        found = [one.key.kind for one in comparison.verification.differences()]

    assert found.count(Kind.CERTIFICATE) == missing


@pytest.fixture
def by_index(settings: ComparisonSettings) -> ComparisonSettings:
    return replace(settings, by_index=True, replicate_shadows="classic")


def test_a_reading_by_the_index_is_taken_up_by_one_that_may_use_it_alone(
    aws: Aws, by_index: ComparisonSettings
) -> None:
    aws.denied = "/things/pump-1/shadow"
    with pytest.raises(IotDrError, match="no right"):
        resumed(by_index)

    with open_comparison(by_index) as comparison:
        assert comparison.reading.resumed
    with open_comparison(replace(by_index, by_index=False)) as comparison:
        assert not comparison.reading.resumed


def test_a_query_that_selects_nothing_is_no_proof_that_both_are_equal(aws: Aws, settings: ComparisonSettings) -> None:
    wanted = replace(settings, select="thingName:nobody")

    with (
        open_comparison(wanted) as comparison,
        pytest.raises(ConfigurationError, match="'thingName:nobody' selects no thing in us-east-1 or us-west-2"),
    ):
        comparison.reading.read()


def test_a_profile_that_is_none_is_said_with_the_mend(settings: ComparisonSettings) -> None:
    with pytest.raises(ConfigurationError, match="list-profiles"), open_comparison(replace(settings, profile="none")):
        pass


def test_one_region_cannot_be_compared_with_itself(settings: ComparisonSettings) -> None:
    same = replace(settings, secondary_region=PRIMARY)
    with pytest.raises(ConfigurationError, match="are both us-east-1"), open_comparison(same):
        pass
