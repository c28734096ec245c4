"""The SDK's stub of the client that a module's tests are about."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber


@pytest.fixture
def stub(request: pytest.FixtureRequest) -> Iterator[Stubber]:
    """Return the stub of the module's `STUBBED`, a service and a Region; every answer given to it must be used."""
    service, region = request.module.STUBBED
    client = boto3.client(service, region)
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()
    client.close()
