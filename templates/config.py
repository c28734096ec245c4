"""What a set of templates is generated for: where its assets lie, which release it is, which Regions it may name."""

from __future__ import annotations

import re
from dataclasses import dataclass

BUCKET_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
"""S3 admits dots in bucket names too, but a dot breaks TLS on virtual-hosted addresses."""
KEY_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
MAX_BUCKET_NAME = 63


class InvalidConfig(ValueError):
    """A value that would make templates nobody can launch; the message names the value and the rule."""


@dataclass(frozen=True)
class Config:
    """The values that differ between two sets of templates.

    `bucket_prefix` names the buckets: `PREFIX-reference` holds the templates and `PREFIX-<region>` the code, both under
    `solution_name/version/`. `regions` are the Regions that have AWS IoT Core. `digests` are the SHA-256 of each
    published file but the main template, in hexadecimal, with the file's name; a template that nobody builds has none.

    Raises:
        InvalidConfig: a value that S3 or CloudFormation would refuse later.
    """

    bucket_prefix: str
    solution_name: str
    version: str
    regions: tuple[str, ...]
    digests: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        _require(bool(self.regions), "no Region given: the SDK's data holds none for AWS IoT Core")
        for region in self.regions:
            _require(REGION.fullmatch(region) is not None, f"not a Region: {region!r}")
        longest = max((*self.regions, "reference"), key=len)
        room = MAX_BUCKET_NAME - len(f"-{longest}")
        _require(
            BUCKET_PREFIX.fullmatch(self.bucket_prefix) is not None and len(self.bucket_prefix) <= room,
            f"bucket prefix {self.bucket_prefix!r}: use 1 to {room} lower-case letters, digits and inner hyphens, "
            f"so that {'PREFIX-' + longest!r} is a bucket name",
        )
        for name, value in (("solution name", self.solution_name), ("version", self.version)):
            _require(
                KEY_PART.fullmatch(value) is not None,
                f"{name} {value!r}: use letters, digits, dots, hyphens and underscores; it is a part of S3 keys",
            )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InvalidConfig(message)
