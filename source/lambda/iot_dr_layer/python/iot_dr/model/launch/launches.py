"""The names of everything that one launch makes, derived from two Regions, a postfix and a UUID, and what it meets."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from iot_dr.errors import ConfigurationError
from iot_dr.model.regions import RegionPair

POSTFIX = re.compile(r"[A-Za-z0-9]{1,32}")
"""What may follow a stack name's letters; a launch by the main stack uses its time, `%Y%m%d%H%M%S`."""
UUID = re.compile(r"[a-z0-9]([a-z0-9-]{0,44}[a-z0-9])?")
"""What S3 admits in a bucket name, short enough for `iot-dr-secondary-` and 63 characters in all."""

BOUNDARY = "PermissionsBoundary"
"""The parameter of every launched stack with the policy that no role of it may go beyond."""


@dataclass(frozen=True)
class Launch:
    """One deployment of the product; two launches differ in postfix and UUID and share nothing.

    Raises:
        ConfigurationError: postfix or UUID would make a name that AWS refuses.
    """

    regions: RegionPair
    postfix: str
    uuid: str

    def __post_init__(self) -> None:
        if not POSTFIX.fullmatch(self.postfix):
            raise ConfigurationError(f"STACK_POSTFIX must be 1 to 32 letters and digits, not {self.postfix!r}")
        if not UUID.fullmatch(self.uuid):
            raise ConfigurationError(
                f"UUID must be 1 to 46 lower-case letters, digits and inner hyphens, not {self.uuid!r}"
            )

    @property
    def day(self) -> str:
        """Return the first eight characters of the postfix: the day, where the postfix is a time."""
        return self.postfix[:8]

    @property
    def primary_stack(self) -> str:
        """Name the stack with the topic rules and the global table."""
        return f"IoTDRPrimary{self.postfix}"

    @property
    def secondary_stack(self) -> str:
        """Name the stack that replicates."""
        return f"IoTDRSecondary{self.postfix}"

    @property
    def health_checker_stack(self) -> str:
        """Name the health checker's stack, the same in both Regions."""
        return f"R53HealthChecker{self.postfix}"

    @property
    def global_table(self) -> str:
        """Name the table that carries registry events to the secondary Region."""
        return f"IoTDRGlobalTable{self.postfix}"

    @property
    def shadow_table(self) -> str:
        """Name the table that carries shadow events to the secondary Region."""
        return f"IoTDRShadowTable{self.postfix}"

    @property
    def primary_bucket(self) -> str:
        """Name the work bucket in the primary Region; the operator's tools lie there."""
        return f"iot-dr-primary-{self.uuid}"

    @property
    def secondary_bucket(self) -> str:
        """Name the work bucket in the secondary Region; failed stream records lie there."""
        return f"iot-dr-secondary-{self.uuid}"

    @property
    def stacks(self) -> tuple[tuple[str, str], ...]:
        """Return (Region, stack name) of all that may exist, in the order in which they can be deleted."""
        return (
            (self.regions.secondary, self.health_checker_stack),
            (self.regions.primary, self.health_checker_stack),
            (self.regions.secondary, self.secondary_stack),
            (self.regions.primary, self.primary_stack),
        )

    @property
    def resources(self) -> tuple[LaunchResource, ...]:
        """Return all that may exist, in the order in which it can be removed; buckets outlive their stacks."""
        primary, secondary = self.regions.primary, self.regions.secondary
        return (
            *(LaunchResource(LaunchResourceKind.STACK, region, name) for region, name in self.stacks),
            *(
                LaunchResource(LaunchResourceKind.TABLE, region, table)
                for table in (self.global_table, self.shadow_table)
                for region in (secondary, primary)
            ),
            LaunchResource(LaunchResourceKind.BUCKET, secondary, self.secondary_bucket),
            LaunchResource(LaunchResourceKind.BUCKET, primary, self.primary_bucket),
        )


