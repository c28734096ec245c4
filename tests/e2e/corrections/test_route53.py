"""Corrections of health checks and record sets."""

import json
import uuid
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.waiting import until
from tests.e2e.corrections.making import Aws, make_stack, make_user

pytestmark = pytest.mark.lab

REGIONS = ["us-east-1", "us-west-1", "eu-west-1"]
ARN = "arn:aws:route53:::healthcheck/"
ASKING = {"Type": "HTTPS", "FullyQualifiedDomainName": "health.example.com", "ResourcePath": "/health"}


def made_check(aws: Aws, **config: Any) -> str:
    """The ID of a health check made by API."""
    check = aws.client("route53").create_health_check(CallerReference=uuid.uuid4().hex, HealthCheckConfig=config)
    return str(check["HealthCheck"]["Id"])


def told_config(aws: Aws, **config: Any) -> dict[str, Any]:
    """What is told of a health check that was made with a configuration."""
    check = aws.client("route53").get_health_check(HealthCheckId=made_check(aws, **config))
    told: dict[str, Any] = check["HealthCheck"]["HealthCheckConfig"]
    return told


def test_a_health_check_keeps_its_children_and_its_regions(corrected: Aws) -> None:
    child = made_check(corrected, **ASKING)

    calculated = told_config(corrected, Type="CALCULATED", ChildHealthChecks=[child, "other"], HealthThreshold=2)

    assert calculated["ChildHealthChecks"] == [child, "other"]
    assert told_config(corrected, **ASKING, Regions=REGIONS)["Regions"] == REGIONS


def test_a_calculated_check_of_a_stack_keeps_its_children(corrected: Aws) -> None:
    calculated = {"Type": "CALCULATED", "ChildHealthChecks": [{"Ref": "Child"}], "HealthThreshold": 1}
    stack = make_stack(
        corrected,
        {
            name: {"Type": "AWS::Route53::HealthCheck", "Properties": {"HealthCheckConfig": config}}
            for name, config in (("Child", ASKING), ("Parent", calculated))
        },
        Outputs={name: {"Value": {"Ref": name}} for name in ("Child", "Parent")},
    )
    ids = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    check = corrected.client("route53").get_health_check(HealthCheckId=ids["Parent"])["HealthCheck"]

    assert check["HealthCheckConfig"]["ChildHealthChecks"] == [ids["Child"]]


def test_the_emulator_keeps_neither(uncorrected: Aws) -> None:
    calculated = told_config(uncorrected, Type="CALCULATED", ChildHealthChecks=["a", "b"], HealthThreshold=2)

    assert "a" not in calculated["ChildHealthChecks"]
    assert told_config(uncorrected, **ASKING, Regions=REGIONS)["Regions"] != REGIONS


def test_a_health_check_tells_that_it_is_inverted_and_disabled(corrected: Aws) -> None:
    told = told_config(corrected, **ASKING, Inverted=True, Disabled=True, EnableSNI=False)

    assert (told["Inverted"], told["Disabled"], told["EnableSNI"]) == (True, True, False)


def test_the_emulator_tells_of_neither(uncorrected: Aws) -> None:
    told = told_config(uncorrected, **ASKING, Inverted=True, Disabled=True)

    assert (told["Inverted"], told["Disabled"]) == (False, False)


def make_two_sided(aws: Aws) -> Any:
    """Ask for a check from two Regions, with a client that does not refuse this by itself."""
    unchecked = aws.emulator.client("route53", config=Config(parameter_validation=False))
    return unchecked.create_health_check(
        CallerReference=uuid.uuid4().hex, HealthCheckConfig={**ASKING, "Regions": REGIONS[:2]}
    )


def test_a_health_check_from_two_regions_is_refused_by_api_and_in_a_stack(corrected: Aws) -> None:
    with pytest.raises(ClientError, match="at least 3"):
        make_two_sided(corrected)
    config = {**ASKING, "Regions": REGIONS[:2]}

    stack = make_stack(
        corrected, {"Check": {"Type": "AWS::Route53::HealthCheck", "Properties": {"HealthCheckConfig": config}}}
    )

    assert stack["StackStatus"] == "CREATE_FAILED"


def test_the_emulator_takes_a_health_check_from_two_regions(uncorrected: Aws) -> None:
    assert make_two_sided(uncorrected)["HealthCheck"]["Id"]


