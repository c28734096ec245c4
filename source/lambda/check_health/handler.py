"""Answer `GET /health/SECRET` and `GET /drains/SECRET` of the HTTP API, by the control item or one MQTT round trip."""

from __future__ import annotations

import os
from typing import Any

from iot_dr.runtime.functions import health

check = health.wire(os.environ)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  # Lambda's signature
    """Answer one request of the HTTP API."""
    return health.answer(check, event)
