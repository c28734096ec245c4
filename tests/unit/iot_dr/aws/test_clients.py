"""Every client has the product's one retry and time-out configuration."""

import pytest

from iot_dr.aws.clients import CONNECT_TIMEOUT, MAX_ATTEMPTS, READ_TIMEOUT, client
from iot_dr.errors import ConfigurationError


def test_an_endpoint_that_is_no_address_is_refused_with_the_variable_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")

    with pytest.raises(ConfigurationError, match="nonsense; see AWS_ENDPOINT_URL"):
        client("iot", "us-west-2")


def test_a_client_belongs_to_its_region_and_has_the_products_configuration() -> None:
    made = client("iot", "us-west-2")

    config = made.meta.config
    assert made.meta.region_name == "us-west-2"
    assert (config.connect_timeout, config.read_timeout) == (CONNECT_TIMEOUT, READ_TIMEOUT)
    assert config.retries == {"mode": "standard", "total_max_attempts": MAX_ATTEMPTS}
    made.close()


def test_a_region_that_does_not_answer_cannot_hold_a_worker_until_its_own_time_out() -> None:
    assert CONNECT_TIMEOUT * MAX_ATTEMPTS < 60
    assert READ_TIMEOUT * MAX_ATTEMPTS < 60
