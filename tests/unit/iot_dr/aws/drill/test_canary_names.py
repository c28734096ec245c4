"""A drill's name and health checks over Route 53's API."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from iot_dr.aws.drill.canary_names import QUESTION, Route53CanaryName
from iot_dr.errors import InvalidResource
from iot_dr.model.drill.orders import CanaryRecords
from iot_dr.runtime.functions.health import CANARY, CONTROL
from tests.builders import PRIMARY, SECONDARY

STUBBED = ("route53", "us-east-1")
DRILL = "iot-dr-canary-20261127-163000-0af3"
ENDPOINTS = {PRIMARY: "a-ats.iot.us-east-1.amazonaws.com", SECONDARY: "b-ats.iot.us-west-2.amazonaws.com"}
RECORDS = CanaryRecords(
    DRILL, f"{DRILL}.example.com", 30, PRIMARY, SECONDARY, ENDPOINTS, {PRIMARY: "check-p", SECONDARY: "check-s"}
)
REGIONS = ["us-east-1", "us-west-1", "eu-west-1", "sa-east-1"]
FLEETS: dict[str, Any] = {
    "Type": "HTTPS",
    "FullyQualifiedDomainName": "api.execute-api.us-east-1.amazonaws.com",
    "Port": 443,
    "EnableSNI": True,
    "RequestInterval": 10,
    "FailureThreshold": 3,
    "ResourcePath": "/health/s3cret",
    "MeasureLatency": False,
    "Inverted": False,
    "Regions": REGIONS,
}


def checks(stub: Stubber, config: dict[str, Any]) -> None:
    for check in ("check-p", "check-s"):
        answer = {"Id": check, "CallerReference": check, "HealthCheckConfig": config, "HealthCheckVersion": 1}
        stub.add_response("get_health_check", {"HealthCheck": answer}, {"HealthCheckId": check})


def creates(stub: Stubber, part: str, config: Any) -> None:
    answer = {
        "HealthCheck": {
            "Id": f"id-{part}",
            "CallerReference": "x",
            "HealthCheckConfig": {"Type": "HTTPS"},
            "HealthCheckVersion": 1,
        },
        "Location": "x",
    }
    stub.add_response(
        "create_health_check", answer, {"CallerReference": f"{DRILL}-{part}", "HealthCheckConfig": config}
    )


ASKING = {
    **{name: value for name, value in FLEETS.items() if name not in ("MeasureLatency", "Inverted")},
    "Regions": REGIONS[:3],
}
HEALTH = {**ASKING, "ResourcePath": "/health/s3cret?control=canary"}
DRAINS = {**ASKING, "ResourcePath": "/drains/s3cret?control=canary", "Inverted": True}


def test_the_question_is_the_one_that_the_function_understands() -> None:
    assert f"?{CONTROL}={CANARY}" == QUESTION


def test_the_checks_are_the_fleets_own_but_ask_for_the_drill_and_the_records_depend_on_them(stub: Stubber) -> None:
    checks(stub, FLEETS)
    creates(stub, f"health-{PRIMARY}", HEALTH)
    creates(stub, f"health-{SECONDARY}", HEALTH)
    creates(stub, "drains", DRAINS)
    both = {
        "Type": "CALCULATED",
        "HealthThreshold": 2,
        "ChildHealthChecks": [f"id-health-{PRIMARY}", "id-drains"],
    }
    creates(stub, "primary", both)
    request: dict[str, Any] = {}
    stub.add_response(
        "change_resource_record_sets",
        {"ChangeInfo": {"Id": "1", "Status": "PENDING", "SubmittedAt": 0}},
        {"HostedZoneId": "Z1", "ChangeBatch": ANY},
    )
    stub.client.meta.events.register(
        "provide-client-params.route53.ChangeResourceRecordSets", lambda params, **_: request.update(params)
    )

    Route53CanaryName(stub.client, "Z1").make(RECORDS)

    made = [one["ResourceRecordSet"] for one in request["ChangeBatch"]["Changes"]]
    assert {one["Action"] for one in request["ChangeBatch"]["Changes"]} == {"UPSERT"}
    assert [(one["Failover"], one["HealthCheckId"], one["ResourceRecords"][0]["Value"]) for one in made] == [
        ("PRIMARY", "id-primary", ENDPOINTS[PRIMARY]),
        ("SECONDARY", f"id-health-{SECONDARY}", ENDPOINTS[SECONDARY]),
    ]
    assert {(one["Name"], one["Type"], one["TTL"]) for one in made} == {(f"{DRILL}.example.com.", "CNAME", 30)}


def test_checks_that_are_asked_from_everywhere_have_a_drills_asked_from_three_regions(stub: Stubber) -> None:
    checks(stub, {name: value for name, value in FLEETS.items() if name != "Regions"})
    few = {**HEALTH, "Regions": ["us-east-1", "eu-west-1", "sa-east-1"]}
    creates(stub, f"health-{PRIMARY}", few)
    for part in (f"health-{SECONDARY}", "drains", "primary"):
        creates(stub, part, ANY)
    stub.add_response("change_resource_record_sets", {"ChangeInfo": {"Id": "1", "Status": "PENDING", "SubmittedAt": 0}})

    Route53CanaryName(stub.client, "Z1").make(RECORDS)


def test_a_health_check_of_somebody_else_is_not_copied(stub: Stubber) -> None:
    answer = {
        "Id": "check-p",
        "CallerReference": "x",
        "HealthCheckConfig": {**FLEETS, "ResourcePath": "/ping"},
        "HealthCheckVersion": 1,
    }
    stub.add_response("get_health_check", {"HealthCheck": answer}, {"HealthCheckId": "check-p"})

    with pytest.raises(InvalidResource, match="does not ask for /health/"):
        Route53CanaryName(stub.client, "Z1").make(RECORDS)


def zone(stub: Stubber) -> None:
    found = {"Id": "/hostedzone/Z1", "Name": "example.com.", "CallerReference": "1"}
    stub.add_response("get_hosted_zone", {"HostedZone": found}, {"Id": "Z1"})


def lists(stub: Stubber, *sets: dict[str, Any], checks: tuple[tuple[str, str, str], ...] = ()) -> None:
    answer = {"ResourceRecordSets": list(sets), "IsTruncated": False, "MaxItems": "10"}
    stub.add_response(
        "list_resource_record_sets", answer, {"HostedZoneId": "Z1", "StartRecordName": ANY, "MaxItems": "10"}
    )
    if sets:
        stub.add_response(
            "change_resource_record_sets",
            {"ChangeInfo": {"Id": "1", "Status": "PENDING", "SubmittedAt": 0}},
            {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": [{"Action": "DELETE", "ResourceRecordSet": sets[0]}]}},
        )
    found = [
        {"Id": id_, "CallerReference": reference, "HealthCheckConfig": {"Type": kind}, "HealthCheckVersion": 1}
        for id_, reference, kind in checks
    ]
    stub.add_response(
        "list_health_checks", {"HealthChecks": found, "Marker": "", "IsTruncated": False, "MaxItems": "100"}
    )


def test_only_what_has_the_drills_name_is_removed_and_what_depends_on_others_first(stub: Stubber) -> None:
    own = {"Name": f"{DRILL}.example.com.", "Type": "CNAME", "TTL": 30, "ResourceRecords": [{"Value": "a"}]}
    zone(stub)
    lists(
        stub,
        own,
        checks=(
            ("1", f"{DRILL}-drains", "HTTPS"),
            ("2", "the fleet's", "HTTPS"),
            ("3", f"{DRILL}-primary", "CALCULATED"),
            ("4", "iot-dr-canary-20261127-163000-ffff-drains", "HTTPS"),
        ),
    )
    for check in ("3", "1"):
        stub.add_response("delete_health_check", {}, {"HealthCheckId": check})

    assert Route53CanaryName(stub.client, "Z1").remove(DRILL) == 3


def test_that_nothing_is_there_or_somebody_was_faster_is_success(stub: Stubber) -> None:
    zone(stub)
    lists(stub)
    assert Route53CanaryName(stub.client, "Z1").remove(DRILL) == 0

    zone(stub)
    lists(stub, checks=(("1", f"{DRILL}-drains", "HTTPS"),))
    stub.add_client_error("delete_health_check", "NoSuchHealthCheck")
    assert Route53CanaryName(stub.client, "Z1").remove(DRILL) == 1
