"""A snapshot's files in a bucket, below a prefix."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from iot_dr.aws import errors
from iot_dr.errors import ConfigurationError, TerminalError

REQUIRED_ACTIONS = frozenset({"s3:GetObject", "s3:PutObject"})
"""What the operator needs on the bucket's objects below the prefix."""

SCHEME = "s3://"


class SnapshotBucket:
    """Files of one prefix over an `s3` client of any Region; a bucket's own Region is found by the SDK."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @classmethod
    def at(cls, client: Any, url: str) -> Self:
        """Open `s3://bucket/prefix`.

        Raises:
            ConfigurationError: the URL names no bucket.
        """
        parts = urlsplit(url)
        if not parts.netloc:
            raise ConfigurationError(f"{url} names no bucket; write s3://bucket/prefix")
        prefix = parts.path.strip("/")
        return cls(client, parts.netloc, f"{prefix}/" if prefix else "")

    def upload(self, files: Iterable[Path]) -> None:
        """Write the files one after the other, in their order."""
        for file in files:
            try:
                with errors.converted():
                    self._client.upload_file(str(file), self._bucket, self._prefix + file.name)
            except S3UploadFailedError as error:
                # boto3 wraps AWS's answer in a class without a code, and keeps the answer as its context.
                answer = error.__context__
                raise (
                    errors.convert(answer) if isinstance(answer, ClientError) else TerminalError(str(error))
                ) from error

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
