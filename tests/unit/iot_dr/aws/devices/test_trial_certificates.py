"""Certificates of a trial among those of a fleet, against the SDK's stub."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from botocore.stub import Stubber

from iot_dr.aws.devices.device_keys import new_credentials
from iot_dr.aws.devices.trial_certificates import certificates_of

STUBBED = ("iot", "us-east-1")
BEGAN = datetime(2026, 11, 27, 16, tzinfo=UTC)


def test_only_certificates_of_its_time_are_read_and_only_its_own_are_told(stub: Stubber) -> None:
    pems = {"1" * 64: new_credentials("trial-0001").certificate_pem, "2" * 64: new_credentials("pump").certificate_pem}
    pems["3" * 64] = "not one that this machine can read"
    listed = [
        {"certificateId": one, "creationDate": BEGAN + timedelta(seconds=9 - number), "status": "ACTIVE"}
        for number, one in enumerate(pems)
    ]
    older = {"certificateId": "4" * 64, "creationDate": BEGAN - timedelta(seconds=1), "status": "ACTIVE"}
    page = {"certificates": [older, *listed]}
    stub.add_response("list_certificates", page, {"pageSize": 250})
    for certificate_id, pem in pems.items():
        told = {"certificateDescription": {"certificatePem": pem}}
        stub.add_response("describe_certificate", told, {"certificateId": certificate_id})

    assert list(certificates_of(stub.client, "trial", BEGAN)) == ["1" * 64]
