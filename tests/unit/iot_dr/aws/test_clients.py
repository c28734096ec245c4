"""Every client has the product's one retry and time-out configuration."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.stub import Stubber
from urllib3 import HTTPResponse

from iot_dr.aws.clients import CONNECT_TIMEOUT, MAX_ATTEMPTS, READ_TIMEOUT, Shared, client, user_agent
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


def told_of_the_caller(made: Any) -> list[str]:
    """Make one call that never leaves the machine; return what it said of who calls."""
    told: list[str] = []

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        told.append(bytes(request.headers["User-Agent"]).decode())
        return AWSResponse(request.url, 200, {}, HTTPResponse(BytesIO(b"{}"), preload_content=False))

    made.meta.events.register("before-send.iot", answer)
    made.describe_thing(thingName="pump-17")
    made.close()
    return told


def test_a_call_names_the_product_the_sdk_and_the_function_that_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")

    (told,) = told_of_the_caller(client("iot", "us-west-2"))

    names = [part.partition("/")[0] for part in told.split()]
    # Linters that other tests have loaded into this process name themselves behind it.
    assert names[:5] == ["disaster-recovery-for-aws-iot", "Boto3", "Python", "exec-env", "Botocore"], told
    assert " exec-env/AWS_Lambda_python3.13 " in told


def test_outside_a_function_a_call_names_no_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EXECUTION_ENV", raising=False)

    assert "exec-env" not in user_agent()


def test_a_region_that_does_not_answer_cannot_hold_a_worker_until_its_own_time_out() -> None:
    assert CONNECT_TIMEOUT * MAX_ATTEMPTS < 60
    assert READ_TIMEOUT * MAX_ATTEMPTS < 60


@dataclass
class Session:
    """Hands out stubbed clients."""

    s3: Any = field(default_factory=lambda: boto3.client("s3", "us-west-2"))
    sts: Any = field(default_factory=lambda: boto3.client("sts", "us-west-2"))

    def client(self, service: str, **_: Any) -> Any:
        return {"s3": self.s3, "sts": self.sts}[service]


def test_a_client_of_s3_reaches_buckets_of_its_own_account_alone_and_asks_once_which_that_is() -> None:
    session = Session()
    with Stubber(session.s3) as s3, Stubber(session.sts) as sts:
        sts.add_response("get_caller_identity", {"Account": "111122223333"})
        owned = {"Bucket": "b", "ExpectedBucketOwner": "111122223333"}
        s3.add_response("head_bucket", {}, owned)
        s3.add_response("put_object", {}, {**owned, "Key": "k", "Body": b""})
        made = client("s3", "us-west-2", session=session)

        made.head_bucket(Bucket="b")
        made.put_object(Bucket="b", Key="k", Body=b"")


@dataclass
class CountingSession:
    """Notes what it makes; each S3 client answers any number of calls, that of STS one."""

    made: list[tuple[str, str]] = field(default_factory=list)

    def client(self, service: str, region_name: str, **_: Any) -> Any:
        self.made.append((service, region_name))
        made = boto3.client(service, region_name)
        stubber = Stubber(made)
        for _answer in range(20 if service == "s3" else 1):
            if service == "s3":
                stubber.add_response("head_object", {}, {"Bucket": "b", "Key": "k", "ExpectedBucketOwner": "1" * 12})
            else:
                stubber.add_response("get_caller_identity", {"Account": "1" * 12})
        stubber.activate()
        return made


def test_threads_share_one_client_for_each_region_and_one_request_up_of_the_account() -> None:
    session = CountingSession()
    shared = Shared(session)

    def request(number: int) -> None:
        shared("s3", ("us-east-1", "us-west-2")[number % 2]).head_object(Bucket="b", Key="k")

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(request, range(32)))

    assert sorted(region for service, region in session.made if service == "s3") == ["us-east-1", "us-west-2"]
    assert [service for service, _ in session.made].count("sts") == 1


def test_a_call_without_an_owner_and_a_bucket_that_may_be_anybodys_are_left_as_they_are() -> None:
    session = Session()
    with Stubber(session.s3) as s3, Stubber(session.sts):
        s3.add_response("list_buckets", {}, {})
        client("s3", "us-west-2", session=session).list_buckets()

    session = Session()
    with Stubber(session.s3) as s3, Stubber(session.sts):
        s3.add_response("head_bucket", {}, {"Bucket": "b"})
        client("s3", "us-west-2", session=session, own_buckets=False).head_bucket(Bucket="b")
