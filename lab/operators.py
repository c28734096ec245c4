"""`iot-dr` as an operator runs it: in a shell that has read the launch's `toolsrc`."""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from lab import processes
from lab.counting import CountingProxy
from lab.pair import Pair


def toolsrc(pair: Pair) -> dict[str, str]:
    """The variables that the launch left for its operator."""
    bucket = f"iot-dr-primary-{pair.outputs['UuidS3Postfix']}"
    answer = pair.client("s3", pair.primary).get_object(Bucket=bucket, Key="tools/toolsrc")
    lines = shlex.split(answer["Body"].read().decode(), comments=True)
    return dict(line.split("=", 1) for line in lines if "=" in line)


def operator_environ(pair: Pair, proxy: CountingProxy | None = None) -> dict[str, str]:
    """The environment of an operator's shell; through a proxy its calls to AWS IoT are counted and can be spoiled."""
    through = proxy.environ(["IOT"]) if proxy else {}
    return {**os.environ, **pair.emulator.client_environ(), **toolsrc(pair), **through}


def verify(pair: Pair, report: Path, line: Callable[[str], None]) -> bool:
    """Have `iot-dr verify` compare both Regions and write its page; True if it found them equal."""
    # The emulator has no quotas to keep to.
    command: Sequence[str | Path] = (
        *(sys.executable, "-m", "iot_dr.cli", "verify", "--unpaced", "--anew"),
        *("--state", pair.emulator.folder / "verified", "--report", report),
    )
    return not processes.run(command, environ=operator_environ(pair), folder=pair.emulator.folder, line=line)


def drill(pair: Pair, report: Path, line: Callable[[str], None], *options: str) -> bool:
    """Have `iot-dr drill` rehearse a failover and write its page; True if it met its objectives.

    The pair's health checks must be evaluated meanwhile. Times are the lab's: checks are ten times as fast as AWS's.
    """
    scaled = ("--look", "1", "--within", "1", "--ttl", "3", "--rto", "30", "--rpo", "10")
    command = (sys.executable, "-m", "iot_dr.cli", "drill", *scaled, "--report", str(report), *options)
    return not processes.run(command, environ=operator_environ(pair), folder=pair.emulator.folder, line=line)
