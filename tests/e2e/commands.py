"""`iot-dr` as an operator runs it: in a shell that has read the launch's `toolsrc`."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from lab.operators import operator_environ
from lab.pair import Pair
from tests.e2e.forked_commands import forked


def iot_dr(pair: Pair, *arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return forked(arguments, operator_environ(pair) if environ is None else environ)


def asked(pair: Pair, *arguments: str, environ: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Run a command that answers in JSON; its exit code and answer."""
    result = iot_dr(pair, *arguments, "--format", "json", environ=environ)
    assert result.stdout, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return result.returncode, answer
