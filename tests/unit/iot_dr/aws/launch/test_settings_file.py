"""The settings of a launch in its bucket, against the SDK's stub."""

from __future__ import annotations

import io

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from iot_dr.aws.launch.settings_file import read_settings
from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.toolsrc import LONGEST

STUBBED = ("s3", "us-east-1")
URL = "s3://work/tools/toolsrc"


@pytest.mark.parametrize("content", [b"export A=1", b"\xff", b"x" * (LONGEST + 500)])
def test_no_more_is_read_than_settings_can_be(stub: Stubber, content: bytes) -> None:
    body = StreamingBody(io.BytesIO(content), len(content))
    stub.add_response("get_object", {"Body": body}, {"Bucket": "work", "Key": "tools/toolsrc"})

    assert read_settings(stub.client, URL) == content[: LONGEST + 1].decode("utf-8", "replace")


def test_settings_that_are_not_there_are_named(stub: Stubber) -> None:
    stub.add_client_error("get_object", "NoSuchKey", http_status_code=404)

    with pytest.raises(ConfigurationError, match=f"there is no {URL}"):
        read_settings(stub.client, URL)
