"""Calls the function that sweeps, and waits for its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from iot_dr import errors
from iot_dr.aws.errors import call
from iot_dr.errors import TerminalError

REQUIRED_ACTIONS = frozenset({"lambda:InvokeFunction"})
"""What the operator needs on the function `SweepRegistryFunction`."""


class LambdaSweepFunction:
    """`ports.SweepFunction` over a `lambda` client that asks once and waits as long as a function may take."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def run(self, delete_share: float) -> Mapping[str, Any]:
        """Run it to its end.

        Raises:
            IotDrError: what the function raised, by the name of its class.
            Throttled: it runs as often as it may already.
            RegionUnavailable: it did not answer; the sweep may go on.
        """
        asked = json.dumps({"task": "sweep", "delete_share": delete_share})
        answer = call(self._client.invoke, FunctionName=self._name, Payload=asked)
        told: dict[str, Any] = json.loads(answer["Payload"].read() or b"{}")
        if "FunctionError" in answer:
            raise _error_of(str(told.get("errorType", "")), str(told.get("errorMessage", "it says nothing of it")))
        return told


def _error_of(name: str, message: str) -> errors.IotDrError:
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.IotDrError):
        return kind(message)
    return TerminalError(f"the sweep failed with {name or 'an error'}: {message}")
