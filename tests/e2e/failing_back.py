"""An operator who fails back on the pair, and what is changed in either Region before that."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from iot_dr.model.failback.steps import FailbackStep
from iot_dr.services.failback.failback import WORDS
from lab.counting import Call, Fault, Refusal
from lab.waiting import until
from tests.e2e.commands import asked, iot_dr
from tests.e2e.failing_over import FailoverScene
from tests.e2e.forked_commands import killed

WRITES = ("Create", "Register", "Attach", "Add", "Update", "Delete", "Detach", "Remove", "Put", "Transact")


class FailbackOperator:
    """Fails back with a state folder of its own, through the proxy."""

    def __init__(self, scene: FailoverScene, folder: Path) -> None:
        self._scene = scene
        self._state = ("--state", str(folder), "--unpaced")

    def plan(self) -> tuple[int, dict[str, Any]]:
        return asked(self._scene.pair, "failback", *self._state, environ=self._scene.environ)

    def apply(self, *options: str) -> tuple[int, dict[str, Any]]:
        return asked(self._scene.pair, "failback", "--apply", *options, *self._state, environ=self._scene.environ)

    def applied_through_kills(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Apply, killed as each step begins, and the same command again each time; how the last one ended."""
        command = ("failback", "--apply", *options, *self._state)
        for step in FailbackStep:
            result = killed(command, self._scene.environ, once=WORDS[step])
            assert result.returncode == -signal.SIGKILL, f"{step}: {result.stderr}"
        return self.apply(*options)

    def refused(self, *options: str) -> str:
        """What a failback that cannot be done says."""
        result = iot_dr(self._scene.pair, "failback", *options, *self._state, environ=self._scene.environ)
        assert (result.returncode, result.stdout) == (2, ""), result.stderr
        return result.stderr

    def verified(self) -> int:
        return iot_dr(self._scene.pair, "verify", "--anew", *self._state, environ=self._scene.environ).returncode

    def killed_while(self, waits_for: Callable[[], bool], *options: str) -> int:
        """Apply, and kill the process once something has come to pass."""
        command = [sys.executable, "-m", "iot_dr.cli", "failback", "--apply", *options, *self._state]
        with subprocess.Popen(command, env=self._scene.environ, stdout=subprocess.DEVNULL) as process:
            assert until(waits_for, 30)
            process.send_signal(signal.SIGKILL)
            return process.wait()


def refuse(*operations: str, region: str) -> Any:
    """Have a Region not answer to these calls."""

    def refused(call: Call) -> Fault | None:
        wanted = call.region == region and call.operation in operations
        return Refusal(503, "ServiceUnavailableException") if wanted else None

    return refused


def change(here: Any, there: Any, name: str) -> None:
    """Change, make and delete things in either Region."""
    put(there, f"{name}-changed", "south")
    put(here, f"{name}-late", "late")
    put(there, f"{name}-both", "south")
    put(here, f"{name}-both", "late")
    there.delete_thing(thingName=f"{name}-gone")
    there.create_thing(thingName=f"{name}-new")
    here.create_thing(thingName=f"{name}-never-crossed")


def put(iot: Any, thing: str, site: str) -> None:
    iot.update_thing(thingName=thing, attributePayload={"attributes": {"site": site}, "merge": True})


def site(iot: Any, thing: str) -> str:
    return str(iot.describe_thing(thingName=thing)["attributes"]["site"])


def has(iot: Any, thing: str) -> bool:
    try:
        iot.describe_thing(thingName=thing)
    except iot.exceptions.ResourceNotFoundException:
        return False
    return True


def role_of_primary(scene: FailoverScene) -> str:
    return scene.primary_fence().get("role", "leads")
