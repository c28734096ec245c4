"""Makes one change of any kind, for those who have many of all kinds."""

from __future__ import annotations

from iot_dr.model.registry.changes import Action, Create, Delete, Update
from iot_dr.ports.registry import RegistryWriter


def write_one(writer: RegistryWriter, change: Action) -> None:
    """Make it; raises what the writer does."""
    match change:
        case Create():
            writer.create(change)
        case Update():
            writer.update(change)
        case Delete():
            writer.delete(change)
