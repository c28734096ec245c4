"""Has the certificates checked that just-in-time registration met in the secondary Region.

A device whose CA is registered there registers its own certificate by connecting. AWS IoT refuses that connection,
leaves the certificate in PENDING_ACTIVATION, and tells of it with every further try. What is to become of it stands in
the primary: the request finds the certificate's status, policies and things there and brings the secondary to them.
https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from iot_dr.errors import EventError
from iot_dr.model.events.counts import count
from iot_dr.model.exact_json import loads
from iot_dr.model.registry.keys import certificate_key
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.ports.replication import Workflow


@dataclass(frozen=True)
class Registration:
    """A certificate that a connection registered, or found waiting, in epoch milliseconds."""

    certificate_id: str
    timestamp: int


def read_registration(text: str) -> Registration:
    """Read the message of AWS IoT, or the report of a rule that could not queue it, which holds it as base64.

    Raises:
        EventError: it is neither.
    """
    try:
        message = _object(text)
        if "base64OriginalPayload" in message:
            message = _object(base64.b64decode(message["base64OriginalPayload"], validate=True))
        return Registration(str(message["certificateId"]), count(message["timestamp"]))
    except (KeyError, TypeError, binascii.Error, ValueError, RecursionError) as error:
        raise EventError(f"the registration of a certificate lacks or garbles {error}") from error


def register_devices(registrations: Iterable[Registration], workflow: Workflow) -> tuple[ReconcileRequest, ...]:
    """Start the workflow for the distinct certificates; a device that keeps trying tells of its own several times."""
    first: dict[str, Registration] = {}
    for registration in registrations:
        known = first.get(registration.certificate_id, registration)
        # The lag counts from the first refusal that is known of.
        first[registration.certificate_id] = min(known, registration, key=lambda one: one.timestamp)
    requests = tuple(
        ReconcileRequest(certificate_key(one.certificate_id), occurred_at=one.timestamp) for one in first.values()
    )
    workflow.start(requests)
    return requests


def _object(text: str | bytes) -> Mapping[str, Any]:
    value = loads(text)
    if not isinstance(value, dict):
        raise TypeError("a message that is no JSON object")
    return value
