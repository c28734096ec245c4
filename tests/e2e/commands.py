"""`iot-dr` as an operator runs it: in a shell that has read the launch's `toolsrc`."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from typing import Any

from lab.pair import Pair


def toolsrc(pair: Pair) -> dict[str, str]:
    """The variables that the launch left for its operator."""
    bucket = f"iot-dr-primary-{pair.outputs['UuidS3Postfix']}"
    answer = pair.client("s3", pair.primary).get_object(Bucket=bucket, Key="tools/toolsrc")
    lines = shlex.split(answer["Body"].read().decode(), comments=True)
    return dict(line.split("=", 1) for line in lines if "=" in line)


def operator_environ(pair: Pair, *, through_proxy: bool = False) -> dict[str, str]:
    """The environment of an operator's shell; through the proxy its calls meet the faults that a test injects."""
    proxy = pair.proxy.environ(["IOT"]) if through_proxy else {}
    return {**os.environ, **pair.emulator.client_environ(), **toolsrc(pair), **proxy}


def iot_dr(pair: Pair, *arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    return subprocess.run(
        [sys.executable, "-m", "iot_dr.cli", *arguments],
        env=environ or operator_environ(pair),
        capture_output=True,
        text=True,
        check=False,
    )


def asked(pair: Pair, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run a command that answers in JSON; its exit code and answer."""
    result = iot_dr(pair, *arguments, "--format", "json")
    assert result.stdout, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return result.returncode, answer
