"""A snapshot's files in a bucket, below a prefix.

The bucket may be another account's: the operator names it, and a copy outside of the account is what outlives it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from iot_dr.aws import errors
from iot_dr.errors import AccessDenied, ConfigurationError, IotDrError, TerminalError

REQUIRED_ACTIONS = frozenset({"s3:GetObject", "s3:PutObject"})
"""What the operator needs on the bucket's objects below the prefix."""

SCHEME = "s3://"


def is_bucket(place: str) -> bool:
    """Tell whether a snapshot's place is in a bucket; else it is a folder.

    Raises:
        ConfigurationError: it is of another scheme, or names no bucket.
    """
    scheme, separator, rest = place.partition("://")
    if not separator:
        return False
    if f"{scheme}://" != SCHEME or not rest.partition("/")[0]:
        raise ConfigurationError(f"{place} is neither a folder nor of the form s3://bucket/prefix")
    return True


def place_of(url: str) -> tuple[str, str]:
    """Return the bucket and the key or prefix of `s3://bucket/key`, every character of it: it is no URL of the web.

    >>> place_of("s3://b/a?b#c/")
    ('b', 'a?b#c')
    """
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    return bucket, key.strip("/")


class SnapshotBucket:
    """Files of one prefix over an `s3` client of any Region; a bucket's own Region is found by the SDK."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @classmethod
    def at(cls, client: Any, url: str) -> Self:
        """Open `s3://bucket/prefix`."""
        bucket, prefix = place_of(url)
        return cls(client, bucket, f"{prefix}/" if prefix else "")

    def upload(self, files: Iterable[Path]) -> None:
        """Write the files one after the other, in their order."""
        for file in files:
            try:
                with errors.converted():
                    self._client.upload_file(str(file), self._bucket, self._prefix + file.name)
            except S3UploadFailedError as error:
                # boto3 wraps AWS's answer in a class without a code, and keeps the answer as its context.
                answer = error.__context__
                raise self._refusal(answer if isinstance(answer, ClientError) else error) from error

    def _refusal(self, error: ClientError | S3UploadFailedError) -> IotDrError:
        if not isinstance(error, ClientError):
            return TerminalError(str(error))
        if errors.is_missing(error):
            return ConfigurationError(
                f"there is no bucket {self._bucket}; make it, or write to another: what was read is kept for a day"
            )
        return errors.convert(error)

    def text(self, name: str) -> str | None:
        """Return what a file of this name holds; None if there is none, or whoever asks may only write."""
        try:
            answer = errors.read(self._client.get_object, Bucket=self._bucket, Key=self._prefix + name)
        except AccessDenied:
            return None
        return None if answer is None else answer["Body"].read().decode(errors="replace")

    def download(self, files: Iterable[Path]) -> None:
        """Read the files of these names into these places.

        Raises:
            ConfigurationError: one is not there.
        """
        for file in files:
            key = self._prefix + file.name
            with errors.converted():
                try:
                    self._client.download_file(self._bucket, key, str(file))
                except ClientError as error:
                    if not errors.is_missing(error):
                        raise
                    raise ConfigurationError(f"there is no {SCHEME}{self._bucket}/{key}: no whole snapshot") from error
