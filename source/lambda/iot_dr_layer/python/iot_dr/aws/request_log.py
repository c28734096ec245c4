"""Tells each request to AWS to the log, for whoever asks for it: without anything secret, and without answers' content.

https://docs.aws.amazon.com/boto3/latest/guide/events.html
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping
from typing import Any

REQUESTS = logging.getLogger("iot_dr.requests")
"""INFO: each answer, with its status and AWS's request ID. DEBUG: what was asked, too."""

HIDDEN = "(hidden)"

_SECRET = re.compile(
    r"passw|secret|token|credential|(private|api|access|secret)_?key|pem$|^(ca)?certificate(body)?$", re.IGNORECASE
)
"""Names of members whose values are not told: private keys, PEM, tokens, and what else could be one."""

_BEGAN = "iot_dr_began"


def tell_requests(client: Any) -> Any:
    """Have the client's requests told, if anybody listens by now, and return the client."""
    if REQUESTS.isEnabledFor(logging.INFO):
        region = client.meta.region_name
        service = client.meta.service_model.service_name

        def ask(params: Mapping[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
            context[_BEGAN] = time.monotonic()
            if REQUESTS.isEnabledFor(logging.DEBUG):
                told = json.dumps(without_secrets(params), default=str, ensure_ascii=False)
                REQUESTS.debug("%s %s %s %s", service, region, model.name, told)

        def answered(parsed: Mapping[str, Any], model: Any, context: Mapping[str, Any], **_: Any) -> None:
            facts = parsed.get("ResponseMetadata", {})
            milliseconds = (time.monotonic() - context.get(_BEGAN, time.monotonic())) * 1000
            error = parsed.get("Error", {}).get("Code", "")
            told = (service, region, model.name, facts.get("HTTPStatusCode", ""), milliseconds)
            REQUESTS.info("%s %s %s %s in %.0f ms%s%s", *told, _word(facts.get("RequestId")), _word(error))

        def failed(exception: Exception, **_: Any) -> None:
            REQUESTS.info("%s %s: no answer: %s", service, region, exception)

        client.meta.events.register("provide-client-params", ask)
        client.meta.events.register("after-call", answered)
        client.meta.events.register("after-call-error", failed)
    return client


def without_secrets(value: Any, name: str = "") -> Any:
    """Return parameters of a call with what is secret by its name, and all that is bytes, left out.

    >>> without_secrets({"thingName": "a", "privateKey": "x", "payload": b"{}"})
    {'thingName': 'a', 'privateKey': '(hidden)', 'payload': '(2 bytes)'}
    """
    if isinstance(value, Mapping):
        return {one: without_secrets(held, str(one)) for one, held in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(held, name) for held in value]
    if isinstance(value, bytes | bytearray):
        return f"({len(value)} bytes)"
    return HIDDEN if name and _SECRET.search(name) else value


def _word(text: str | None) -> str:
    return f" {text}" if text else ""
