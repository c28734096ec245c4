"""Reads the settings of a launch from the bucket in which it wrote them."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from iot_dr.aws import errors
from iot_dr.aws.snapshot_bucket import place_of
from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.toolsrc import LONGEST

REQUIRED_ACTIONS = frozenset({"s3:GetObject"})
"""What the operator needs on the object."""


def read_settings(client: Any, url: str) -> str:
    """Return the text of an object, over an `s3` client; no more of it than a toolsrc can have.

    Raises:
        ConfigurationError: there is none.
    """
    bucket, key = place_of(url)
    with errors.converted():
        try:
            answer = client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if not errors.is_missing(error):
                raise
            raise ConfigurationError(f"there is no {url}; the main stack's output ToolsS3Url leads to it") from error
        content: bytes = answer["Body"].read(LONGEST + 1)
    return content.decode("utf-8", "replace")
