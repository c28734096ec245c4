"""Every client has the product's one retry and time-out configuration."""

from iot_dr.aws.clients import CONNECT_TIMEOUT, MAX_ATTEMPTS, READ_TIMEOUT, client


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
