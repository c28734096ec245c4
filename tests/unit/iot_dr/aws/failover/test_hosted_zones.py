"""The hosted zone of the fleet's name."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from iot_dr.aws.failover.hosted_zones import Route53HostedZones
from iot_dr.errors import NotReadyYet

STUBBED = ("route53", "us-east-1")
ZONE = {"Id": "/hostedzone/Z1", "Name": "example.com.", "CallerReference": "1"}


def listed(stub: Stubber, asked: str, *zones: dict) -> None:
    answer = {"HostedZones": list(zones), "IsTruncated": False, "MaxItems": "1"}
    stub.add_response("list_hosted_zones_by_name", answer, {"DNSName": asked, "MaxItems": "1"})


@pytest.mark.parametrize(
    ("features", "status"), [({"Features": {"AcceleratedRecoveryStatus": "ENABLED"}}, "ENABLED"), ({}, "")]
)
def test_the_zone_that_the_name_is_in_is_found_from_below(stub: Stubber, features: dict, status: str) -> None:
    listed(stub, "devices.example.com.", {**ZONE, "Name": "zebra.org."})
    listed(stub, "example.com.", ZONE)
    stub.add_response("get_hosted_zone", {"HostedZone": {**ZONE, **features}}, {"Id": "/hostedzone/Z1"})

    assert Route53HostedZones(stub.client).accelerated_recovery("Devices.example.com") == status


def test_a_private_zone_is_none(stub: Stubber) -> None:
    listed(stub, "example.com.", {**ZONE, "Config": {"PrivateZone": True}})

    with pytest.raises(NotReadyYet, match="no public hosted zone"):
        Route53HostedZones(stub.client).accelerated_recovery("example.com")
