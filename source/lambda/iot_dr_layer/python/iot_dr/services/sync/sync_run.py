"""A sync from its first reading to its last write: either all is compared first, or it writes while it reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from iot_dr.model.registry.differences import Difference
from iot_dr.model.sync.progress import ChangeResult, Planned, SyncProgress
from iot_dr.model.sync.records import ended
from iot_dr.ports.sync import ChangeRecord, RunJournal
from iot_dr.services.pacing import Use
from iot_dr.services.reading.comparison_reading import ComparisonReading
from iot_dr.services.reading.following import ready_while_reading
from iot_dr.services.sync.sync import ALL_KINDS, KINDS, Sync


@dataclass(frozen=True)
class SyncRun:
    """A sync that is open: first it plans, then perhaps it applies.

    `compared_first`: what was compared is applied exactly. `uses` tells what was made of the APIs' budgets so far, by
    Region. `record` is told how it ended.
    """

    comparison: ComparisonReading
    journal: RunJournal
    engine: Sync
    stop: threading.Event
    uses: Callable[[], Mapping[str, tuple[Use, ...]]]
    compared_first: bool = False
    record: ChangeRecord | None = None

    @property
    def taken_up(self) -> bool:
        """Tell whether it goes on with what an earlier run began to apply."""
        return self.journal.unfinished == str(self.comparison.began)

    def plan(self) -> Planned:
        """Read what has not been read yet, and count what would be done; nothing is changed."""
        self.comparison.read()
        return self.engine.plan()

    def differences(self) -> Iterator[Difference]:
        """Yield what `plan` counted."""
        return self.engine.differences()

    def apply(self) -> SyncProgress:
        """Read what has not been read yet and apply it.

        What only creates begins while the reading goes on, unless what has been compared is to be applied exactly.

        Raises:
            UnsafePlan: too much would be deleted; nothing of that was done.
            RetryableError, AccessDenied: as `Sync.apply` and `Reading.read`; a further run goes on.
        """
        if not self.taken_up:
            self.journal.begin(str(self.comparison.began))
        standing = self.engine.apply(self.plan()) if self.compared_first else self._applied_while_reading()
        if not self.stop.is_set():
            self.journal.finish()
            if self.record is not None:
                self.record.end(ended(standing, self.comparison.clock()))
            # What was read is no longer what the Regions hold, so nothing is applied from it once more.
            self.comparison.store.set_fact("applied", str(self.comparison.clock()))
        return standing

    def problems(self) -> Iterator[ChangeResult]:
        """Yield what failed, then what was left for want of it."""
        return self.engine.problems()

    def _read_registry(self) -> bool:
        # Of shadows nothing: all of them are checked as they are applied.
        self.comparison.read(kinds=ALL_KINDS)
        return not self.stop.is_set()

    def _applied_while_reading(self) -> SyncProgress:
        reading = self.comparison.reading
        reading.read(KINDS)
        planned = self.engine.plan(KINDS)
        if planned.deletes:
            # Nothing is deleted before all has been read.
            self._read_registry()
            return self.engine.apply(self.engine.plan())
        with ThreadPoolExecutor(1, thread_name_prefix="relations") as executor:
            reading_ended = executor.submit(self._read_registry)
            try:
                return self.engine.apply(planned, ready_while_reading(reading, reading_ended))
            finally:
                if not reading_ended.done():
                    self.stop.set()
