"""Corrections of simulated rights, lists and metrics."""

import json
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.emulator import PRIMARY_REGION, SECONDARY_REGION
from lab.fleet import make_identity
from lab.waiting import until
from tests.e2e.corrections.making import ACCOUNT, Aws, make_function, make_role

pytestmark = pytest.mark.lab


def a_role_that_makes_things_in_the_secondary(aws: Aws) -> str:
    things = f"arn:aws:iot:{SECONDARY_REGION}:{ACCOUNT}:thing/*"
    in_region = {"StringEquals": {"aws:RequestedRegion": SECONDARY_REGION}}
    return make_role(
        aws,
        "lambda",
        {"Effect": "Allow", "Action": "iot:CreateThing", "Resource": things},
        {"Effect": "Allow", "Action": "iot:ListThings", "Resource": "*", "Condition": in_region},
    )


def simulated(aws: Aws, role: str, region: str) -> dict[str, set[str]]:
    """What a simulation of the role says of each action, for a thing and for everything, called in a Region."""
    answer = aws.client("iam").simulate_principal_policy(
        PolicySourceArn=role,
        ActionNames=["iot:CreateThing", "iot:ListThings"],
        ResourceArns=["*", f"arn:aws:iot:{SECONDARY_REGION}:{ACCOUNT}:thing/pump-17"],
        ContextEntries=[
            {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": [region], "ContextKeyType": "string"}
        ],
    )
    return {
        result["EvalActionName"]: {one["EvalResourceDecision"] for one in result.get("ResourceSpecificResults", ())}
        | {result["EvalDecision"]}
        for result in answer["EvaluationResults"]
    }


def test_a_role_is_simulated_with_every_resource_and_region(corrected: Aws) -> None:
    role = a_role_that_makes_things_in_the_secondary(corrected)

    assert simulated(corrected, role, SECONDARY_REGION) == {
        "iot:CreateThing": {"allowed", "implicitDeny"},
        "iot:ListThings": {"allowed"},
    }
    assert simulated(corrected, role, PRIMARY_REGION)["iot:ListThings"] == {"implicitDeny"}


def test_the_emulator_simulates_a_role_with_one_resource_in_its_own_region(uncorrected: Aws) -> None:
    role = a_role_that_makes_things_in_the_secondary(uncorrected)

    decisions = simulated(uncorrected, role, SECONDARY_REGION)

    assert decisions == {"iot:CreateThing": {"implicitDeny"}, "iot:ListThings": {"implicitDeny"}}


def validity_of(aws: Aws) -> Any:
    iot, identity = aws.client("iot"), make_identity(f"valid-{uuid.uuid4().hex[:8]}")
    iot.register_certificate_without_ca(certificatePem=identity.certificate_pem, status="ACTIVE")
    answer = iot.describe_certificate(certificateId=identity.certificate_id)
    return answer["certificateDescription"].get("validity")


def test_a_certificate_tells_its_validity(corrected: Aws) -> None:
    validity = validity_of(corrected)

    assert validity["notBefore"].timestamp() < time.time() < validity["notAfter"].timestamp()


def test_the_emulator_tells_no_validity(uncorrected: Aws) -> None:
    assert validity_of(uncorrected) is None


def first_page_of_three_policies(aws: Aws) -> dict[str, Any]:
    iot = aws.client("iot")
    for _ in range(3):
        iot.create_policy(policyName=f"paged-{uuid.uuid4().hex[:8]}", policyDocument='{"Statement": []}')
    page: dict[str, Any] = iot.list_policies(pageSize=2)
    return page


def test_lists_come_in_pages_that_lead_to_each_other(corrected: Aws) -> None:
    first = first_page_of_three_policies(corrected)
    names = [policy["policyName"] for policy in first["policies"]]
    assert len(names) == 2

    pages = corrected.client("iot").get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 2})
    found = [policy["policyName"] for page in pages for policy in page["policies"]]
    assert found[:2] == names
    assert len(found) == len(set(found)) >= 3

    with pytest.raises(ClientError, match="not a place in this list"):
        corrected.client("iot").list_policies(pageSize=2, marker=first["nextMarker"][:-4] + "OTk5")


def test_the_emulator_lists_everything_at_once(uncorrected: Aws) -> None:
    page = first_page_of_three_policies(uncorrected)

    assert len(page["policies"]) >= 3
    assert "nextMarker" not in page


MEASURE = """
import json

def handler(event, context):
    metric = {"Namespace": "Lab", "Dimensions": [["kind"]], "Metrics": [{"Name": "Lag", "Unit": "Milliseconds"}]}
    about = {"Timestamp": event["at"], "CloudWatchMetrics": [metric]}
    print(json.dumps({"_aws": about, "kind": "thing", "Lag": [100, 300]}))
"""


def measured(aws: Aws) -> list[float]:
    """The longest of two lags that a function has written to its log, as CloudWatch has it."""
    at = time.time()
    function = make_function(aws, MEASURE)
    aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"at": int(at * 1000)}))
    metric = {"Namespace": "Lab", "MetricName": "Lag", "Dimensions": [{"Name": "kind", "Value": "thing"}]}

    def longest() -> list[float]:
        answer = aws.client("cloudwatch").get_metric_data(
            MetricDataQueries=[{"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}],
            StartTime=at - 120,
            EndTime=at + 120,
        )
        values: list[float] = answer["MetricDataResults"][0]["Values"]
        return values

    until(longest, 3)
    return longest()


def test_a_metric_in_a_functions_log_is_a_metric(corrected: Aws) -> None:
    assert measured(corrected) == [300]


def test_the_emulator_keeps_the_line_alone(uncorrected: Aws) -> None:
    assert measured(uncorrected) == []


def refused_items(aws: Aws) -> list[str]:
    """Which of two items, by their partition keys, a user may not read whose policy names the first alone."""
    iam, name = aws.client("iam"), f"reader-{uuid.uuid4().hex[:8]}"
    aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "resource", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "resource", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    own = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["own"]}}
    right = {"Effect": "Allow", "Action": "dynamodb:*GetItem", "Resource": "*", "Condition": own}
    document = json.dumps({"Version": "2012-10-17", "Statement": [right]})
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    client = aws.client("dynamodb", key_id=key["AccessKeyId"], secret=key["SecretAccessKey"])
    asked = []
    for resource in ("own", "another's"):
        item = {"resource": {"S": resource}}
        asked += [
            (resource, partial(client.get_item, TableName=name, Key=item)),
            (resource, partial(client.batch_get_item, RequestItems={name: {"Keys": [item]}})),
        ]
    return [resource for resource, call in asked if _is_refused(call)]


def _is_refused(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        return "AccessDenied" in error.response["Error"]["Code"]
    return False


def test_a_policy_can_name_the_items_that_it_is_about(corrected: Aws) -> None:
    assert refused_items(corrected) == ["another's"] * 2


def test_the_emulator_does_not_ask_which_items_a_policy_is_about(uncorrected: Aws) -> None:
    assert refused_items(uncorrected) == []
