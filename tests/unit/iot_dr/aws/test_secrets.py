"""Secrets Manager's adapter, its parameters checked against the service's model."""

import pytest
from botocore.stub import Stubber

from iot_dr.aws.secrets import CachedSecretReader, SecretsManagerCredentialStore, impatient_client
from iot_dr.errors import AccessDenied, NotReadyYet, RegionUnavailable

STUBBED = ("secretsmanager", "us-east-1")
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:probe-AbCdEf"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def says(stub: Stubber, text: str) -> None:
    stub.add_response("get_secret_value", {"SecretString": text}, {"SecretId": ARN})


def fails(stub: Stubber, code: str, status: int = 400) -> None:
    stub.add_client_error("get_secret_value", code, http_status_code=status)


def test_a_secret_is_read_once_as_long_as_its_age_is_accepted(stub: Stubber) -> None:
    clock = Clock()
    secrets = CachedSecretReader(stub.client, clock)
    says(stub, "one")
    assert secrets.read(ARN, 300) == "one"

    clock.now += 300

    assert secrets.read(ARN, 300) == "one"


def test_a_secret_older_than_accepted_is_read_anew(stub: Stubber) -> None:
    clock = Clock()
    secrets = CachedSecretReader(stub.client, clock)
    says(stub, "one")
    secrets.read(ARN, 300)
    clock.now += 6
    says(stub, "two")

    assert secrets.read(ARN, 5) == "two"
    assert secrets.read(ARN, 300) == "two"


@pytest.mark.parametrize(("code", "status"), [("InternalServiceError", 500), ("ThrottlingException", 400)])
def test_a_secret_that_cannot_be_renewed_is_used_beyond_its_age(stub: Stubber, code: str, status: int) -> None:
    clock = Clock()
    secrets = CachedSecretReader(stub.client, clock)
    says(stub, "one")
    secrets.read(ARN, 300)
    clock.now += 1000
    fails(stub, code, status)

    assert secrets.read(ARN, 300) == "one"


def test_a_secret_that_was_never_read_and_cannot_be_is_an_error(stub: Stubber) -> None:
    fails(stub, "InternalServiceError", 500)

    with pytest.raises(RegionUnavailable):
        CachedSecretReader(stub.client, Clock()).read(ARN, 300)


def test_a_right_that_was_taken_away_is_not_bridged_by_memory(stub: Stubber) -> None:
    clock = Clock()
    secrets = CachedSecretReader(stub.client, clock)
    says(stub, "one")
    secrets.read(ARN, 300)
    clock.now += 1000
    fails(stub, "AccessDeniedException")

    with pytest.raises(AccessDenied):
        secrets.read(ARN, 300)


def test_a_secret_that_is_missing_is_not_ready(stub: Stubber) -> None:
    fails(stub, "ResourceNotFoundException")

    with pytest.raises(NotReadyYet):
        CachedSecretReader(stub.client, Clock()).read(ARN, 300)


def test_a_deleted_secret_is_not_served_from_memory(stub: Stubber) -> None:
    clock = Clock()
    secrets = CachedSecretReader(stub.client, clock)
    says(stub, "one")
    secrets.read(ARN, 300)
    clock.now += 1000
    fails(stub, "ResourceNotFoundException")

    with pytest.raises(NotReadyYet):
        secrets.read(ARN, 300)


def test_the_probes_secret_is_read_written_and_emptied(stub: Stubber) -> None:
    secret = SecretsManagerCredentialStore(stub.client, ARN)
    says(stub, "one")
    stub.add_response("put_secret_value", {}, {"SecretId": ARN, "SecretString": "two"})
    # Two versions, so that the old value is neither AWSCURRENT nor AWSPREVIOUS.
    for _ in range(2):
        stub.add_response("put_secret_value", {}, {"SecretId": ARN, "SecretString": "{}"})

    assert secret.read() == "one"
    secret.write("two")
    secret.empty()


def test_a_probes_secret_that_is_gone_reads_as_none_and_needs_no_emptying(stub: Stubber) -> None:
    secret = SecretsManagerCredentialStore(stub.client, ARN)
    fails(stub, "ResourceNotFoundException")
    for _ in range(2):
        stub.add_client_error("put_secret_value", "ResourceNotFoundException")

    assert secret.read() is None
    secret.empty()


def test_the_health_checks_client_gives_up_within_the_time_that_route_53_waits() -> None:
    config = impatient_client().meta.config

    attempts = config.retries["total_max_attempts"]
    assert attempts * (config.connect_timeout + config.read_timeout) < 2
