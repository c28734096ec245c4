import dataclasses
from typing import Any

import pytest

from templates.config import Config, InvalidConfig

GOOD = Config("acme-iot-dr", "iot-dr", "v1.2.3", ("eu-west-1", "us-east-1"))


@pytest.mark.parametrize(
    ("field", "value", "names"),
    [
        ("bucket_prefix", "", "bucket prefix ''"),
        ("bucket_prefix", "Acme", "lower-case"),
        ("bucket_prefix", "acme.iot", "bucket prefix 'acme.iot'"),
        ("bucket_prefix", "-acme", "inner hyphens"),
        ("bucket_prefix", "a" * 60, "1 to 53"),
        ("solution_name", "iot/dr", "solution name 'iot/dr'"),
        ("version", "", "version ''"),
        ("version", "v1 beta", "version 'v1 beta'"),
        ("regions", (), "no Region"),
        ("regions", ("moon",), "not a Region: 'moon'"),
    ],
)
def test_a_value_that_makes_no_launchable_template_is_refused_by_name(field: str, value: Any, names: str) -> None:
    with pytest.raises(InvalidConfig, match=names):
        dataclasses.replace(GOOD, **{field: value})


@pytest.mark.parametrize("prefix", ["a", "acme-iot-dr", "0-9", "a" * 53])
def test_a_bucket_prefix_that_s3_admits_is_taken(prefix: str) -> None:
    assert dataclasses.replace(GOOD, bucket_prefix=prefix).bucket_prefix == prefix
