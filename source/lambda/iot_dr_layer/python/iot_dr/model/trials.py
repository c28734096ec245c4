"""A trial: devices that are made to prove an installation, with all that they need and have.

Everything that a trial makes has a name that begins with the trial's own, or is a certificate made for it, so it can be
told from a fleet, and taken away again without asking what was there before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from iot_dr.errors import ConfigurationError
from iot_dr.model.exact_json import parse
from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.model.registry.arns import iot_arn
from iot_dr.model.registry.documents import canonical
from iot_dr.model.registry.entities import (
    Certificate,
    CertificateStatus,
    Entity,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.keys import Key, Kind, certificate_target, shadow_key, thing_key
from iot_dr.model.shadows.shadow import Document, ShadowSelection

PREFIX = "iot-dr-trial-"
"""What the names of all trials begin with."""

_NAME = re.compile(PREFIX + r"(?P<at>\d{8}-\d{6})-[0-9a-f]{4}")

SHADOW_NAME = "config"
"""Name of the named shadow that each device gets."""

_ORDER = tuple(Kind)
_SHADOW = '{"desired":{"interval":60,"limits":{"low":-1.50,"high":[1,2.0,3e2]}},"reported":{"serial":"%s","on":true}}'
"""Numbers in several notations and an array: what a copy that parses and prints would change."""


@dataclass(frozen=True)
class TrialDevice:
    """One device: its key and certificate, and what both Regions shall hold because of it, as the primary has it."""

    credentials: ProbeCredentials
    entities: tuple[Entity, ...]
    shadows: Mapping[Key, Document] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the thing's name."""
        return self.credentials.thing_name

    @property
    def key(self) -> Key:
        """Name the thing."""
        return thing_key(self.name)


@dataclass(frozen=True)
class Trial:
    """The devices of one run."""

    name: str
    devices: tuple[TrialDevice, ...]

    @property
    def entities(self) -> Mapping[Key, Entity]:
        """Return everything but shadows, once each, in the order in which it can be made."""
        found = {entity.key: entity for device in self.devices for entity in device.entities}
        return {key: found[key] for key in sorted(found, key=lambda key: (_ORDER.index(key.kind), key))}

    @property
    def shadows(self) -> Mapping[Key, Document]:
        """Return the shadows of all devices."""
        return {key: document for device in self.devices for key, document in device.shadows.items()}


def began(name: str) -> datetime:
    """Return when a trial of this name began, by the clock of the machine that made it.

    >>> began("iot-dr-trial-20261127-163000-0af3").isoformat()
    '2026-11-27T16:30:00+00:00'

    Raises:
        ConfigurationError: no trial is called so.
    """
    return time_in_name(name, _NAME, "trial", "iot-dr prove", PREFIX)


def time_in_name(name: str, form: re.Pattern[str], what: str, command: str, prefix: str) -> datetime:
    """Return the time in the name of what a command made, which the form has as `at`.

    Raises:
        ConfigurationError: the name has another form, or no such time.
    """
    with suppress(ValueError):
        if found := form.fullmatch(name):
            return datetime.strptime(found["at"], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    raise ConfigurationError(
        f"no {what} is called {name!r}: the whole name is needed, as `{command}` printed it, "
        f"{prefix}20261127-163000-0af3 for example"
    )


def device_names(trial: str, number: int) -> tuple[str, ...]:
    """Return the names of a trial's things.

    >>> device_names("t", 2)
    ('t-0001', 't-0002')
    """
    return tuple(f"{trial}-{count:04}" for count in range(1, number + 1))


def make_trial(  # noqa: PLR0913  # two callers, by keyword
    name: str,
    credentials: Sequence[ProbeCredentials],
    *,
    region: str,
    account: str,
    shadows: ShadowSelection,
    with_type: bool = False,
) -> Trial:
    """Plan a trial in the primary Region.

    Of two devices, one has a policy of its own, the other one that it shares. All are in one group, and with
    `with_type` in one type. Each has those of the shadows that are replicated.
    """
    group = ThingGroup(f"{name}-group", f"Devices of {name}", {"purpose": "trial"})
    thing_type = ThingType(f"{name}-type", f"Type of {name}", ("serial",)) if with_type else None
    shared = Policy(f"{name}-shared", _document(region, account, f"{name}-*", f"{name}-*"))

    def device(count: int, held: ProbeCredentials) -> TrialDevice:
        thing = Thing(
            held.thing_name,
            {"serial": f"{count:04}", "site": "mill/hall:2", "firmware": "1.0.0"},
            thing_type.name if thing_type else "",
        )
        own = Policy(held.thing_name, _document(region, account, f"{thing.name}-*", f"{thing.name}/*"))
        policy = own if count % 2 else shared
        common: tuple[Entity, ...] = (group, thing_type) if thing_type else (group,)
        return TrialDevice(
            held,
            (
                *common,
                policy,
                Certificate(held.certificate_id, CertificateStatus.ACTIVE, held.certificate_pem),
                thing,
                PolicyAttachment(policy.name, certificate_target(held.certificate_id)),
                ThingPrincipal(thing.name, held.certificate_id),
                GroupMembership(group.name, thing.name),
            ),
            {
                shadow_key(thing.name, shadow): parse(_SHADOW % f"{count:04}")
                for shadow in ("", SHADOW_NAME)
                if shadows.selects(shadow)
            },
        )

    return Trial(name, tuple(device(count, held) for count, held in enumerate(credentials, 1)))


def _document(region: str, account: str, clients: str, topics: str) -> str:
    """Let devices connect, and talk to themselves on topics of their own.

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-policy-actions.html
    """
    rights = {
        "iot:Connect": f"client/{clients}",
        "iot:Subscribe": f"topicfilter/{topics}",
        "iot:Publish": f"topic/{topics}",
        "iot:Receive": f"topic/{topics}",
    }
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": iot_arn(resource, region, account)}
        for action, resource in rights.items()
    ]
    return canonical(json.dumps({"Version": "2012-10-17", "Statement": statements}))
