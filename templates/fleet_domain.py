"""One name for the fleet in both Regions: the domain in AWS IoT, and the record that leads to a Region that is well.

    NAME  CNAME  PRIMARY    -> endpoint of the primary,   if {it is well, the secondary does not drain it}, two of two
    NAME  CNAME  SECONDARY  -> endpoint of the secondary, if it is well

So the secondary alone can take the fleet over: its own answer empties the primary's record, whatever the primary and
Route 53's control plane say. If neither is well, Route 53 answers with the primary's.
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-problems.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from troposphere import (
    And,
    Condition,
    Equals,
    If,
    Not,
    NoValue,
    Or,
    Output,
    Parameter,
    Ref,
    Split,
    Sub,
    Tags,
    Template,
    certificatemanager,
    iot,
    route53,
)

from templates.blocks import parameters
from templates.blocks.alarms import add_alarm
from templates.blocks.parameters import Field

HAS_FLEET = "HasFleet"
LEADS_TO_PRIMARY, LEADS_TO_SECONDARY = "LeadsToPrimary", "LeadsToSecondary"
"""Conditions of the template: the fleet has a name; its record of this Region is made, as which of the two."""
_DRAINED_BY = "SecondaryDrainsCheckId"
_HAS_CERTIFICATE, _MAKES_CERTIFICATE = "HasFleetCertificate", "MakesFleetCertificate"
_NAMES_CHECKERS = "NamesHealthCheckers"

NAME = r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){2,}[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
"""A host of a domain: the record is a CNAME, which a zone's apex cannot have."""
NAME_RULE = "must be a full domain name in lower case with at least three parts, such as iot.example.com"
ZONE = "[A-Z0-9]{1,32}"
CERTIFICATE = r"arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+"
ALL_CHECKERS = (
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-west-1",
    "sa-east-1",
    "us-east-1",
    "us-west-1",
    "us-west-2",
)
"""https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html"""
_CHECKER = f"({'|'.join(ALL_CHECKERS)})"
CHECKERS = f"{_CHECKER}(,{_CHECKER}){{2,7}}"
EXPIRY_DAYS = 30
"""ACM renews what it validates itself 60 days before; later than this somebody must act.

https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html
"""
A_DAY = 86_400
"""Seconds; ACM tells the days twice a day."""
INTERVALS = (30, 10)
"""Seconds between two requests of one checker; the first is what health checks had before there was a choice."""
FAILURES = (1, 10)
MOST_SECONDS = 3600


@dataclass(frozen=True)
class Checks:
    """Where the health checks of a Region ask, and how its devices connect."""

    host: Any
    drains_path: Any
    health: route53.HealthCheck
    endpoint: Any


def optional(title: str, label: str, description: str, pattern: str, constraint: str) -> Field:
    """Ask for text of one form that may be left empty."""
    return Field(
        Parameter(
            title,
            Type="String",
            Description=description,
            Default="",
            AllowedPattern=f"({pattern})?",
            ConstraintDescription=f"{constraint}, or empty",
        ),
        label,
    )


def fleet_name(without: str) -> Field:
    """Ask for the fleet's name; `without` says what an empty input means."""
    return optional(
        "FleetName",
        "Name of the fleet",
        f"Full domain name that your devices connect to in both Regions, for example iot.example.com. {without}",
        NAME,
        NAME_RULE,
    )


def hosted_zone(without: str) -> Field:
    """Ask for the public zone that the fleet's name is in."""
    return optional(
        "HostedZoneId",
        "Hosted zone of the name",
        "ID of your public hosted zone in Route 53 that holds the name of the fleet. The name must not be the zone's "
        f"own. {without}",
        ZONE,
        "must be the ID of a hosted zone: capital letters and digits",
    )


def fleet_certificate(title: str, label: str, region: str, without: str) -> Field:
    """Ask for the certificate of a Region's domain."""
    return optional(
        title,
        label,
        f"ARN of a certificate of AWS Certificate Manager in {region} for the name of the fleet. {without}",
        CERTIFICATE,
        "must be the ARN of a certificate in AWS Certificate Manager",
    )


def checker_regions(without: str) -> Field:
    """Ask where Route 53 checks from."""
    return optional(
        "HealthCheckerRegions",
        "Regions that Route 53 checks from",
        f"At least three of {', '.join(ALL_CHECKERS)}, separated by commas. {without}",
        CHECKERS,
        f"must be three to eight of {', '.join(ALL_CHECKERS)}, separated by commas without spaces",
    )


