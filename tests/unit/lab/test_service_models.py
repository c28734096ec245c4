"""The first lines of the SDK's service models, which are all that the emulator asks of them."""

from __future__ import annotations

import botocore.session
import pytest

from lab.service_models import metadata, names


@pytest.mark.parametrize("service", ["iot", "iot-data", "dynamodb", "s3", "cloudwatch", "route53"])
def test_of_a_service_the_same_is_told_as_by_the_whole_model(service: str) -> None:
    assert metadata(service) == botocore.session.get_session().get_service_model(service).metadata


def test_of_what_is_no_service_nothing_is_told() -> None:
    assert metadata("ministack") == {}


def test_a_service_is_known_by_its_name_its_endpoints_and_its_signatures() -> None:
    assert names() >= {
        "stepfunctions",
        "states",
        "service-quotas",
        "servicequotas",
        "iot-data",
        "data-ats.iot",
        "iotdata",
    }
    assert "ministack" not in names()
