"""Hold what is published against the digests that the main template has, before anything of it is launched.

Code must lie in a bucket of the Region that runs it, so a Region without published code is found here too. S3 keeps the
SHA-256 of what it was given and has compared it then, so the digests are compared without reading the files.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

from collections.abc import Iterator

from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.distribution import NO_DIGEST, Distribution, Release
from iot_dr.model.launch.launches import Finding, UnreadableValue
from iot_dr.model.regions import RegionPair
from iot_dr.ports.launch import PublishedFiles
from iot_dr.services.concurrency import Together, one_by_one


def check_release(
    release: Release, regions: RegionPair, files: PublishedFiles, together: Together = one_by_one
) -> None:
    """Return if all files of a release are where a launch reads them, and are the ones that it was built with.

    Raises:
        ConfigurationError: one is missing or another; the message names it and the mend.
    """
    findings = tuple(find_in_release(release, regions, files, together))
    if findings:
        raise ConfigurationError("; ".join(str(finding) for finding in findings))


def find_in_release(
    release: Release, regions: RegionPair, files: PublishedFiles, together: Together = one_by_one
) -> Iterator[Finding]:
    """Yield what is wrong with each bucket of a release, by its first file that is missing or another."""
    names = release.distribution
    buckets = [
        *((region, names.code_bucket(region), release.code) for region in (regions.primary, regions.secondary)),
        (regions.primary, names.reference_bucket, release.templates),
    ]
    places = [(region, bucket, name) for region, bucket, held in buckets for name in held]
    found = together(lambda place: files.sha256(place[0], place[1], names.key(place[2])), places)
    told = set()
    for (_, bucket, name), digest in zip(places, found, strict=True):
        wrong = _wrong(f"s3://{bucket}/{names.key(name)}", digest, release.digests.get(name))
        if wrong and bucket not in told:
            told.add(bucket)
            yield Finding(wrong, _publish_again(names, regions))


def _publish_again(names: Distribution, regions: RegionPair) -> str:
    return (
        f"publish it: deployment/publish.sh {names.bucket_prefix} {names.solution_name} {names.version} "
        f"{regions.primary} {regions.secondary}"
    )


def _wrong(place: str, found: str | UnreadableValue | None, wanted: str | None) -> str:
    match found:
        case None:
            return f"{place} does not exist, and a Region runs only code that lies in it"
        case UnreadableValue():
            return f"{place} cannot be read; its bucket may be another account's ({found.reason})"
        case _ if wanted is not None and found == NO_DIGEST:
            return f"{place} was not published by deployment/publish.sh: S3 has no SHA-256 of it"
        case _ if wanted is not None and found != wanted:
            return f"{place} is not the file that this version was built with; find out who changed it"
    return ""
