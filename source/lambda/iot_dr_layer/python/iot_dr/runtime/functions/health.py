"""Wire the health check, and turn its verdict into an answer of an HTTP API (payload format 2.0)."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iot_dr.aws.devices.mqtt import IotMqttProbe
from iot_dr.aws.secrets import CachedSecretReader, impatient_client
from iot_dr.errors import IotDrError
from iot_dr.observability import logs
from iot_dr.runtime import environment
from iot_dr.services.health import HEALTHY, HealthCheck, HealthSecrets, Verdict, failure

NONCE_BYTES = 16

logger = logs.logger()


@dataclass(frozen=True)
class HealthEnvironment:
    """Variables of the function that answers health checks; the secrets are named by their ARNs."""

    path_secret_arn: str
    probe_secret_arn: str
    iot_endpoint: str


def wire(environ: Mapping[str, str]) -> HealthCheck:
    """Build the health check of one function environment.

    Raises:
        ConfigurationError: a variable is missing.
    """
    variables = environment.read(HealthEnvironment, environ)
    return HealthCheck(
        ids=HealthSecrets(path=variables.path_secret_arn, probe=variables.probe_secret_arn),
        # Wall clock: a function that is frozen between calls must see its secrets age.
        secrets=CachedSecretReader(impatient_client(), time.time),
        probe=IotMqttProbe(variables.iot_endpoint),
        clock=time.monotonic,
        new_nonce=lambda: secrets.token_hex(NONCE_BYTES),
    )


def answer(check: HealthCheck, event: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one request. The event is never logged: its path is the secret.

    A foreseen failure is 503; a bug propagates, which the API answers with 500: both are unhealthy to Route 53.
    """
    # The route is the whole path, secret included, so there is no path parameter.
    offered = str(event.get("rawPath", "")).rpartition("/")[2]
    try:
        verdict = check.check(offered)
    except IotDrError as error:
        verdict = failure(error)
        logger.warning(
            "health check failed",
            extra={"verdict": verdict.reason, "error": type(error).__name__, "reason": str(error)},
        )
    else:
        logger.info("health check answered", extra={"verdict": verdict.reason})
    return _response(verdict)


def _response(verdict: Verdict) -> dict[str, Any]:
    status = "healthy" if verdict == HEALTHY else "unhealthy"
    return {
        "statusCode": verdict.status_code,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": json.dumps({"status": status, "reason": verdict.reason}),
    }
