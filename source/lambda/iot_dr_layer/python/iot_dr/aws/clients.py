"""Clients with the one retry and time-out configuration of the product.

Standard mode retries throttling and 5xx with jittered back-off inside the call; what still fails is retried by the
workflow, which costs a state transition and no function time.
https://docs.aws.amazon.com/boto3/latest/guide/retries.html
"""

from __future__ import annotations

import functools
import os
import platform
import threading
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

import iot_dr
from iot_dr.aws.errors import call, converted
from iot_dr.aws.request_log import tell_requests
from iot_dr.errors import ConfigurationError

MAX_ATTEMPTS = 4
CONNECT_TIMEOUT = 3
READ_TIMEOUT = 10
"""Seconds; a Region that does not answer must not hold a worker until its own time-out."""

CONNECTIONS = 16
"""Threads that share a client, at most."""


def user_agent() -> str:
    """Return how calls name their caller, as CloudTrail records it: the product, the SDK and where it runs.

    The SDK puts together its own text twice for each call, which is a fifth of the processor that a call takes.
    """
    environment = os.environ.get("AWS_EXECUTION_ENV")
    parts = (
        f"disaster-recovery-for-aws-iot/{iot_dr.__version__}",
        f"Boto3/{boto3.__version__}",
        f"Python/{platform.python_version()}",
        *([f"exec-env/{environment}"] if environment else []),
    )
    return " ".join(parts)


def config(connections: int = CONNECTIONS, read_timeout: int = READ_TIMEOUT, attempts: int = MAX_ATTEMPTS) -> Config:
    """Return the configuration for a client that `connections` threads share."""
    return Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=read_timeout,
        max_pool_connections=connections,
        # Of what answers after minutes, a router on the way would drop the connection that says nothing until then.
        tcp_keepalive=read_timeout > READ_TIMEOUT,
        user_agent=user_agent(),
    )


def client(  # noqa: PLR0913  # what a client can differ by
    service: str,
    region: str | None = None,
    *,
    session: Any = None,
    connections: int = CONNECTIONS,
    read_timeout: int = READ_TIMEOUT,
    attempts: int = MAX_ATTEMPTS,
    own_buckets: bool = True,
    account: Callable[[], str] | None = None,
) -> Any:
    """Return a client for a service in a Region (the environment's own if none is given).

    `read_timeout` is how many seconds one attempt waits for its answer. A client of S3 reaches buckets of the caller's
    own account alone, unless `own_buckets` is false: who takes a bucket's name first could be anybody. `account` tells
    the caller's account to clients that look it up once.

    `AWS_ENDPOINT_URL` and its kin are honoured by the SDK itself.

    Raises:
        ConfigurationError: the Region's name or endpoint's address is none, or the environment names a profile that
            is not there.
    """
    with converted():
        chosen = session or boto3.session.Session()
        try:
            made = chosen.client(service, region_name=region, config=config(connections, read_timeout, attempts))
        except ValueError as error:
            # The SDK's only word on an address that is none, with `AWS_ENDPOINT_URL` the only place to give one.
            if isinstance(error, BotoCoreError):
                raise
            raise ConfigurationError(f"{error}; see AWS_ENDPOINT_URL, which most shells leave unset") from error
    if service == "s3" and own_buckets:
        _name_the_owner(made, account or _account_of(chosen, made.meta.region_name))
    return tell_requests(made)


def of_one_session() -> Callable[..., Any]:
    """Return `client` over a session of its own: for what makes several clients, from one thread at a time.

    A session reads the model of each service, and the list of endpoints, from its files once. Without it each client
    takes the 60 to 100 ms of that anew, for which a function that starts cold has others wait.
    """
    return functools.partial(client, session=session())


def impatient_client(service: str, session: Any, *, attempts: int, seconds: float) -> Any:
    """Return a client of the environment's own Region for a caller who must answer within two seconds.

    Each attempt waits so many seconds for the connection, and for the answer. Clients of one session begin sooner.
    """
    configuration = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=seconds,
        read_timeout=seconds,
        max_pool_connections=1,
        user_agent=user_agent(),
    )
    return session.client(service, config=configuration)


class Shared:
    """One client for each service and Region, for all threads, which look the account up once.

    Raises:
        ConfigurationError: the environment names a profile that is not there.
    """

    def __init__(self, session: Any = None) -> None:
        with converted():
            self._session = session or boto3.session.Session()
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str], Any] = {}
        self._account: Callable[[], str] | None = None

    def __call__(self, service: str, region: str) -> Any:
        """Return the client; `client` says what it raises."""
        with self._lock:  # a session may not make two clients at the same time
            if self._account is None:
                self._account = _account_of(self._session, region)
            if (service, region) not in self._made:
                self._made[service, region] = client(service, region, session=self._session, account=self._account)
            return self._made[service, region]


def _account_of(session: Any, region: str) -> Callable[[], str]:
    """Return what tells the caller's account; threads that ask while the first one asks wait for its answer."""
    lock = threading.Lock()

    @functools.cache
    def looked_up() -> str:
        return str(call(client("sts", region, session=session).get_caller_identity)["Account"])

    def account() -> str:
        with lock:
            return looked_up()

    return account


def _name_the_owner(s3: Any, account: Callable[[], str]) -> None:
    """Have every request of a client of S3 name the account that must own the bucket; S3 refuses it otherwise.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    """

    def name(params: dict[str, Any], model: Any, **_: Any) -> None:
        if "ExpectedBucketOwner" in model.input_shape.members:
            params.setdefault("ExpectedBucketOwner", account())

    s3.meta.events.register("provide-client-params.s3", name)


def session(profile: str = "") -> Any:
    """Return a session with the credentials of a named profile, or those that the environment offers.

    Raises:
        ConfigurationError: there is no such profile.
    """
    with converted():
        return boto3.session.Session(profile_name=profile or None)
