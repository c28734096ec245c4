"""Wires publishing: the build's folder and credentials to `services.publish`."""

from __future__ import annotations

from pathlib import Path

from iot_dr.aws.launch.artifacts import S3Buckets
from iot_dr.model.launch.distribution import Distribution
from iot_dr.model.regions import RegionPair
from iot_dr.ports.progress import PublishObserver
from iot_dr.runtime.account import clients_of
from iot_dr.services.launch.publish import Publication, publish


def publish_build(
    distribution: Distribution, regions: RegionPair, assets: Path, progress: PublishObserver, profile: str = ""
) -> Publication:
    """Publish with the account that the credentials belong to."""
    return publish(distribution, regions, assets, S3Buckets(regions.primary, clients_of(profile)), progress)
