"""The alarms of a launched pair, and whether they ring by what is measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lab.alarms import Alarms, periods_until_it_rings
from lab.pair import Pair

STACKS = ("IoTDRPrimary", "IoTDRSecondary", "R53HealthChecker")


@dataclass(frozen=True)
class Launched:
    """The alarms of the launch, each by its Region and its name in the template."""

    pair: Pair
    names: Mapping[tuple[str, str], str]

    @classmethod
    def of(cls, pair: Pair) -> Launched:
        names = {
            (region, one["LogicalResourceId"]): one["PhysicalResourceId"]
            for region in (pair.primary, pair.secondary)
            for one in resources(pair, region)
            if one["ResourceType"] == "AWS::CloudWatch::Alarm"
        }
        return cls(pair, names)

    def alarm(self, region: str, title: str) -> Mapping[str, Any]:
        return self._alarms(region).named(self.names[region, title])

    def watched(self, region: str, title: str) -> str:
        """What the alarm is about: the one value of its dimensions."""
        (dimension,) = self.alarm(region, title)["Dimensions"]
        return str(dimension["Value"])

    def rings(self, region: str, title: str, since: float) -> bool:
        """Whether the alarm rings once what was measured since then has gone on for as long as it asks for."""
        alarm = self.alarm(region, title)
        value = self._alarms(region).measured(alarm, since)
        return value is not None and periods_until_it_rings(alarm, value) is not None

    def _alarms(self, region: str) -> Alarms:
        return Alarms(self.pair.client("cloudwatch", region))


def resources(pair: Pair, region: str) -> Iterator[Mapping[str, str]]:
    """The resources of the launch's stacks in a Region."""
    stacks = pair.client("cloudformation", region)
    for stem in STACKS:
        with suppress(stacks.exceptions.ClientError):
            pages = stacks.get_paginator("list_stack_resources").paginate(
                StackName=f"{stem}{pair.outputs['StackPostfix']}"
            )
            for page in pages:
                yield from page["StackResourceSummaries"]
