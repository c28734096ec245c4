"""A build under its published name: which buckets hold it, under which keys, and the link that launches it.

The build script, `iot-dr publish` and the launcher share these rules, so that a template never names a bucket that the
publisher would not make. Standard library only: the build script runs this before anything is installed.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iot_dr.errors import ConfigurationError

TEMPLATES = tuple(
    f"disaster-recovery-for-aws-iot{stack}.template"
    for stack in ("", "-primary-region", "-secondary-region", "-r53-health-checker")
)
MAIN_TEMPLATE = TEMPLATES[0]
LAYER = "iot_dr_layer.zip"
LAUNCHER = "iot-dr-solution.zip"
NO_DIGEST = ""
"""Stands for the digest of a file that S3 has none of."""
TEMPLATES_FOLDER = "global-s3-assets"
CODE_FOLDER = "regional-s3-assets"
"""The folders that the build script writes beside itself."""

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET_NAME_LENGTH = 63
_LONGEST_REGION = "ap-southeast-1"
MAX_PREFIX_LENGTH = _BUCKET_NAME_LENGTH - len("-" + _LONGEST_REGION)
_PREFIX = re.compile(r"[a-z0-9][a-z0-9-]*[a-z0-9]")
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")

# The name is one segment of an S3 key and of a URL: only characters that need no escape in either.
_SOLUTION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REFERENCE = "-reference"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


@dataclass(frozen=True)
class Distribution:
    """What the three arguments of the build script name.

    Raises:
        ConfigurationError: S3 would refuse the buckets, or the name or version would not make a plain key.
    """

    bucket_prefix: str
    solution_name: str
    version: str

    def __post_init__(self) -> None:
        _check_prefix(self.bucket_prefix)
        if not _SOLUTION_NAME.fullmatch(self.solution_name):
            raise ConfigurationError(
                f"the solution name {self.solution_name!r} does not do: at most 64 letters, digits, dots, hyphens and "
                "underscores, beginning with a letter or digit"
            )
        if not _VERSION.fullmatch(self.version):
            raise ConfigurationError(f"the version {self.version!r} is not of the form vX.Y.Z, for example v1.4.0")

    @property
    def reference_bucket(self) -> str:
        """The bucket of the templates."""
        return f"{self.bucket_prefix}{_REFERENCE}"

    def code_bucket(self, region: str) -> str:
        """Return the bucket of the zips in one Region; Lambda reads code from its own Region only."""
        return f"{self.bucket_prefix}-{region}"

    def key(self, file_name: str) -> str:
        """Return the key of a file in either bucket."""
        return f"{self.solution_name}/{self.version}/{file_name}"


def distribution_of(bucket_resources: str, solution_name: str, version: str) -> Distribution:
    """Return the distribution whose templates lie in a bucket.

    Raises:
        ConfigurationError: no distribution has such a bucket.
    """
    if not bucket_resources.endswith(_REFERENCE):
        raise ConfigurationError(f"BUCKET_RESOURCES must be of the form PREFIX{_REFERENCE}, not {bucket_resources!r}")
    return Distribution(bucket_resources.removesuffix(_REFERENCE), solution_name, version)


@dataclass(frozen=True)
class Release:
    """A distribution, and the SHA-256 of each of its files in hexadecimal; empty if nobody told them.

    The main template has them, so who launches it knows what is launched, whoever may write the buckets.
    """

    distribution: Distribution
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def code(self) -> tuple[str, ...]:
        """Return the files that each Region's code bucket must hold; of those that nobody told, the layer."""
        return tuple(name for name in self.digests if name.endswith(".zip")) or (LAYER,)

    @property
    def templates(self) -> tuple[str, ...]:
        """Return the files that the bucket of the templates must hold, as far as they were told."""
        return tuple(name for name in self.digests if not name.endswith(".zip"))


def digests_of(text: str) -> dict[str, str]:
    """Read digests as `sha256sum` writes them: the digest, white space, the file's name.

    Raises:
        ConfigurationError: the text is not of that form.

    >>> digests_of("") == {}
    True
    """
    words = text.split()
    found = dict(zip(words[1::2], words[::2], strict=False))
    if len(words) % 2 or not all(_SHA256.fullmatch(digest) for digest in found.values()):
        raise ConfigurationError("RELEASE_SHA256 must be of the form `DIGEST FILE DIGEST FILE ...`; update the stack")
    return found


@dataclass(frozen=True)
class Bucket:
    """A bucket of the caller's own account, and where it lies."""

    name: str
    region: str
    made: bool
    """True if it did not exist before."""


@dataclass(frozen=True)
class Upload:
    """One file on its way to one key."""

    path: Path
    bucket: Bucket
    key: str
    checksum: str
    """SHA-256 in base64, the form in which S3 keeps it."""
    size: int

    def __str__(self) -> str:
        return f"s3://{self.bucket.name}/{self.key}"


def console_host(region: str) -> str:
    """Return the host of the AWS console for a Region's partition."""
    if region.startswith("cn-"):
        return f"{region}.console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return f"{region}.console.amazonaws-us-gov.com"
    return f"{region}.console.aws.amazon.com"


def object_url(bucket: str, region: str, key: str) -> str:
    """Return the virtual-hosted address of an object.

    >>> object_url("iot-dr-reference", "us-east-1", "iot-dr/v1.0.0/a.template")
    'https://iot-dr-reference.s3.us-east-1.amazonaws.com/iot-dr/v1.0.0/a.template'
    """
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{bucket}.s3.{region}.{suffix}/{urllib.parse.quote(key)}"


def quick_create_link(region: str, template_url: str, stack_name: str, parameters: Mapping[str, str]) -> str:
    """Return the address that opens the console's form for a new stack, filled in.

    Names are case-sensitive: `templateURL`, `stackName`, `param_<Name>`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html
    """
    fields = {"templateURL": template_url, "stackName": stack_name}
    fields |= {f"param_{name}": value for name, value in parameters.items()}
    query = urllib.parse.urlencode(fields)
    return f"https://{console_host(region)}/cloudformation/home?region={region}#/stacks/create/review?{query}"


def _check_prefix(prefix: str) -> None:
    if not 3 <= len(prefix) <= MAX_PREFIX_LENGTH:
        raise ConfigurationError(
            f"the bucket prefix {prefix!r} has {len(prefix)} characters; S3 allows 63 for PREFIX-<region>, which "
            f"leaves 3 to {MAX_PREFIX_LENGTH} for the prefix"
        )
    if not _PREFIX.fullmatch(prefix):
        raise ConfigurationError(
            f"the bucket prefix {prefix!r} does not do: lower-case letters, digits and hyphens, beginning and ending "
            "with a letter or digit; S3 refuses others, and a dot would break TLS"
        )
    for reserved in _RESERVED_PREFIXES:
        if prefix.startswith(reserved):
            raise ConfigurationError(f"S3 keeps names that begin with {reserved!r} for itself; choose another prefix")