def form_of_checks() -> tuple[Field, ...]:
    """Ask how Route 53 checks a Region."""
    return (
        Field(
            Parameter(
                "HealthCheckInterval",
                Type="Number",
                Description="How often each of Route 53's checkers asks. With 10 a failure is found in a third of the "
                "time, and the requests cost three times as much. Another value makes new health checks with other "
                "IDs.",
                Default=INTERVALS[0],
                AllowedValues=list(INTERVALS),
                ConstraintDescription=f"must be {' or '.join(map(str, INTERVALS))}",
            ),
            "Seconds between health checks",
        ),
        parameters.number(
            "FailureThreshold",
            "Failed checks until a Region counts as unhealthy",
            "How many checks in a row must fail, or succeed, before Route 53 changes its opinion.",
            default=3,
            between=FAILURES,
        ),
        checker_regions("Empty: all."),
    )


def form_of_fleet() -> tuple[Field, ...]:
    """Ask for the fleet's name and what belongs to it in one Region."""
    return (
        fleet_name("Empty: no domain and no record are made."),
        hosted_zone("It is needed with a name."),
        fleet_certificate(
            "FleetCertificateArn",
            "Certificate of the name",
            "this stack's Region",
            "Empty: with a name one is made, and is validated by a record in the hosted zone.",
        ),
        optional(
            _DRAINED_BY,
            "Drains check of the secondary Region",
            "In the primary Region's stack: output DrainsCheckId of the secondary Region's stack. The record of the "
            "primary Region is made only with it.",
            "[0-9a-f-]{36}",
            "must be the ID of a health check",
        ),
        parameters.number(
            "RecordTtl",
            "Seconds that a resolver keeps the record",
            "A failover takes this much longer for devices that resolve the name again.",
            default=30,
            between=(1, MOST_SECONDS),
        ),
    )


def require_zone(template: Template) -> None:
    """Refuse a name without a zone while nothing is made yet."""
    template.add_rule(
        "FleetNeedsHostedZone",
        {
            "Assertions": [
                {
                    "Assert": Or(Equals(Ref("FleetName"), ""), Not(Equals(Ref("HostedZoneId"), ""))),
                    "AssertDescription": "A name of the fleet needs the hosted zone that holds it.",
                }
            ]
        },
    )


def add_conditions(template: Template) -> None:
    """Add the conditions that the form decides."""
    in_primary = Equals(Ref("AWS::Region"), Ref("PrimaryRegion"))
    in_secondary = Equals(Ref("AWS::Region"), Ref("SecondaryRegion"))
    has_fleet = Condition(HAS_FLEET)
    template.add_condition(_NAMES_CHECKERS, Not(Equals(Ref("HealthCheckerRegions"), "")))
    template.add_condition(HAS_FLEET, Not(Equals(Ref("FleetName"), "")))
    template.add_condition(_HAS_CERTIFICATE, Not(Equals(Ref("FleetCertificateArn"), "")))
    template.add_condition(_MAKES_CERTIFICATE, And(has_fleet, Not(Condition(_HAS_CERTIFICATE))))
    template.add_condition(LEADS_TO_PRIMARY, And(has_fleet, in_primary, Not(Equals(Ref(_DRAINED_BY), ""))))
    template.add_condition(LEADS_TO_SECONDARY, And(has_fleet, in_secondary))


def how_to_check() -> Mapping[str, Any]:
    """Return what a health check of an endpoint takes from the form."""
    return {
        "RequestInterval": Ref("HealthCheckInterval"),
        "FailureThreshold": Ref("FailureThreshold"),
        "Regions": If(_NAMES_CHECKERS, Split(",", Ref("HealthCheckerRegions")), NoValue),
    }


def add_fleet_domain(template: Template, checks: Checks) -> None:
    """Add what the fleet's name needs in this Region, if it has one."""
    domain = _add_domain(template)
    drains = _add_drains_check(template, checks)
    fleet = _add_fleet_check(template, checks)
    _add_record(template, "PrimaryRecord", LEADS_TO_PRIMARY, "PRIMARY", fleet, checks.endpoint)
    _add_record(template, "SecondaryRecord", LEADS_TO_SECONDARY, "SECONDARY", checks.health, checks.endpoint)
    for name, description, value, condition in (
        ("FleetName", "Name that devices connect to", Ref("FleetName"), HAS_FLEET),
        ("HostedZoneId", "Zone that holds it", Ref("HostedZoneId"), HAS_FLEET),
        ("RecordTarget", "Endpoint that the record of this Region leads to", checks.endpoint, HAS_FLEET),
        ("DomainConfigurationName", "Domain of the fleet in AWS IoT", Ref(domain), HAS_FLEET),
        ("FleetCheckId", "Health check of the primary's record", Ref(fleet), LEADS_TO_PRIMARY),
        ("DrainsCheckId", "Unhealthy while the primary is to be left", Ref(drains), LEADS_TO_SECONDARY),
    ):
        template.add_output(Output(name, Description=description, Value=value, Condition=condition))


