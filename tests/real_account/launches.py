"""What is believed of an account's own figures, and of what a launch has made; read only, but for one shadow."""

from __future__ import annotations

import base64
import json
from typing import Any

from iot_dr.aws.quotas import DEFAULTS, SHADOWS, SHARED
from tests.real_account.account import Account
from tests.real_account.doubts import Doubt, Finding, found, unknown
from tests.real_account.shadows import NUMBERS, digits

_ROUTE53 = "us-east-1"


def names_quotas(account: Account) -> Finding:
    """Read the names of the quotas of AWS IoT."""
    quotas = account.clients("service-quotas", account.primary)
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="iotcore")
    names = {quota["QuotaName"] for page in pages for quota in page["Quotas"]}
    if not names:
        return unknown("Service Quotas names none")
    wanted = {f"{operation} API TPS" for operation in {*DEFAULTS, *SHARED} if operation != SHADOWS}
    lacking = sorted(name.removesuffix(" API TPS") for name in wanted - names)
    shadows = sorted(name for name in names if "shadow" in name.lower())
    seen = f"{len(names)} quotas; without one of that name: {', '.join(lacking) or 'none'}; of shadows: {shadows}"
    return found(len(lacking) < len(wanted) / 2, seen)


def counts_calls(account: Account) -> Finding:
    """Look for metrics of usage of AWS IoT."""
    cloudwatch = account.clients("cloudwatch", account.primary)
    metrics = cloudwatch.list_metrics(Namespace="AWS/Usage", Dimensions=[{"Name": "Service", "Value": "IoT"}])[
        "Metrics"
    ]
    return found(bool(metrics), f"{len(metrics)} metrics of AWS/Usage are of the service IoT")


def names_by_stack(account: Account) -> Finding:
    """Read the names that CloudFormation made for roles of the secondary's stack."""
    stack = f"IoTDRSecondary{account.settings['STACK_POSTFIX']}"
    names = _physical_ids(account, stack, "AWS::IAM::Role")
    other = [name for name in names if not name.startswith(stack[: max(1, 64 - 26)])]
    return found(bool(names) and not other, f"{len(names)} roles; not named by the stack: {', '.join(other) or 'none'}")


def resolves_the_path(account: Account) -> Finding:
    """Read the path of the secondary's health check, and whether it is the secret's value; the path is not told."""
    stack = f"R53HealthChecker{account.settings['STACK_POSTFIX']}"
    checks = _physical_ids(account, stack, "AWS::Route53::HealthCheck")
    route53 = account.clients("route53", _ROUTE53)
    configs = [route53.get_health_check(HealthCheckId=one)["HealthCheck"]["HealthCheckConfig"] for one in checks]
    paths = [config["ResourcePath"] for config in configs if config.get("ResourcePath")]
    if not paths:
        return unknown(f"{stack} has no health check with a path")
    return found(not any("{{" in path for path in paths), f"{len(paths)} paths, resolved as far as they hold no braces")


def stores_text(account: Account) -> Finding:
    """Write a shadow, and read what the topic rule stored of it."""
    thing = account.thing(account.primary)
    state = ",".join(f'"n{place}":{number}' for place, number in enumerate(NUMBERS))
    account.shadow(account.primary, thing, f'{{"state":{{"reported":{{{state}}}}}}}')
    table = account.clients("dynamodb", account.primary)

    def stored() -> list[Any]:
        return list(
            table.query(
                TableName=account.settings["DYNAMODB_SHADOW_TABLE"],
                KeyConditionExpression="#resource = :thing",
                ExpressionAttributeNames={"#resource": "resource"},
                ExpressionAttributeValues={":thing": {"S": thing}},
            )["Items"]
        )

    items = account.until(stored, 20.0)
    if not items:
        return unknown("no event of the shadow was stored within 20 s; are shadows replicated?")
    text = base64.b64decode(items[0]["payload"]["S"]).decode()
    try:
        read = json.loads(text, parse_float=str, parse_int=str)["reported"]
    except ValueError:
        return found(holds=False, seen=f"no JSON: {text[:200]}")
    changed = {
        number: got for number, got in zip(NUMBERS, read.values(), strict=False) if digits(number) != digits(got)
    }
    return found(not changed, f"written and stored: {changed}" if changed else "every number is stored as written")


def _physical_ids(account: Account, stack: str, kind: str) -> list[str]:
    pages = account.clients("cloudformation", account.secondary).get_paginator("list_stack_resources")
    resources = [one for page in pages.paginate(StackName=stack) for one in page["StackResourceSummaries"]]
    return [one["PhysicalResourceId"] for one in resources if one["ResourceType"] == kind]


DOUBTS = (
    Doubt(
        "quotas-have-names",
        "Service Quotas names the quotas of AWS IoT `<operation> API TPS`, those of the newer lists too.",
        "ListServiceQuotas with `ServiceCode=iotcore`",
        "Commands keep to the defaults that the product knows, and follow what AWS accepts.",
        names_quotas,
        5,
    ),
    Doubt(
        "usage-is-counted",
        "CloudWatch has metrics of AWS/Usage for calls of AWS IoT.",
        "ListMetrics with `Namespace=AWS/Usage`, `Service=IoT`",
        "The dashboard's graphs of calls stay empty.",
        counts_calls,
        2,
    ),
    Doubt(
        "names-begin-with-the-stack",
        "A name that CloudFormation makes up begins with the stack's name.",
        "ListStackResources of the secondary's stack",
        "The rights of the launch's build would not cover its roles, and the launch would fail.",
        names_by_stack,
        4,
        needs_launch=True,
    ),
    Doubt(
        "health-check-has-its-path",
        "Route 53's `ResourcePath` may come from a secret by a dynamic reference.",
        "GetHealthCheck of the launch's health check",
        "Every check answers 404, and the Region counts as unhealthy.",
        resolves_the_path,
        8,
        needs_launch=True,
    ),
    Doubt(
        "rule-stores-text",
        "The topic rule's `encode(current.state, 'base64')` keeps a shadow's numbers as AWS has them.",
        "UpdateThingShadow; Query of the launch's table of shadow events",
        "The shadow is read from the primary instead, by the sweep.",
        stores_text,
        60,
        needs_launch=True,
    ),
)
