"""Wires the adoption: what was read of both Regions, and the ledger that says who owns what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.ledger.adoptions import DynamoDbAdoptionStore
from iot_dr.aws.ledger.shadow_notes import DynamoDbShadowNotes
from iot_dr.files.run_records import FileChangeRecord
from iot_dr.model.registry.keys import Kind
from iot_dr.model.registry.kinds import REGISTRY_KINDS
from iot_dr.model.shadows.shadow import NO_SHADOWS
from iot_dr.model.sync.adoption import AdoptionChoice
from iot_dr.ports.progress import ReadingObserver
from iot_dr.runtime.account import clients_of
from iot_dr.runtime.clock import now
from iot_dr.runtime.commands.comparison import open_comparison
from iot_dr.runtime.commands.sync import RunSettings, compared_for, header_of, open_ledger
from iot_dr.services.adopt import Adoption
from iot_dr.services.gate import LeadershipWriteGate
from iot_dr.services.sync.launched import launched_stack

KINDS = (*REGISTRY_KINDS, Kind.SHADOW)
"""What can be owned."""


@dataclass(frozen=True, kw_only=True)
class AdoptSettings(RunSettings):
    """What is to be adopted: these `kinds`, none for all; what differs too, if so; or given up, by `release`."""

    kinds: tuple[Kind, ...] = ()
    differing: bool = False
    release: bool = False
    command: str = "iot-dr adopt"

    @property
    def choice(self) -> AdoptionChoice:
        """Return what the operator accepts."""
        return AdoptionChoice(self.kinds or KINDS, self.differing, self.release)


@contextmanager
def open_adoption(settings: AdoptSettings, progress: ReadingObserver) -> Iterator[Adoption]:
    """Open an adoption, going on with what an earlier run has read.

    Raises:
        ConfigurationError: a setting is wrong, or there is no such launch.
        RegionUnavailable: neither Region answers.
    """
    regions, launch = settings.regions, settings.launch
    launched = launched_stack(launch, CloudFormationStackReader(clients_of(settings.profile)))
    wanted = Kind.SHADOW in settings.choice.kinds
    compared = compared_for(settings, launched.shadows if wanted else NO_SHADOWS)
    with open_comparison(replace(compared, exact=wanted), progress) as comparison:
        dynamodb = comparison.access.client_of("dynamodb", regions.secondary)
        ledger = open_ledger(dynamodb, settings.ledger_table, regions.secondary)
        leadership = DynamoDbLeadershipReader(dynamodb, launch.global_table, settings.ledger_table, regions)
        with FileChangeRecord(compared.folder.history, header_of(settings, comparison.direction)) as record:
            yield Adoption(
                reading=comparison.reading,
                direction=comparison.direction,
                readers={side: one.registry for side, one in comparison.regions.items()},
                shadows={side: one.shadows for side, one in comparison.regions.items()},
                store=DynamoDbAdoptionStore(dynamodb, settings.ledger_table),
                ledger=ledger,
                notes=DynamoDbShadowNotes(dynamodb, settings.ledger_table),
                gate=LeadershipWriteGate(leadership, regions.secondary),
                record=record,
                clock=now,
                choice=settings.choice,
            )
