"""Bring the buckets of a distribution to what the build script wrote, and say where its launch begins.

`iot-dr publish` calls this. Publishing again uploads only files whose SHA-256 differs, so that an interrupted run is
mended by the next. Templates come after the code that they name, and the main template last: what can be launched is
complete.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iot_dr.errors import ConfigurationError
from iot_dr.model.launch import distribution as names
from iot_dr.model.launch.distribution import Bucket, Distribution, Upload
from iot_dr.model.regions import RegionPair, check_region
from iot_dr.ports.launch import Buckets
from iot_dr.ports.progress import PublishObserver

STACK_NAME = "disaster-recovery-for-aws-iot"


@dataclass(frozen=True)
class Publication:
    """What one run left and did."""

    buckets: tuple[Bucket, ...]
    uploaded: tuple[str, ...]
    unchanged: int
    template_url: str
    quick_create_link: str


def publish(
    distribution: Distribution, regions: RegionPair, assets: Path, buckets: Buckets, progress: PublishObserver
) -> Publication:
    """Publish the built assets for a launch from the primary Region.

    Raises:
        ConfigurationError: the build is missing or was made for other names, a Region has no AWS IoT Core, or what
            `Buckets.secure` refuses.
    """
    code, templates = _built(distribution, assets)
    for region in (regions.primary, regions.secondary):
        check_region(region, buckets.regions())

    # The one in the Region of the launch first: it fails for the likeliest reasons, before anything is made elsewhere.
    places: list[tuple[Bucket, Sequence[Path]]] = [
        (_code_bucket(distribution, region, buckets), code) for region in (regions.primary, regions.secondary)
    ]
    reference = buckets.secure(distribution.reference_bucket, regions.primary)
    places.append((reference, templates))

    uploads: list[Upload] = []
    unchanged = 0
    for bucket, files in places:
        progress.comparing(bucket)
        for path in files:
            upload = _upload(path, bucket, distribution.key(path.name))
            if buckets.checksum(bucket, upload.key) == upload.checksum:
                unchanged += 1
            else:
                uploads.append(upload)
    progress.uploading(uploads)
    for upload in uploads:
        buckets.upload(upload, progress.sent)

    template_url = buckets.url(reference, distribution.key(names.MAIN_TEMPLATE))
    return Publication(
        buckets=tuple(bucket for bucket, _ in places),
        uploaded=tuple(str(upload) for upload in uploads),
        unchanged=unchanged,
        template_url=template_url,
        quick_create_link=names.quick_create_link(
            regions.primary,
            template_url,
            STACK_NAME,
            {"PrimaryRegion": regions.primary, "SecondaryRegion": regions.secondary},
        ),
    )


def _built(distribution: Distribution, assets: Path) -> tuple[Sequence[Path], Sequence[Path]]:
    code, templates = assets / names.CODE_FOLDER, assets / names.TEMPLATES_FOLDER
    needed = [code / names.LAYER, code / names.LAUNCHER, *(templates / name for name in names.TEMPLATES)]
    build = (
        f"run deployment/build-s3-dist.sh {distribution.bucket_prefix} {distribution.solution_name} "
        f"{distribution.version} first"
    )
    for path in needed:
        if not path.is_file():
            raise ConfigurationError(f"{path} is missing; {build}")
    built_for = _baked(templates / names.MAIN_TEMPLATE)
    if built_for != distribution:
        raise ConfigurationError(
            f"{assets} was built for {_words(built_for)}, which is not {_words(distribution)}; {build}"
        )
    ordered = [templates / name for name in reversed(names.TEMPLATES)]
    return sorted(code.glob("*.zip")), ordered


def _baked(template: Path) -> Distribution:
    """Return the names that the templates will look for, which the build wrote into the main template."""
    try:
        source = json.loads(template.read_text())["Mappings"]["Solution"]["Source"]
        return Distribution(source["BucketPrefix"], source["Name"], source["Version"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{template} is not a template of this project; build it again") from error


def _words(distribution: Distribution) -> str:
    return f"{distribution.bucket_prefix} {distribution.solution_name} {distribution.version}"


def _code_bucket(distribution: Distribution, region: str, buckets: Buckets) -> Bucket:
    bucket = buckets.secure(distribution.code_bucket(region), region)
    if bucket.region != region:
        # Lambda and CodeBuild read code from a bucket in their own Region only.
        raise ConfigurationError(
            f"your bucket {bucket.name} lies in {bucket.region}, not in {region}; delete it or choose another prefix"
        )
    return bucket


def _upload(path: Path, bucket: Bucket, key: str) -> Upload:
    content = path.read_bytes()
    checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return Upload(path, bucket, key, checksum, len(content))
