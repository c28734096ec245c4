"""Loads a function as Lambda does: its handler module anew, under its own environment."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.builders import ACCOUNT, PRIMARY, SECONDARY
from tests.endpoint import Endpoint

STATE_MACHINE = f"arn:aws:states:{SECONDARY}:{ACCOUNT}:stateMachine:replication"
Function = Callable[[dict[str, Any], Any], dict[str, Any]]


def load(folder: str, endpoint: Endpoint, patch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> Function:
    """Import the handler of a function's folder, with AWS at the endpoint."""
    environ = {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_REGION": SECONDARY,
        "AWS_DEFAULT_REGION": SECONDARY,
        "POWERTOOLS_SERVICE_NAME": folder,
        **variables,
    }
    for name, value in environ.items():
        patch.setenv(name, value)
    handler: Function = importlib.reload(importlib.import_module(f"{folder}.handler")).lambda_handler
    return handler


WORKER_VARIABLES = {"PRIMARY_REGION": PRIMARY, "ACCOUNT_ID": ACCOUNT, "LEDGER_TABLE": "ledger"}
