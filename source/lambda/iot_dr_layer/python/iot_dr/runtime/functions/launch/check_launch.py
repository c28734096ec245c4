"""Wires `Custom::LaunchCheck`, the main stack's first resource: nothing is created unless a launch can work."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from iot_dr.aws import clients
from iot_dr.aws.launch.checks import IotRegionSettings
from iot_dr.aws.launch.files import S3PublishedFiles
from iot_dr.model.launch.distribution import Distribution, Release, digests_of
from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair
from iot_dr.ports.launch import PublishedFiles, RegionReader
from iot_dr.runtime import environment
from iot_dr.runtime.functions.launch.custom_resources import Request, ResourceAnswer, answering
from iot_dr.services.concurrency import on_threads
from iot_dr.services.launch import check_launch

THREADS = 8
"""Files of the release that are checked at the same time; there are over thirty in three buckets."""


@dataclass(frozen=True)
class CheckEnvironment:
    """The release that the function is of, by the names that the template gives."""

    bucket_prefix: str
    solution_name: str
    version: str
    release_sha256: str = ""

    @property
    def release(self) -> Release:
        """Return it.

        Raises:
            ConfigurationError: it cannot have been published.
        """
        published = Distribution(self.bucket_prefix, self.solution_name, self.version)
        return Release(published, digests_of(self.release_sha256))


@dataclass(frozen=True)
class LaunchCheck:
    """Names the launch at its creation and keeps the names for as long as the stack lives."""

    reader: RegionReader
    files: PublishedFiles
    release: Release
    clock: check_launch.Clock

    def create(self, request: Request) -> ResourceAnswer:
        """Check both Regions, then name the launch."""
        primary, secondary = (str(request.properties.get(name, "")) for name in ("PrimaryRegion", "SecondaryRegion"))
        with ThreadPoolExecutor(THREADS, thread_name_prefix="files") as executor:
            endpoints = check_launch.check(
                primary, secondary, self.reader, self.release, self.files, on_threads(executor)
            )
        launch = check_launch.new_launch(RegionPair(primary, secondary), request.stack_id, self.clock)
        return _answer(launch, endpoints)

    def update(self, request: Request) -> ResourceAnswer:
        """Refuse other Regions; keep the names otherwise. A rollback must pass, so settings are not checked again."""
        regions = RegionPair(request.properties["PrimaryRegion"], request.properties["SecondaryRegion"])
        launch = check_launch.known_launch(regions, request.stack_id, request.physical_id)
        return _answer(launch, check_launch.endpoints(regions, self.reader))

    def delete(self, request: Request) -> ResourceAnswer:
        """Do nothing: the check made nothing."""
        return ResourceAnswer(physical_id=request.physical_id)


def _answer(launch: Launch, endpoints: check_launch.Endpoints) -> ResourceAnswer:
    return ResourceAnswer(
        physical_id=check_launch.identity_of(launch),
        data={
            "PrimaryEndpoint": endpoints.primary,
            "SecondaryEndpoint": endpoints.secondary,
            "StackPostfix": launch.postfix,
            "LaunchDay": launch.day,
            "Uuid": launch.uuid,
        },
    )


def _wired() -> LaunchCheck:
    release = environment.read(CheckEnvironment, os.environ).release
    shared = clients.Shared()
    return LaunchCheck(IotRegionSettings(shared), S3PublishedFiles(shared), release, lambda: datetime.now(UTC))


lambda_handler = answering(_wired)