@dataclass(frozen=True)
class ChosenParameters:
    """What an operator chooses for the stacks beside the Regions.

    What is empty is not chosen, and its parameter is left out: a stack that is there keeps what it has, and a new one
    takes the default of its template.

    Attributes:
        certificate_mode: how certificates come to the secondary Region, `copy` or `jitr`.
        replicate_shadows: which shadows are replicated, `all`, `classic`, `named` or `none`.
        shadow_name_pattern: regular expression for the whole name of a named shadow.
        permissions_boundary: ARN of the policy that no role of the launch may go beyond.
        kms_key_id: ID of a multi-Region key for all that the stacks store.
        primary_access_log_bucket: bucket in the primary Region for the access log of its work bucket.
        secondary_access_log_bucket: the same in the secondary Region.
        health_check_concurrency: executions that are reserved for the health check in each Region, 0 for none.
        tracing: whether AWS X-Ray traces functions and workflows, `yes` or `no`; health checkers never.
        fleet_name: full domain name that devices connect to in both Regions.
        hosted_zone_id: zone of Route 53 that holds it.
        primary_fleet_certificate_arn: its certificate in the primary Region; one is made if there is none.
        secondary_fleet_certificate_arn: the same in the secondary Region.
        health_check_interval: seconds between two requests of one checker, 10 or 30.
        failure_threshold: how many checks in a row decide.
        health_checker_regions: Regions that Route 53 checks from, separated by commas.
        name_servers: servers of the zone, as host or host:port, separated by commas.
        primary_notification_topic_arn: topic in the primary Region that its alarms notify.
        secondary_notification_topic_arn: the same in the secondary Region.
    """

    certificate_mode: str = ""
    provisioning_template: str = ""
    replicate_shadows: str = ""
    shadow_name_pattern: str = ""
    permissions_boundary: str = ""
    kms_key_id: str = ""
    primary_access_log_bucket: str = ""
    secondary_access_log_bucket: str = ""
    health_check_concurrency: str = ""
    tracing: str = ""
    fleet_name: str = ""
    hosted_zone_id: str = ""
    primary_fleet_certificate_arn: str = ""
    secondary_fleet_certificate_arn: str = ""
    health_check_interval: str = ""
    failure_threshold: str = ""
    health_checker_regions: str = ""
    name_servers: str = ""
    primary_notification_topic_arn: str = ""
    secondary_notification_topic_arn: str = ""

    @property
    def of_primary(self) -> Mapping[str, str]:
        """Return the parameters of the primary Region's stack."""
        return _chosen(
            **self._of_shadows,
            **self._of_all,
            AccessLogBucket=self.primary_access_log_bucket,
            Tracing=self.tracing,
            ProvisioningTemplate=self.provisioning_template,
            NotificationTopicArn=self.primary_notification_topic_arn,
        )

    @property
    def of_secondary(self) -> Mapping[str, str]:
        """Return the parameters of the secondary Region's stack."""
        return _chosen(
            **self._of_shadows,
            **self._of_all,
            AccessLogBucket=self.secondary_access_log_bucket,
            Tracing=self.tracing,
            CertificateMode=self.certificate_mode,
            FleetName=self.fleet_name,
            NameServers=self.name_servers,
            NotificationTopicArn=self.secondary_notification_topic_arn,
        )

    @property
    def of_primary_health_checker(self) -> Mapping[str, str]:
        """Return the parameters of the health checker's stack in the primary Region."""
        return self._of_health_checker(self.primary_fleet_certificate_arn, self.primary_notification_topic_arn)

    @property
    def of_secondary_health_checker(self) -> Mapping[str, str]:
        """Return the parameters of the health checker's stack in the secondary Region."""
        return self._of_health_checker(self.secondary_fleet_certificate_arn, self.secondary_notification_topic_arn)

    def _of_health_checker(self, certificate: str, topic: str) -> Mapping[str, str]:
        return _chosen(
            **self._of_all,
            HealthCheckConcurrency=self.health_check_concurrency,
            FleetName=self.fleet_name,
            HostedZoneId=self.hosted_zone_id,
            HealthCheckInterval=self.health_check_interval,
            FailureThreshold=self.failure_threshold,
            HealthCheckerRegions=self.health_checker_regions,
            FleetCertificateArn=certificate,
            NotificationTopicArn=topic,
        )

    @property
    def _of_all(self) -> Mapping[str, str]:
        return {BOUNDARY: self.permissions_boundary, "KmsKeyId": self.kms_key_id}

    @property
    def _of_shadows(self) -> Mapping[str, str]:
        return {"ReplicateShadows": self.replicate_shadows, "ShadowNamePattern": self.shadow_name_pattern}


@dataclass(frozen=True)
class Choices(ChosenParameters):
    """All that an operator chooses.

    Attributes:
        create_health_check: launch the health checkers too; without it those that are there are left alone.
    """

    create_health_check: bool = False


def check_topics(regions: RegionPair, primary_topic: str, secondary_topic: str) -> None:
    """Refuse a topic that the alarms of its Region could not notify; an empty ARN is none.

    Raises:
        ConfigurationError: the topic lies in another Region.
    """
    for region, topic in ((regions.primary, primary_topic), (regions.secondary, secondary_topic)):
        if topic and f":sns:{region}:" not in topic:
            raise ConfigurationError(
                f"{topic} is no topic in {region}: an alarm notifies topics of its own Region alone"
            )


def _chosen(**parameters: str) -> Mapping[str, str]:
    return {name: value for name, value in parameters.items() if value}


@dataclass(frozen=True)
class UnreadableValue:
    """Stands where a value of a Region would, with the reason that AWS gave for not telling it."""

    reason: str


@dataclass(frozen=True)
class Finding:
    """One thing that keeps a launch from working, and the command or choice that mends it."""

    missing: str
    mend: str

    def __str__(self) -> str:
        return f"{self.missing} -> {self.mend}"


@dataclass(frozen=True)
class IotRegion:
    """What the check must know of one Region."""

    endpoint: str | UnreadableValue
    enabled_events: frozenset[str] | UnreadableValue
    indexing_mode: str | UnreadableValue
    concurrency: int | UnreadableValue
    """How many functions may run at once, those without reserved concurrency together."""


class LaunchResourceKind(enum.StrEnum):
    """What a launch makes that can outlive its main stack."""

    STACK = "stack"
    BUCKET = "bucket"
    TABLE = "table"


@dataclass(frozen=True)
class LaunchResource:
    """One thing that a launch may have made, by where it would be."""

    kind: LaunchResourceKind
    region: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} in {self.region}"


@dataclass(frozen=True)
class Stack:
    """A CloudFormation stack as it should be."""

    region: str
    name: str
    template_url: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StackEvent:
    """One line of a stack's history."""

    time: str
    region: str
    stack: str
    resource: str
    resource_type: str
    status: str
    reason: str = ""

    @property
    def is_root_cause(self) -> bool:
        """Tell whether this is a failure of its own, not one that another failure brought about.

        After the first failure CloudFormation cancels what is under way and reports each as failed, with such a reason.
        """
        return self.status.endswith("_FAILED") and "cancelled" not in self.reason
