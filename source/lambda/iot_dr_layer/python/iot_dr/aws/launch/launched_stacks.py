"""Reads what CloudFormation knows of a launch's stacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from iot_dr.aws import clients, errors
from iot_dr.aws.launch.stacks import describe
from iot_dr.model.launch.launched_stacks import LaunchedStack, StackResource

REQUIRED_ACTIONS = frozenset({"cloudformation:DescribeStacks", "cloudformation:ListStackResources"})
"""What the operator needs on the launch's stacks."""


class CloudFormationStackReader:
    """Stacks of any Region, over `cloudformation` clients."""

    def __init__(self, client_of: Callable[[str, str], Any] = clients.client) -> None:
        self._client_of = client_of

    def read(self, region: str, name: str) -> LaunchedStack | None:
        """Return a stack with its outputs, parameters and resources; None if there is none."""
        client = self._client_of("cloudformation", region)
        found = describe(client, name)
        if found is None:
            return None
        with errors.converted():
            pages = client.get_paginator("list_stack_resources").paginate(StackName=name)
            resources = tuple(_resource(one) for page in pages for one in page["StackResourceSummaries"])
        return _stack(region, found, resources)


class CloudFormationStackLister:
    """Stacks of any Region without their resources, over `cloudformation` clients."""

    def __init__(self, client_of: Callable[[str, str], Any] = clients.client) -> None:
        self._client_of = client_of

    def listed(self, region: str) -> Iterator[LaunchedStack]:
        """Yield all stacks of a Region; deleted ones are not among them."""
        pages = self._client_of("cloudformation", region).get_paginator("describe_stacks").paginate()
        with errors.converted():
            yield from (_stack(region, found) for page in pages for found in page["Stacks"])

    def named(self, region: str, name: str) -> LaunchedStack | None:
        """Return one stack; None if there is none."""
        found = describe(self._client_of("cloudformation", region), name)
        return None if found is None else _stack(region, found)


def _stack(region: str, found: Mapping[str, Any], resources: tuple[StackResource, ...] = ()) -> LaunchedStack:
    return LaunchedStack(
        region=region,
        name=found["StackName"],
        status=found["StackStatus"],
        outputs={one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())},
        parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", ())},
        resources=resources,
    )


def _resource(summary: dict[str, Any]) -> StackResource:
    return StackResource(summary["LogicalResourceId"], summary["ResourceType"], summary.get("PhysicalResourceId", ""))
