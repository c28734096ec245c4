"""Domain configurations of the fleet's name, with the end of their certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest

from iot_dr.aws.clients import client
from iot_dr.aws.failover.domains import IotFleetDomains
from iot_dr.model.failover.names import FleetDomain
from tests.endpoint import MISSING, Answer, Endpoint, Request

NAME = "devices.example.com"
ARN = "arn:aws:acm:us-west-2:123456789012:certificate/1"
ENDS = datetime(2027, 1, 1, tzinfo=UTC)


class Region:
    """A Region with domain configurations and one certificate."""

    def __init__(self, **statuses: str) -> None:
        self._statuses = statuses

    def __call__(self, request: Request) -> Answer:
        path = request.operation.partition("?")[0]
        if path == "GET /domainConfigurations":
            return Answer({"domainConfigurations": [{"domainConfigurationName": name} for name in self._statuses]})
        if request.operation == "DescribeCertificate":
            return Answer({"Certificate": {"CertificateArn": ARN, "NotAfter": ENDS.timestamp()}})
        name = path.rpartition("/")[2]
        if self._statuses[name] == "GONE":
            return MISSING
        domain = "Devices.Example.com" if name == "fleet" else f"{name}.example.com"
        return Answer(
            {
                "domainConfigurationName": name,
                "domainName": domain,
                "domainConfigurationStatus": self._statuses[name],
                "serverCertificates": [{"serverCertificateArn": ARN}],
            }
        )


def found(monkeypatch: pytest.MonkeyPatch, **statuses: str) -> FleetDomain | None:
    with Endpoint(Region(**statuses)) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        return IotFleetDomains(partial(client)).domain("us-west-2", NAME)


@pytest.mark.parametrize(("status", "enabled"), [("ENABLED", True), ("DISABLED", False)])
def test_the_configuration_of_the_name_is_found_among_others(
    monkeypatch: pytest.MonkeyPatch, status: str, enabled: bool
) -> None:
    ends = int(ENDS.timestamp() * 1000)

    assert found(monkeypatch, other="ENABLED", fleet=status) == FleetDomain("fleet", enabled, ends)


def test_a_region_without_one_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, other="ENABLED") is None


def test_one_that_is_deleted_while_it_is_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, fleet="GONE") is None
