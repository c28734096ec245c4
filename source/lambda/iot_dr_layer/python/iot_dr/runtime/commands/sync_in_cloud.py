"""Wires the sync in the account for its operator: its state machine, quotas of both Regions, ledger and results."""

from __future__ import annotations

import secrets
from functools import partial

from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.ledger.status import DynamoDbLedgerReader
from iot_dr.aws.quotas import ApiQuotas
from iot_dr.aws.registry.selected_things import SelectedThings
from iot_dr.aws.request_ids import note_requests_of
from iot_dr.aws.workflow.fleet_runs import StepFunctionsFleetRuns
from iot_dr.aws.workflow.run_files import Results
from iot_dr.model.sites import Side
from iot_dr.runtime.account import clients_of
from iot_dr.runtime.clock import now
from iot_dr.runtime.commands.history import ordering
from iot_dr.runtime.commands.sync import SyncSettings
from iot_dr.services.ordered import OrderPlace, RecordedFleetRuns
from iot_dr.services.sync.cloud_sync import CloudSync
from iot_dr.services.sync.launched import launched_stack

_OUTPUTS = ("FleetSyncStateMachineArn", "WorkBucketName", "LedgerTableName")


def open_cloud_sync(settings: SyncSettings, place: OrderPlace) -> CloudSync:
    """Open the sync in the account of a launch.

    Raises:
        ConfigurationError: there is no such launch, or it is of a release that cannot sync in the account.
    """
    client_of = clients_of(settings.profile)
    regions = settings.regions
    stack = launched_stack(settings.launch, CloudFormationStackReader(client_of), _OUTPUTS)
    machine, bucket, table = (stack.outputs[output] for output in _OUTPUTS)
    direction = regions.replication()
    states = note_requests_of(client_of("stepfunctions", regions.secondary))
    return CloudSync(
        direction=direction,
        runs=RecordedFleetRuns(StepFunctionsFleetRuns(states, machine), ordering(place, regions.secondary)),
        quotas={side: ApiQuotas(client_of("service-quotas", direction.site(side).region)) for side in Side},
        selected=SelectedThings(client_of("iot", regions.primary), regions.primary).names,
        waiting=DynamoDbLedgerReader(client_of("dynamodb", regions.secondary), table).waiting,
        failed=Results(client_of("s3", regions.secondary), bucket).failed,
        clock=now,
        new_token=partial(secrets.token_hex, 2),
        select=settings.select,
        with_shadows=stack.shadows.any,
    )
