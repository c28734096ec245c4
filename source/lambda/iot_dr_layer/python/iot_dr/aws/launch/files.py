"""The S3 places of a launch: published files are read, what the operator's tools need is put."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from iot_dr.aws import clients, errors
from iot_dr.errors import ConfigurationError, IotDrError, TerminalError
from iot_dr.model.launch import distribution
from iot_dr.model.launch.distribution import NO_DIGEST
from iot_dr.model.launch.launches import UnreadableValue

REQUIRED_ACTIONS = ("s3:GetObject", "s3:ListBucket", "s3:PutObject")
REQUIRED_ACTIONS_TO_COMPARE = ("s3:GetObject", "s3:ListBucket")
"""What comparing published files with digests needs; without the right to list, what is missing is told as closed."""


class S3PublishedTemplates:
    """Templates of one release in the bucket `PREFIX-reference`."""

    def __init__(
        self, bucket: str, prefix: str, region: str, client_of: Callable[[str, str], Any] = clients.client
    ) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._region = region
        self._client_of = client_of

    def url(self, file: str) -> str:
        """Return the URL under which CloudFormation reads a template with the caller's own rights.

        Raises:
            ConfigurationError: bucket or template is not there, or not readable.
        """
        key = f"{self._prefix}/{file}"
        region = self._bucket_region()
        s3 = self._client_of("s3", region)
        with _explained(f"s3://{self._bucket}/{key}"):
            found = errors.read(s3.head_object, Bucket=self._bucket, Key=key)
        if found is None:
            raise ConfigurationError(f"s3://{self._bucket}/{key} does not exist; publish this version first")
        return template_url(s3.meta.endpoint_url, self._bucket, region, key)

    def _bucket_region(self) -> str:
        with _explained(f"bucket {self._bucket}"):
            found = errors.read(self._client_of("s3", self._region).head_bucket, Bucket=self._bucket)
        if found is None:
            raise ConfigurationError(f"bucket {self._bucket} does not exist; publish this version first")
        headers = found.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return str(found.get("BucketRegion") or headers.get("x-amz-bucket-region") or self._region)


class S3PublishedFiles:
    """Files of a release in any of its buckets."""

    def __init__(self, client_of: Callable[[str, str], Any] = clients.client) -> None:
        self._client_of = client_of

    def sha256(self, region: str, bucket: str, key: str) -> str | UnreadableValue | None:
        """Return the SHA-256 that S3 computed over the whole file, in hexadecimal."""
        try:
            head = self._client_of("s3", region).head_object
            found = errors.read(head, Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        except IotDrError as error:
            return UnreadableValue(str(error))
        return None if found is None else _hexadecimal(found.get("ChecksumSHA256", ""))


class S3BuildSource:
    """The build's source in a bucket of the client's own Region."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def newest(self, bucket: str, key: str) -> tuple[str, str]:
        """Return the SHA-256 of its newest version in hexadecimal, and that version's ID; both empty without one."""
        found = errors.read(self._s3.head_object, Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        return (
            ("", "") if found is None else (_hexadecimal(found.get("ChecksumSHA256", "")), found.get("VersionId", ""))
        )


def _hexadecimal(checksum: str) -> str:
    try:
        return base64.b64decode(checksum, validate=True).hex()
    except binascii.Error:
        return NO_DIGEST  # of an upload in parts S3 keeps a checksum of their checksums


class S3ToolsBucket:
    """A bucket that a launch made, for files that its operator uses."""

    def __init__(self, client_of: Callable[[str, str], Any] = clients.client) -> None:
        self._client_of = client_of

    def put(self, region: str, bucket: str, key: str, text: str) -> None:
        """Write a text file, over what an earlier launch wrote."""
        s3 = self._client_of("s3", region)
        errors.call(s3.put_object, Bucket=bucket, Key=key, Body=text.encode(), ContentType="text/plain; charset=utf-8")


@contextmanager
def _explained(what: str) -> Iterator[None]:
    # S3 answers 403 without a word for a name that belongs to someone else as for a right that is missing.
    try:
        yield
    except TerminalError as error:
        raise ConfigurationError(
            f"{what} cannot be read: it belongs to another account, or s3:ListBucket and s3:GetObject are not allowed "
            f"({error})"
        ) from error


def template_url(endpoint: str, bucket: str, region: str, key: str) -> str:
    """Return an object's URL: virtual-hosted on AWS, path-style on any other endpoint, whose names may not resolve.

    >>> template_url("https://s3.amazonaws.com", "b", "us-east-1", "k/t.json")
    'https://b.s3.us-east-1.amazonaws.com/k/t.json'
    >>> template_url("http://127.0.0.1:4566", "b", "us-east-1", "k/t.json")
    'http://127.0.0.1:4566/b/k/t.json'
    """
    host = urlsplit(endpoint).hostname or ""
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return distribution.object_url(bucket, region, key)
    return f"{endpoint.rstrip('/')}/{bucket}/{key}"
