"""Checks many resources again and again until all are as they should be, or the time is over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

from iot_dr.errors import IotDrError, RetryableError
from iot_dr.model.registry.keys import Key
from iot_dr.model.status.checks import error_line
from iot_dr.ports.progress import RoundsObserver
from iot_dr.services.concurrency import Together, one_by_one

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
"""Seconds between two rounds; each pause is half as long again as the one before."""

Given = TypeVar("Given")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Rounds:
    """How it is waited: a monotonic `clock` in seconds, a `pause` of so many, calls at once, and who watches."""

    clock: Callable[[], float]
    pause: Callable[[float], object]
    progress: RoundsObserver
    together: Together = one_by_one

    def begin(self, stage: str, total: int) -> None:
        """Begin with a stage."""
        self.progress.begin(stage, total)

    def each(self, check: Callable[[Given], Result], items: Collection[Given]) -> list[Result]:
        """Check each once; raises what `check` does."""

        def counted(item: Given) -> Result:
            found = check(item)
            self.progress.advance(1)
            return found

        return self.together(counted, items)

    def until_all(
        self,
        keys: Iterable[Key],
        check: Callable[[Key], str],
        seconds: float,
        hopeless: tuple[type[IotDrError], ...] = (),
    ) -> dict[Key, str]:
        """Check each until all are as they should be, at least once.

        Args:
            keys: what is checked.
            check: returns why one is not as it should be, or nothing; what a Region does not answer is checked again.
            seconds: after these no new round begins.
            hopeless: errors after which one is not checked again, but the others are.

        Returns:
            What is left, with the last reason.

        Raises:
            TerminalError: `check` raised one that is not `hopeless`.
        """
        deadline, pause = self.clock() + seconds, FIRST_PAUSE
        left, given_up = dict.fromkeys(keys, ""), dict[Key, str]()

        def reason(key: Key) -> str:
            try:
                found = check(key)
            except hopeless as error:
                given_up[key] = error_line(error)
                return ""
            except RetryableError as error:
                return error_line(error)
            if not found:
                self.progress.advance(1)
            return found

        while True:
            reasons = self.together(reason, list(left))
            left = {key: why for key, why in zip(left, reasons, strict=True) if why}
            if not left or self.clock() >= deadline:
                return given_up | left
            self.pause(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE)
