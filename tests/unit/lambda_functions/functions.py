"""Loads a function as Lambda does: its handler module anew, under its own environment."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.builders import ACCOUNT, PRIMARY, SECONDARY
from tests.endpoint import Endpoint

QUEUES = f"https://sqs.{SECONDARY}.amazonaws.com/{ACCOUNT}"
REQUEST_QUEUE, BACKGROUND_QUEUE, DEAD_LETTERS = (f"{QUEUES}/{name}" for name in ("looks", "background", "dead"))
STATE_MACHINE = f"arn:aws:states:{SECONDARY}:{ACCOUNT}:stateMachine:replication"
Function = Callable[[dict[str, Any], Any], dict[str, Any]]


def load(folder: str, endpoint: Endpoint, patch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> Function:
    """Import the handler of a function's folder, with AWS at the endpoint."""
    environ = {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_REGION": SECONDARY,
        "AWS_DEFAULT_REGION": SECONDARY,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # the endpoint has one address for all
        "POWERTOOLS_SERVICE_NAME": folder,
        **variables,
    }
    for name, value in environ.items():
        patch.setenv(name, value)
    handler: Function = importlib.reload(importlib.import_module(f"{folder}.handler")).lambda_handler
    return handler


def queued_requests(endpoint: Endpoint, queue: str) -> list[dict[str, Any]]:
    """Return the requests that were sent to a queue."""
    sent = [request.body for request in endpoint.requests if request.operation == "SendMessageBatch"]
    bodies = [entry["MessageBody"] for one in sent if one["QueueUrl"] == queue for entry in one["Entries"]]
    return [request for body in bodies for request in json.loads(body)["looks"]]


WORKER_VARIABLES = {
    "PRIMARY_REGION": PRIMARY,
    "ACCOUNT_ID": ACCOUNT,
    "LEDGER_TABLE": "ledger",
    "CONTROL_TABLE": "control",
}
