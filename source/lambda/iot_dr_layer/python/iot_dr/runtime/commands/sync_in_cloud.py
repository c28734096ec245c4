"""Wires the sync in the account for its operator: starts it, reads how it stands, and says what failed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from iot_dr.aws.clients import client, session
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.ledger.status import DynamoDbLedgerReader
from iot_dr.aws.quotas import ApiQuotas
from iot_dr.aws.registry.selected_things import SelectedThings
from iot_dr.aws.workflow.fleet_runs import FleetRuns
from iot_dr.aws.workflow.run_files import Results
from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.keys import SHADOW_KINDS
from iot_dr.model.replication.outcomes import State
from iot_dr.model.sites import Side
from iot_dr.model.sync.fleet_runs import (
    AGAIN_STAGES,
    CALLS_PER_REQUEST,
    STAGES,
    THING_STAGES,
    FailedRequest,
    FleetRun,
    RunState,
    batches_at_once,
)
from iot_dr.runtime.clock import now
from iot_dr.runtime.commands.sync import NO_SHADOWS, SyncSettings
from iot_dr.services.reading.selected import nothing_selected
from iot_dr.services.replication.settling import NO_CERTIFICATE

_OUTPUTS = ("FleetSyncStateMachineArn", "WorkBucketName", "LedgerTableName")


@dataclass(frozen=True)
class Pace:
    """New devices that the quotas let be brought across, and what sets that limit.

    `limits` are the tightest APIs, as Region and operation. `assumed` says why AWS's defaults were taken, if they were.
    """

    per_second: float
    limits: tuple[tuple[str, str], ...]
    assumed: str = ""


class CloudSync:
    """The sync in the account of one launch."""

    def __init__(self, settings: SyncSettings) -> None:
        self._settings = settings
        self._session = session(settings.profile)
        regions = RegionPair(settings.primary_region, settings.secondary_region)
        launch = Launch(regions, settings.stack_postfix, settings.uuid)
        self._regions = regions
        self._outputs, parameters = self._stack(launch)
        self._shadows = parameters.get("ReplicateShadows", NO_SHADOWS) != NO_SHADOWS
        states = self._client("stepfunctions", regions.secondary)
        self._runs = FleetRuns(states, self._outputs["FleetSyncStateMachineArn"])

    def pace(self) -> Pace:
        """Return how fast the quotas let complete new devices be brought across."""
        rates: dict[tuple[str, str], float] = {}
        reasons = []
        for side, region in ((Side.SOURCE, self._regions.primary), (Side.TARGET, self._regions.secondary)):
            quotas, reason = ApiQuotas(self._client("service-quotas", region)).read_or_defaults()
            rates |= {(region, name): quotas[name].applied / calls for name, calls in CALLS_PER_REQUEST[side].items()}
            reasons += [reason] if reason else []
        least = min(rates.values())
        return Pace(least, tuple(limit for limit, rate in rates.items() if rate == least), "; ".join(reasons))

    def start(self, *, apply: bool, at_once: int = 0) -> str:
        """Start a run and return its execution's ARN.

        Args:
            apply: bring across what is listed; else it is only counted.
            at_once: batches side by side; 0 for as many as the quotas feed.

        Raises:
            ConfigurationError: a run is under way, or the query cannot be answered.
        """
        select = self._settings.select
        if select:
            # A query that cannot be answered is refused here, not in the account.
            iot = self._client("iot", self._regions.primary)
            if next(SelectedThings(iot, self._regions.primary).names(select), None) is None:
                raise nothing_selected(select, self._regions.primary)
        at_once = at_once or batches_at_once(self.pace().per_second)
        return self._begin(FleetRun("", apply, at_once, select, kinds=THING_STAGES if select else STAGES))

    def again(self, arn: str) -> str:
        """Run again what failed, and return the ARN to follow.

        A run that failed is taken up by Step Functions, or begun anew where that cannot be done; of one that came to
        its end another is made of what failed.
        """
        state = self.ended(arn)
        if state.redrivable:
            self._runs.redrive(arn)
            return arn
        run = state.run
        if not state.succeeded:
            return self._begin(
                FleetRun("", run.apply, run.at_once, run.select, kinds=THING_STAGES if run.select else STAGES)
            )
        return self._begin(FleetRun("", apply=True, at_once=run.at_once, again=run.run, kinds=AGAIN_STAGES))

    def ended(self, arn: str) -> RunState:
        """Return how a run ended that was to bring something across.

        Raises:
            ConfigurationError: it is under way, or was a dry run.
        """
        state = self._runs.state(arn)
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
        found = self._runs.newest_applied()
        if found is None:
            raise ConfigurationError("there was no sync in the account yet; start one with --in-cloud --apply")
        return found

    def state(self, arn: str) -> RunState:
        """Return how a run stands."""
        return self._runs.state(arn)

    def failures(self, state: RunState) -> Iterator[FailedRequest]:
        """Yield what could not be brought across since the run began, by the ledger and by the run's results."""
        dynamodb = self._client("dynamodb", self._regions.secondary)
        told = set()
        for item in DynamoDbLedgerReader(dynamodb, self._outputs["LedgerTableName"]).waiting():
            # A device without certificate is as it is in the primary.
            incomplete = item.state is State.PENDING and item.reason == NO_CERTIFICATE
            if (item.checked_at or 0) >= state.began and not incomplete:
                told.add(item.key)
                yield FailedRequest(item.key, item.reason)
        results = Results(self._client("s3", self._regions.secondary), self._outputs["WorkBucketName"])
        yield from (one for one in results.failed(state.run.run) if one.key not in told)

    def _begin(self, run: FleetRun) -> str:
        if running := self._runs.newest("RUNNING"):
            raise ConfigurationError(f"a sync in the account is under way; see it with --follow {running}")
        name = f"{datetime.fromtimestamp(now() / 1000, UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
        kinds = run.kinds if self._shadows else tuple(kind for kind in run.kinds if kind not in SHADOW_KINDS)
        return self._runs.start(replace(run, run=name, kinds=kinds))

    def _stack(self, launch: Launch) -> tuple[Mapping[str, str], Mapping[str, str]]:
        region, name = launch.regions.secondary, launch.secondary_stack
        stack = CloudFormationStackReader(self._client).read(region, name)
        if stack is None:
            raise ConfigurationError(
                f"there is no stack {name} in {region}; launch it first, or read the settings of the launch: "
                ". ./toolsrc"
            )
        if missing := [output for output in _OUTPUTS if output not in stack.outputs]:
            raise ConfigurationError(
                f"the stack {name} in {region} has no output {', '.join(missing)}; it is of an older release: update it"
            )
        return stack.outputs, stack.parameters

    def _client(self, service: str, region: str) -> Any:
        return client(service, region, session=self._session)
