"""Wires the launch of the regional stacks, as CodeBuild runs it and as any shell with the same variables does."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields

from iot_dr.aws import clients
from iot_dr.aws.launch.checks import IotRegionSettings
from iot_dr.aws.launch.files import S3PublishedFiles, S3PublishedTemplates, S3ToolsBucket
from iot_dr.aws.launch.stacks import CloudFormationStackDeployer
from iot_dr.aws.launch.tables import DynamoDbGlobalTables
from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.distribution import Release, digests_of, distribution_of
from iot_dr.model.launch.launches import Choices, ChosenParameters, check_topics
from iot_dr.model.shadows.patterns import check
from iot_dr.ports.progress import LaunchObserver
from iot_dr.runtime.commands.settings.launch_names import LaunchNames
from iot_dr.services.concurrency import on_threads
from iot_dr.services.launch.launch import Launcher


@dataclass(frozen=True, kw_only=True)
class LaunchEnvironment(LaunchNames, ChosenParameters):
    """The variables that CodeBuild sets, by the names of design and buildspec."""

    bucket_resources: str
    solution_name: str
    version: str
    create_health_check: str = "no"
    release_sha256: str = ""

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
        check_topics(self.regions, self.primary_notification_topic_arn, self.secondary_notification_topic_arn)
        chosen = {one.name: getattr(self, one.name) for one in fields(ChosenParameters)}
        return Choices(create_health_check=self.create_health_check == "yes", **chosen)


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
