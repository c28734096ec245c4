"""Turns a batch of registry events into requests and has them checked."""

from __future__ import annotations

from collections.abc import Iterable

from iot_dr.model.events.registry_events import RegistryEvent
from iot_dr.model.replication.requests import ReconcileRequest, coalesce
from iot_dr.ports.replication import Workflow


def start_replication(events: Iterable[RegistryEvent], workflow: Workflow) -> tuple[ReconcileRequest, ...]:
    """Start the workflow for the distinct resources of a batch; the health checker's own are left alone."""
    requests = coalesce(event for event in events if not event.key.reserved)
    workflow.start(requests)
    return requests