def _add_domain(template: Template) -> iot.DomainConfiguration:
    """Add the domain, named after its stack; the launch's rights go by that name.

    AWS IoT serves it only to devices that send the name (SNI), and may take up to an hour to begin with it, so it must
    be there long before a failover. https://docs.aws.amazon.com/iot/latest/developerguide/iot-custom-endpoints.html
    """
    certificate = template.add_resource(
        certificatemanager.Certificate(
            "FleetCertificate",
            Condition=_MAKES_CERTIFICATE,
            DomainName=Ref("FleetName"),
            ValidationMethod="DNS",
            DomainValidationOptions=[
                certificatemanager.DomainValidationOption(DomainName=Ref("FleetName"), HostedZoneId=Ref("HostedZoneId"))
            ],
        )
    )
    of_name = If(_HAS_CERTIFICATE, Ref("FleetCertificateArn"), Ref(certificate))
    add_alarm(
        template,
        "FleetCertificateAlarm",
        f"The certificate of the fleet's name expires within {EXPIRY_DAYS} days; devices will refuse the name then",
        metric=("AWS/CertificateManager", "DaysToExpiry"),
        dimensions={"CertificateArn": of_name},
        statistic="Minimum",
        below=EXPIRY_DAYS,
        period=A_DAY,
    ).Condition = HAS_FLEET
    return template.add_resource(
        iot.DomainConfiguration(
            "FleetDomain",
            Condition=HAS_FLEET,
            DomainConfigurationName=Ref("AWS::StackName"),
            DomainConfigurationStatus="ENABLED",
            DomainName=Ref("FleetName"),
            ServerCertificateArns=[of_name],
            ServiceType="DATA",
        )
    )


def _add_drains_check(template: Template, checks: Checks) -> route53.HealthCheck:
    """Add the check that is unhealthy while the secondary says that devices are to leave the primary.

    Inverted, for it is a part of the primary's: if nobody answers, the primary is not drained.
    """
    return template.add_resource(
        route53.HealthCheck(
            "DrainsCheck",
            Condition=LEADS_TO_SECONDARY,
            DependsOn=["DrainsRoute", "HealthStage"],
            HealthCheckConfig=route53.HealthCheckConfig(
                Type="HTTPS",
                FullyQualifiedDomainName=checks.host,
                Port=443,
                EnableSNI=True,
                ResourcePath=checks.drains_path,
                Inverted=True,
                **how_to_check(),
            ),
            HealthCheckTags=Tags(Name=Sub("${AWS::StackName} ${AWS::Region} drains")),
        )
    )


def _add_fleet_check(template: Template, checks: Checks) -> route53.HealthCheck:
    """Add the primary's check of both: it is well, and the secondary does not drain it."""
    return template.add_resource(
        route53.HealthCheck(
            "FleetCheck",
            Condition=LEADS_TO_PRIMARY,
            HealthCheckConfig=route53.HealthCheckConfig(
                Type="CALCULATED",
                ChildHealthChecks=[Ref(checks.health), Ref(_DRAINED_BY)],
                HealthThreshold=2,
            ),
            HealthCheckTags=Tags(Name=Sub("${AWS::StackName} ${AWS::Region} fleet")),
        )
    )


def _add_record(  # noqa: PLR0913, PLR0917  # a record is this many things
    template: Template, title: str, condition: str, role: str, check: route53.HealthCheck, endpoint: Any
) -> None:
    template.add_resource(
        route53.RecordSetType(
            title,
            Condition=condition,
            HostedZoneId=Ref("HostedZoneId"),
            Name=Ref("FleetName"),
            Type="CNAME",
            TTL=Ref("RecordTtl"),
            SetIdentifier=Ref("AWS::Region"),
            Failover=role,
            HealthCheckId=Ref(check),
            ResourceRecords=[endpoint],
        )
    )
