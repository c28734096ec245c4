"""Wire the health check, and turn its verdict into an answer of an HTTP API (payload format 2.0)."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iot_dr.aws import clients
from iot_dr.aws.devices.mqtt import IotMqttProbe
from iot_dr.aws.failover.control import DynamoDbCanaryControl, DynamoDbControlStore
from iot_dr.aws.secrets import CachedSecretReader, impatient_client
from iot_dr.errors import IotDrError
from iot_dr.model.regions import RegionPair
from iot_dr.observability import logs
from iot_dr.observability.metrics import ReplicationMetrics
from iot_dr.runtime import environment
from iot_dr.services.health import (
    HealthCheck,
    HealthSecrets,
    LastKnownControl,
    Notice,
    Verdict,
    failure,
)

NONCE_BYTES = 16
CONTROL_SECONDS = 0.3
"""What reading the control item may take for the connection and for the answer; the rest is the round trip's."""
CONTROL, CANARY = "control", "canary"
"""The parameter of a request, and its value, by which a drill's own health checks ask by the drill's control item."""
DRAINS = "drains"
"""The part before the secret in the path that asks whether devices are to leave the other Region."""
OK = 200

logger = logs.logger()


@dataclass(frozen=True)
class HealthEnvironment:
    """Variables of the function that answers health checks; the secrets are named by their ARNs.

    Without a control table no order is read, and the round trip alone decides.
    """

    path_secret_arn: str
    probe_secret_arn: str
    iot_endpoint: str
    aws_region: str = ""
    control_table: str = ""
    primary_region: str = ""
    secondary_region: str = ""


def wire(environ: Mapping[str, str]) -> HealthCheck:
    """Build the health check of one function environment.

    Raises:
        ConfigurationError: a variable is missing.
    """
    variables = environment.read(HealthEnvironment, environ)
    session = clients.session()
    return HealthCheck(
        ids=HealthSecrets(path=variables.path_secret_arn, probe=variables.probe_secret_arn),
        # Wall clock: a function that is frozen between calls must see its secrets age.
        secrets=CachedSecretReader(impatient_client(session), time.time),
        probe=IotMqttProbe(variables.iot_endpoint),
        clock=time.monotonic,
        new_nonce=lambda: secrets.token_hex(NONCE_BYTES),
        region=variables.aws_region,
        orders=_orders(variables, session, DynamoDbControlStore),
        notice=notice,
        canary=_orders(variables, session, DynamoDbCanaryControl),
    )


def _orders(variables: HealthEnvironment, session: Any, store: type[DynamoDbControlStore]) -> LastKnownControl | None:
    if not variables.control_table:
        return None
    # One attempt: what cannot be read is the order that was read last, and Route 53 asks again in two seconds.
    client = clients.impatient_client("dynamodb", session, attempts=1, seconds=CONTROL_SECONDS)
    regions = RegionPair(variables.primary_region, variables.secondary_region)
    return LastKnownControl(store(client, variables.control_table, regions), time.time)


def notice(noticed: Notice, reason: str) -> None:
    """Count what somebody should know of, and log why."""
    metrics = ReplicationMetrics()
    metrics.count(noticed, 1)
    metrics.flush()
    logger.warning("health check noticed", extra={"notice": noticed, "reason": reason})


def answer(check: HealthCheck, event: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one request, for `/health/SECRET` or `/drains/SECRET`. The event is never logged: its path is the secret.

    With `?control=canary` the answer is for the devices of a drill, and the fleet's own stays what it is.

    A foreseen failure is 503; a bug propagates, which the API answers with 500: both are unhealthy to Route 53.
    """
    # The route is the whole path, secret included, so there is no path parameter.
    path, _, offered = str(event.get("rawPath", "")).rpartition("/")
    if (event.get("queryStringParameters") or {}).get(CONTROL) == CANARY:
        check = check.for_canary()
    if path.rpartition("/")[2] == DRAINS:
        verdict = check.drains(offered)
        logger.info("drain answered", extra={"verdict": verdict.reason, "probe": verdict.probe})
        return _response(verdict)
    try:
        verdict = check.check(offered)
    except IotDrError as error:
        verdict = failure(error)
        logger.warning(
            "health check failed",
            extra={"verdict": verdict.reason, "error": type(error).__name__, "reason": str(error)},
        )
    else:
        logger.info("health check answered", extra={"verdict": verdict.reason, "probe": verdict.probe})
    return _response(verdict, status="healthy" if verdict.status_code == OK else "unhealthy")


def _response(verdict: Verdict, **more: str) -> dict[str, Any]:
    probe = {"probe": verdict.probe} if verdict.probe else {}
    return {
        "statusCode": verdict.status_code,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": json.dumps({**more, "reason": verdict.reason, **probe}),
    }