def observe(aws: Aws, check_id: str) -> dict[str, Any]:
    """Leave what a checker met, as the lab's do, and return it."""
    told = {"Region": "eu-west-1", "Status": "Success: HTTP Status Code 200, OK", "CheckedTime": "2026-01-02T03:04:05Z"}
    failed = {**told, "Status": "Failure: HTTP Status Code 503, Service Unavailable"}
    observed = {check_id: {"status": [told], "lastfailurereason": [failed]}}
    aws.emulator.health_check_file.write_text(json.dumps(observed), encoding="utf-8")
    return {"now": told["Status"], "before": failed["Status"]}


def test_the_status_of_a_health_check_is_what_its_checkers_met(corrected: Aws) -> None:
    route53, check_id = corrected.client("route53"), made_check(corrected, **ASKING)
    met = observe(corrected, check_id)

    (now,) = route53.get_health_check_status(HealthCheckId=check_id)["HealthCheckObservations"]
    (before,) = route53.get_health_check_last_failure_reason(HealthCheckId=check_id)["HealthCheckObservations"]

    assert (now["Region"], now["StatusReport"]["Status"]) == ("eu-west-1", met["now"])
    assert now["StatusReport"]["CheckedTime"].isoformat() == "2026-01-02T03:04:05+00:00"
    assert before["StatusReport"]["Status"] == met["before"]


def test_a_health_check_that_nobody_asked_has_no_observations_and_none_has_no_status(corrected: Aws) -> None:
    route53 = corrected.client("route53")

    asked = route53.get_health_check_status(HealthCheckId=made_check(corrected, **ASKING))

    assert asked["HealthCheckObservations"] == []
    with pytest.raises(route53.exceptions.NoSuchHealthCheck):
        route53.get_health_check_status(HealthCheckId=str(uuid.uuid4()))


def test_the_emulator_tells_no_status(uncorrected: Aws) -> None:
    check_id = made_check(uncorrected, **ASKING)
    with pytest.raises(ClientError, match="Unknown Route53 endpoint"):
        uncorrected.client("route53").get_health_check_status(HealthCheckId=check_id)


def reads_own_check(aws: Aws) -> str:
    """What a user with the right to read one health check gets for it: `own`, or the error's code."""
    mine = made_check(aws, **ASKING)
    allowed = {"Effect": "Allow", "Action": "route53:GetHealthCheck", "Resource": f"{ARN}{mine}"}
    route53 = aws.client("route53", **make_user(aws, allowed))
    with pytest.raises(ClientError, match="not authorized"):
        route53.get_health_check(HealthCheckId=made_check(aws, **ASKING))
    try:
        return "own" if route53.get_health_check(HealthCheckId=mine)["HealthCheck"]["Id"] == mine else "another"
    except ClientError as error:
        return str(error.response["Error"]["Code"])


def test_the_right_to_one_health_check_admits_to_it_alone(corrected: Aws) -> None:
    assert reads_own_check(corrected) == "own"


def test_the_emulator_admits_nobody_with_the_right_to_one_health_check(uncorrected: Aws) -> None:
    assert reads_own_check(uncorrected) == "AccessDenied"


def make_group(aws: Aws) -> tuple[dict[str, Any], str]:
    """A stack with two failover records in one group, and the zone that they are in."""
    zone = aws.client("route53").create_hosted_zone(Name=f"{uuid.uuid4().hex}.test", CallerReference=uuid.uuid4().hex)
    zone_id, name = zone["HostedZone"]["Id"].rpartition("/")[2], zone["HostedZone"]["Name"]
    records = [
        {
            "Name": f"fleet.{name}",
            "Type": "CNAME",
            "TTL": "30",
            "SetIdentifier": role.lower(),
            "Failover": role,
            "ResourceRecords": [f"{role.lower()}.test"],
        }
        for role in ("PRIMARY", "SECONDARY")
    ]
    group = {"Type": "AWS::Route53::RecordSetGroup", "Properties": {"HostedZoneId": zone_id, "RecordSets": records}}
    return make_stack(aws, {"Records": group}), zone_id


def test_a_group_of_record_sets_comes_and_goes_with_its_stack(corrected: Aws) -> None:
    route53 = corrected.client("route53")
    stack, zone_id = make_group(corrected)

    def roles() -> list[str]:
        sets = route53.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
        return sorted(one["Failover"] for one in sets if one["Type"] == "CNAME")

    assert roles() == ["PRIMARY", "SECONDARY"]
    corrected.client("cloudformation").delete_stack(StackName=stack["StackName"])
    assert until(lambda: not roles(), 10)


def test_the_emulator_refuses_a_template_with_a_group_of_record_sets(uncorrected: Aws) -> None:
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        make_group(uncorrected)
