"""Wires the launch of the regional stacks, as CodeBuild runs it and as any shell with the same variables does."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from iot_dr.aws import clients
from iot_dr.aws.launch.checks import IotRegionSettings
from iot_dr.aws.launch.files import S3PublishedFiles, S3PublishedTemplates, S3ToolsBucket
from iot_dr.aws.launch.stacks import CloudFormationStackDeployer
from iot_dr.aws.launch.tables import DynamoDbGlobalTables
from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.distribution import Release, digests_of, distribution_of
from iot_dr.model.launch.launches import Choices, Launch, check_topics
from iot_dr.model.regions import RegionPair
from iot_dr.model.shadows.patterns import check
from iot_dr.ports.progress import LaunchObserver
from iot_dr.services.concurrency import on_threads
from iot_dr.services.launch.launch import Launcher


@dataclass(frozen=True)
class LaunchEnvironment:
    """The variables that CodeBuild sets, by the names of design and buildspec; `Choices` has what empty ones mean."""

    primary_region: str
    secondary_region: str
    stack_postfix: str
    uuid: str
    bucket_resources: str
    solution_name: str
    version: str
    create_health_check: str = "no"
    certificate_mode: str = ""
    provisioning_template: str = ""
    replicate_shadows: str = ""
    shadow_name_pattern: str = ""
    release_sha256: str = ""
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
    def order(self) -> Launch:
        """Return the launch that these variables ask for.

        Raises:
            ConfigurationError: Regions, postfix or UUID cannot be.
        """
        return Launch(RegionPair(self.primary_region, self.secondary_region), self.stack_postfix, self.uuid)

    @property
    def release(self) -> Release:
        """Return what is launched.

        Raises:
            ConfigurationError: bucket, name or version cannot be a release's, or the digests are none.
        """
        published = distribution_of(self.bucket_resources, self.solution_name, self.version)
        return Release(published, digests_of(self.release_sha256))

    @property
    def choices(self) -> Choices:
        """Return what was chosen.

        Raises:
            ConfigurationError: whether to launch the health checkers is neither yes nor no, the shadow name pattern
                could take very long, the fleet's name has no hosted zone, or a topic lies in another Region.
        """
        check(self.shadow_name_pattern)
        if self.create_health_check not in {"yes", "no"}:
            raise ConfigurationError(f"CREATE_HEALTH_CHECK must be yes or no, not {self.create_health_check!r}")
        if self.fleet_name and not self.hosted_zone_id:
            raise ConfigurationError(f"HOSTED_ZONE_ID is missing: which hosted zone holds {self.fleet_name}?")
        check_topics(self.order.regions, self.primary_notification_topic_arn, self.secondary_notification_topic_arn)
        return Choices(
            create_health_check=self.create_health_check == "yes",
            certificate_mode=self.certificate_mode,
            provisioning_template=self.provisioning_template,
            replicate_shadows=self.replicate_shadows,
            shadow_name_pattern=self.shadow_name_pattern,
            permissions_boundary=self.permissions_boundary,
            kms_key_id=self.kms_key_id,
            primary_access_log_bucket=self.primary_access_log_bucket,
            secondary_access_log_bucket=self.secondary_access_log_bucket,
            health_check_concurrency=self.health_check_concurrency,
            tracing=self.tracing,
            fleet_name=self.fleet_name,
            hosted_zone_id=self.hosted_zone_id,
            primary_fleet_certificate_arn=self.primary_fleet_certificate_arn,
            secondary_fleet_certificate_arn=self.secondary_fleet_certificate_arn,
            health_check_interval=self.health_check_interval,
            failure_threshold=self.failure_threshold,
            health_checker_regions=self.health_checker_regions,
            name_servers=self.name_servers,
            primary_notification_topic_arn=self.primary_notification_topic_arn,
            secondary_notification_topic_arn=self.secondary_notification_topic_arn,
        )


@contextmanager
def launcher(environment: LaunchEnvironment, progress: LaunchObserver, profile: str = "") -> Iterator[Launcher]:
    """Build what a launch is done with."""
    client_of = clients.Shared(clients.session(profile))
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="stack") as executor:
        yield Launcher(
            stacks=CloudFormationStackDeployer(client_of),
            templates=S3PublishedTemplates(
                environment.bucket_resources,
                f"{environment.solution_name}/{environment.version}",
                environment.primary_region,
                client_of,
            ),
            files=S3PublishedFiles(client_of),
            tables=DynamoDbGlobalTables(client_of),
            tools_bucket=S3ToolsBucket(client_of),
            endpoint_of=IotRegionSettings(client_of).endpoint,
            progress=progress,
            together=on_threads(executor),
        )
