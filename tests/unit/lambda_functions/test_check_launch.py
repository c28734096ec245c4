"""The launch check as CloudFormation calls it: the handler itself, an answer over HTTP."""

from collections.abc import Iterator

import pytest

from check_launch.handler import lambda_handler
from iot_dr.model.events.registry_events import REPLICATED_EVENT_FAMILIES
from iot_dr.model.launch.launches import IotRegion, UnreadableValue
from iot_dr.runtime.functions.launch import check_launch
from tests.unit.lambda_functions.cloudformation import Answers, Invocation, taking_answers

REGIONS = {"PrimaryRegion": "us-east-1", "SecondaryRegion": "us-west-2"}
DIGEST = "a" * 64


class Regions:
    """Two Regions in memory."""

    ready = IotRegion("a-ats.iot.example", frozenset(REPLICATED_EVENT_FAMILIES), "REGISTRY", 1000)
    states = {"us-east-1": ready, "us-west-2": ready, "eu-west-1": ready}  # noqa: RUF012  # reset by the fixture

    digests = {"us-east-1": DIGEST, "us-west-2": DIGEST}  # noqa: RUF012  # as above

    def supported(self) -> frozenset[str]:
        return frozenset(self.states)

    def read(self, region: str) -> IotRegion:
        return self.states[region]

    def sha256(self, region: str, _bucket: str, _key: str) -> str:
        return self.digests[region]


@pytest.fixture
def regions(monkeypatch: pytest.MonkeyPatch) -> Regions:
    fake = Regions()
    fake.states = dict(Regions.states)
    fake.digests = dict(Regions.digests)
    monkeypatch.setattr(check_launch, "IotRegionSettings", lambda _clients: fake)
    monkeypatch.setattr(check_launch, "S3PublishedFiles", lambda _clients: fake)
    return fake


@pytest.fixture(autouse=True)
def release(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the template gives the function."""
    for name, value in {
        "BUCKET_PREFIX": "iot-dr",
        "SOLUTION_NAME": "drs",
        "VERSION": "v1.0.0",
        "RELEASE_SHA256": f"{DIGEST} iot_dr_layer.zip",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def answers() -> Iterator[Answers]:
    with taking_answers() as taken:
        yield taken


def test_a_launch_that_can_work_gets_its_names_and_endpoints(regions: Regions, answers: Answers) -> None:
    lambda_handler(answers.request("Create", REGIONS), Invocation())

    answer = answers.only
    assert answer["Status"] == "SUCCESS"
    assert answer["PhysicalResourceId"] == f"{answer['Data']['StackPostfix']}-{answer['Data']['Uuid']}"
    assert answer["Data"]["PrimaryEndpoint"] == "a-ats.iot.example"
    assert answer["Data"]["StackPostfix"].isdigit()
    assert len(answer["Data"]["StackPostfix"]) == 14
    assert answer["Data"]["LaunchDay"] == answer["Data"]["StackPostfix"][:8]
    # Whatever comes to these raises CHECK_ANSWERS of the main stack.
    assert set(answer["Data"]) == {"LaunchDay", "PrimaryEndpoint", "SecondaryEndpoint", "StackPostfix", "Uuid"}
    assert answers.content_types == [""]


def test_a_launch_that_cannot_work_fails_with_every_missing_thing(regions: Regions, answers: Answers) -> None:
    denied = UnreadableValue("an error of AWS " + "x" * 200)
    regions.states |= {
        "us-east-1": IotRegion(denied, frozenset(), "OFF", denied),
        "us-west-2": IotRegion(denied, denied, denied, denied),
    }

    lambda_handler(answers.request("Create", REGIONS), Invocation())

    assert answers.only["Status"] == "FAILED"
    for command in ("aws iot update-event-configurations", "aws iot update-indexing-configuration"):
        assert command in answers.only["Reason"]
    assert "device endpoint of us-west-2" in answers.only["Reason"]
    assert answers.sizes[0] <= 4096


def test_code_that_was_changed_since_the_build_is_refused(regions: Regions, answers: Answers) -> None:
    regions.digests["us-west-2"] = "b" * 64

    lambda_handler(answers.request("Create", REGIONS), Invocation())

    assert answers.only["Status"] == "FAILED"
    changed = "s3://iot-dr-us-west-2/drs/v1.0.0/iot_dr_layer.zip is not the file that this version was built with"
    assert changed in answers.only["Reason"]


def test_an_update_keeps_the_names_although_time_has_passed(regions: Regions, answers: Answers) -> None:
    lambda_handler(answers.request("Create", REGIONS), Invocation())
    (created,) = answers.bodies
    launch_of_last_year = "20251124120000-" + created["Data"]["Uuid"]

    lambda_handler(answers.request("Update", REGIONS, launch_of_last_year), Invocation())

    assert answers.bodies[1]["PhysicalResourceId"] == launch_of_last_year
    assert answers.bodies[1]["Data"]["StackPostfix"] == "20251124120000"


def test_an_update_to_other_regions_is_refused_and_its_rollback_passes(regions: Regions, answers: Answers) -> None:
    lambda_handler(answers.request("Create", REGIONS), Invocation())
    identity = answers.only["PhysicalResourceId"]
    others = REGIONS | {"SecondaryRegion": "eu-west-1"}
    regions.states["us-east-1"] = IotRegion("a-ats.iot.example", frozenset(), "OFF", 10)

    lambda_handler(answers.request("Update", others, identity, OldResourceProperties=REGIONS), Invocation())
    lambda_handler(answers.request("Update", REGIONS, identity, OldResourceProperties=others), Invocation())

    _, refused, rolled_back = answers.bodies
    assert (refused["Status"], refused["PhysicalResourceId"]) == ("FAILED", identity)
    assert "Create another stack" in refused["Reason"]
    assert (rolled_back["Status"], rolled_back["PhysicalResourceId"]) == ("SUCCESS", identity)


def test_a_delete_needs_no_region(answers: Answers) -> None:
    lambda_handler(answers.request("Delete", {}, "not-created"), Invocation())

    assert answers.only["Status"] == "SUCCESS"


def test_an_exception_inside_is_answered_without_its_text_and_propagates(regions: Regions, answers: Answers) -> None:
    regions.states = {"us-east-1": Regions.ready, "us-west-2": None}  # type: ignore[dict-item]  # the bug

    with pytest.raises(AttributeError):
        lambda_handler(answers.request("Create", REGIONS), Invocation())

    assert answers.only["Status"] == "FAILED"
    assert answers.only["Reason"].startswith("internal error (AttributeError); see log stream")


def test_missing_properties_are_answered(regions: Regions, answers: Answers) -> None:
    lambda_handler(answers.request("Create", {}), Invocation())

    assert "PrimaryRegion" in answers.only["Reason"]


def test_the_presigned_address_of_the_answer_is_never_logged(
    regions: Regions, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    lambda_handler(answers.request("Create", REGIONS), Invocation())

    assert caplog.records
    assert "signature" not in str([record.__dict__ for record in caplog.records])
