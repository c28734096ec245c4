"""How what belongs to one launch is named, as the main stack knows it: by postfix, day and UUID that its check gave."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Sub

from templates.blocks.permissions import arn, in_regions

_STACKS = ("IoTDR*", "R53HealthChecker")  # IoTDR and Primary, Secondary, GlobalTable or ShadowTable
"""How the names of the launched stacks and their tables begin; the postfix follows."""

_CHECK = "LaunchCheck"


def both_regions() -> Any:
    """Hold a statement to the launch's two Regions."""
    return in_regions(Ref("PrimaryRegion"), Ref("SecondaryRegion"))


def named(service: str, kind: str, region: str = "*") -> list[Sub]:  # either Region; a condition holds the two
    """Return the ARNs of what is named after the launch's stacks or tables."""
    return [
        arn(service, f"{kind}{stack}${{Postfix}}*", region, Postfix=postfix())  # an ID follows
        for stack in _STACKS
    ]


def postfix() -> GetAtt:
    """Return what the names of the launch's stacks end with."""
    return GetAtt(_CHECK, "StackPostfix")


def named_by_day(service: str, kind: str, region: str = "*") -> list[Sub]:  # as above
    """Return the ARNs of what CloudFormation names in 64 characters: it may cut the stack's name, after its day."""
    return [_by_day(service, f"{kind}{stack}", region) for stack in _STACKS]


def functions_of_custom_resources() -> list[Sub]:
    """Return the ARNs of the functions that CloudFormation calls for a launch: the health checker's alone."""
    return [_by_day("lambda", "function:R53HealthChecker", "*")]  # either Region


def _by_day(service: str, beginning: str, region: str) -> Sub:
    return arn(service, f"{beginning}${{Day}}*", region, Day=GetAtt(_CHECK, "LaunchDay"))  # the rest follows


def roles() -> list[Sub]:
    """Return the ARNs of the launch's roles; they are global, no Region holds them."""
    return named_by_day("iam", "role/", "")


def work_buckets() -> list[Sub]:
    """Return the ARNs of the launch's work buckets."""
    return [
        Sub(f"arn:${{AWS::Partition}}:s3:::iot-dr-{role}-${{Uuid}}", Uuid=GetAtt(_CHECK, "Uuid"))
        for role in ("primary", "secondary")
    ]
