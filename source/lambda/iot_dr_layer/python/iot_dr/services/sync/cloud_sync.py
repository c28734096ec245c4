"""A sync in the account for its operator: starts it, reads how it stands, says what failed, and runs that again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from iot_dr.errors import ConfigurationError
from iot_dr.model.registry.keys import SHADOW_KINDS, Kind
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State
from iot_dr.model.sites import Direction, Side
from iot_dr.model.sync.fleet_runs import (
    AGAIN_STAGES,
    CALLS_PER_REQUEST,
    STAGES,
    THING_STAGES,
    FailedRequest,
    FleetRun,
    ListedRun,
    RunState,
    batches_at_once,
)
from iot_dr.ports.clock import Clock
from iot_dr.ports.status import Quotas
from iot_dr.ports.sync import FleetRuns
from iot_dr.services.reading.selected import SelectedNames, nothing_selected
from iot_dr.services.replication.settling import NO_CERTIFICATE

LOOKED_BACK = 20
"""Runs among which an earlier one of the same kind is searched; each takes a call."""


@dataclass(frozen=True)
class Pace:
    """New devices that the quotas let be brought across, and what sets that limit.

    `limits` are the tightest APIs, as Region and operation. `assumed` says why AWS's defaults were taken, if they were.
    """

    per_second: float
    limits: tuple[tuple[str, str], ...]
    assumed: str = ""


@dataclass(frozen=True)
class CloudSync:
    """The sync in the account of one launch.

    Attributes:
        selected: names the things of the source that a query selects.
        waiting: tells what in the ledger is not in sync.
        failed: tells what failed of a run, by its results.
        new_token: tells runs apart that begin in the same second.
    """

    direction: Direction
    runs: FleetRuns
    quotas: Mapping[Side, Quotas]
    selected: SelectedNames
    waiting: Callable[[], Iterable[LedgerItem]]
    failed: Callable[[str], Iterable[FailedRequest]]
    clock: Clock
    new_token: Callable[[], str]
    select: str = ""
    with_shadows: bool = True

    def pace(self) -> Pace:
        """Return how fast the quotas let complete new devices be brought across."""
        rates: dict[tuple[str, str], float] = {}
        reasons = []
        for side, reader in self.quotas.items():
            region = self.direction.site(side).region
            quotas, reason = reader.read_or_defaults()
            rates |= {(region, name): quotas[name].applied / calls for name, calls in CALLS_PER_REQUEST[side].items()}
            reasons += [reason] if reason else []
        least = min(rates.values())
        return Pace(
            least, tuple(limit for limit, rate in rates.items() if rate == least), "; ".join(dict.fromkeys(reasons))
        )

    def start(self, *, apply: bool, at_once: int = 0) -> str:
        """Start a run and return its execution's ARN.

        Args:
            apply: bring across what is listed; else it is only counted.
            at_once: batches side by side; 0 for as many as the quotas feed.

        Raises:
            ConfigurationError: a run is under way, or the query cannot be answered.
        """
        # A query that cannot be answered is refused here, not in the account.
        if self.select and next(self.selected(self.select), None) is None:
            raise nothing_selected(self.select, self.direction.source.region)
        return self._begin(FleetRun("", apply, at_once or batches_at_once(self.pace().per_second), self.select))

    def again(self, arn: str) -> str | None:
        """Run again what failed, and return the ARN to follow; None if nothing did: then nothing is started.

        A run that failed is taken up by Step Functions, or begun anew where that cannot be done; of one that came to
        its end another is made of what failed.
        """
        state = self.ended(arn)
        if state.succeeded and next(self.failures(state), None) is None:
            return None
        if state.redrivable:
            self.runs.redrive(arn)
            return arn
        run = state.run
        if not state.succeeded:
            return self._begin(FleetRun("", run.apply, run.at_once, run.select))
        return self._begin(FleetRun("", apply=True, at_once=run.at_once, again=run.run))

    def listed_before(self, run: FleetRun) -> Mapping[Kind, int]:
        """Return what the last run of the same kind listed, by kind; nothing if there was none among the newest."""
        newest = islice(self.runs.listed(), LOOKED_BACK)
        alike = (one for one in newest if one.status == "SUCCEEDED" and one.run.run != run.run)
        same = (one for one in alike if (one.run.select, one.run.again) == (run.select, run.again))
        found = next(same, None)
        return {} if found is None else self.runs.state(found.arn).run.listed

    def ended(self, arn: str) -> RunState:
        """Return how a run ended that was to bring something across.

        Raises:
            ConfigurationError: it is under way, or was a dry run.
        """
        state = self.runs.state(arn)
        if not state.run.apply:
            raise ConfigurationError(f"{arn} was a dry run: nothing of it can be run again; leave out --follow")
        if not state.ended:
            raise ConfigurationError(f"that sync is under way; see it with --follow {arn}")
        return state

    def newest(self) -> str:
        """Return the run that was started last of those that were no dry runs.

        Raises:
            ConfigurationError: there was none.
        """
        found = self.runs.newest_applied()
        if found is None:
            raise ConfigurationError("there was no sync in the account yet; start one with --in-cloud --apply")
        return found

    def running(self) -> str:
        """Return the run that is under way.

        Raises:
            ConfigurationError: none is.
        """
        found = self.runs.newest("RUNNING")
        if found is None:
            raise ConfigurationError("no sync is under way in the account; `iot-dr runs` lists those that have ended")
        return found

    def listed(self) -> Iterator[ListedRun]:
        """Yield all runs, those that were started last first."""
        return self.runs.listed()

    def stop(self, arn: str) -> None:
        """Stop a run; what it has brought across stays."""
        self.runs.stop(arn)

    def state(self, arn: str) -> RunState:
        """Return how a run stands."""
        return self.runs.state(arn)

    def failures(self, state: RunState) -> Iterator[FailedRequest]:
        """Yield what could not be brought across since the run began, by the ledger and by the run's results."""
        told = set()
        for item in self.waiting():
            # A device without certificate is as it is in the primary.
            incomplete = item.state is State.PENDING and item.reason == NO_CERTIFICATE
            if (item.checked_at or 0) >= state.began and not incomplete:
                told.add(item.key)
                yield FailedRequest(item.key, item.reason)
        yield from (one for one in self.failed(state.run.run) if one.key not in told)

    def _begin(self, run: FleetRun) -> str:
        if running := self.runs.newest("RUNNING"):
            raise ConfigurationError(f"a sync in the account is under way; see it with --follow {running}")
        name = f"{datetime.fromtimestamp(self.clock() / 1000, UTC):%Y%m%dT%H%M%S}-{self.new_token()}"
        stages = AGAIN_STAGES if run.again else THING_STAGES if run.select else STAGES
        kinds = stages if self.with_shadows else tuple(kind for kind in stages if kind not in SHADOW_KINDS)
        return self.runs.start(replace(run, run=name, kinds=kinds))
