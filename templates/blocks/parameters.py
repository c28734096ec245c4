"""Parameters as the console's form shows them: checked where they are typed, grouped, labelled in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from troposphere import Parameter, Template

from templates.config import Config

TABLE_NAME = "[A-Za-z0-9_.-]{3,255}"


@dataclass(frozen=True)
class Field:
    """One parameter with the label of its input in the console."""

    parameter: Parameter
    label: str


def region(config: Config, title: str, label: str, description: str) -> Field:
    """Ask for one of the Regions that have AWS IoT Core."""
    return Field(
        Parameter(
            title,
            Type="String",
            Description=description,
            AllowedValues=list(config.regions),
            ConstraintDescription="must be a Region that has AWS IoT Core",
        ),
        label,
    )


def text(title: str, label: str, description: str, pattern: str, constraint: str) -> Field:
    """Ask for text of one form."""
    return Field(
        Parameter(
            title, Type="String", Description=description, AllowedPattern=pattern, ConstraintDescription=constraint
        ),
        label,
    )


def choice(title: str, label: str, description: str, values: tuple[str, ...]) -> Field:
    """Ask for one of few values; the first is the default."""
    return Field(
        Parameter(
            title,
            Type="String",
            Description=description,
            Default=values[0],
            AllowedValues=list(values),
            ConstraintDescription=f"must be {' or '.join(values)}",
        ),
        label,
    )


def number(title: str, label: str, description: str, default: int, between: tuple[int, int]) -> Field:
    """Ask for a whole number within bounds."""
    least, most = between
    return Field(
        Parameter(
            title,
            Type="Number",
            Description=description,
            Default=default,
            MinValue=least,
            MaxValue=most,
            ConstraintDescription=f"must be a whole number from {least} to {most}",
        ),
        label,
    )


def uuid() -> Field:
    """Ask for the launch's UUID; a bucket name made with it has at most 63 characters."""
    return text(
        "Uuid",
        "UUID of the launch",
        "Makes bucket names unique; every stack of one launch has the same one.",
        "[a-z0-9]([a-z0-9-]{0,44}[a-z0-9])?",
        "must be 1 to 46 lower-case letters, digits and inner hyphens",
    )


def certificate_mode() -> Field:
    """Ask how certificates come to the secondary Region."""
    return choice(
        "CertificateMode",
        "How do certificates reach the secondary Region?",
        "copy: each is registered there without its CA as soon as it is known. jitr: its CA is registered in both "
        "Regions with automatic registration, and each comes with its device's first connection.",
        ("copy", "jitr"),
    )


NO_TEMPLATE = "none"
"""Takes back what an earlier launch was asked for, where an empty input keeps it."""


def provisioning_template(without: str) -> Field:
    """Ask for the template by which devices register in the primary Region; `without` says what empty means."""
    return Field(
        Parameter(
            "ProvisioningTemplate",
            Type="String",
            Description="Name of a provisioning template of AWS IoT in the primary Region. A device of a CA with "
            "automatic registration is registered by it when it connects for the first time. Leave it empty if a rule "
            f"of your own does that, or the CA has a template. {NO_TEMPLATE}: no template any more. {without}",
            Default="",
            AllowedPattern="[0-9A-Za-z_-]{0,36}",
            ConstraintDescription="must be 1 to 36 letters, digits, hyphens and underscores, or empty",
        ),
        "Provisioning template for new devices of the primary Region",
    )


def table_name(title: str, label: str, description: str) -> Field:
    """Ask for the name of a table."""
    return text(
        title,
        label,
        description,
        TABLE_NAME,
        "must be 3 to 255 letters, digits, underscores, dots and hyphens",
    )


def stream_arn(title: str, label: str) -> Field:
    """Ask for the stream of a global table's replica."""
    return text(
        title,
        label,
        "ARN of the latest stream of this Region's replica, not of the primary's.",
        "arn:[a-z-]+:dynamodb:[a-z0-9-]+:\\d{12}:table/[A-Za-z0-9_.-]+/stream/.+",
        "must be the ARN of a DynamoDB stream",
    )


def shadows() -> tuple[Field, ...]:
    """Ask which shadows are replicated.

    The pattern stands in the SQL of a rule and is read by Python too, so it has only what means the same in both.
    """
    return (
        choice(
            "ReplicateShadows",
            "Which shadows are replicated?",
            "all: classic and named shadows. classic or named: those alone. none: no rule listens for shadows, and no "
            "sweep compares them.",
            ("all", "classic", "named", "none"),
        ),
        Field(
            Parameter(
                "ShadowNamePattern",
                Type="String",
                Description="Regular expression for the whole name of a named shadow, for example config|status; the "
                "classic shadow has no name.",
                Default=".*",  # any name
                AllowedPattern=r"[A-Za-z0-9:_.*+?|()\[\]^-]{1,256}",  # text that cannot end the text of the rule
                ConstraintDescription="must be 1 to 256 characters of a regular expression: letters, digits and any of "
                ": _ - . * + ? | ( ) [ ] ^",  # as above
            ),
            "Names of the shadows",
        ),
    )


def add_form(template: Template, groups: Mapping[str, tuple[Field, ...]]) -> None:
    """Add the parameters and the form that groups and labels them."""
    for fields in groups.values():
        for field in fields:
            template.add_parameter(field.parameter)
    template.set_metadata(
        {
            "AWS::CloudFormation::Interface": {
                "ParameterGroups": [
                    {"Label": {"default": name}, "Parameters": [field.parameter.title for field in fields]}
                    for name, fields in groups.items()
                ],
                "ParameterLabels": {
                    field.parameter.title: {"default": field.label} for fields in groups.values() for field in fields
                },
            }
        }
    )
