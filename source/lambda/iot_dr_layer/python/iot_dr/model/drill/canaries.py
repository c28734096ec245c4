"""What a drill makes: devices like a fleet's, a name like the fleet's, and the control item of both.

Everything has a name that begins with the drill's own, so all of it can be found and removed by that name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.model.registry.arns import iot_arn
from iot_dr.model.registry.documents import canonical
from iot_dr.model.registry.entities import (
    Certificate,
    CertificateStatus,
    Entity,
    Policy,
    PolicyAttachment,
    Thing,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import Key, certificate_target, shadow_key
from iot_dr.model.shadows.shadow import Document
from iot_dr.model.trials import Trial, TrialDevice, time_in_name

PREFIX = "iot-dr-canary-"
"""What the names of all drills begin with."""

TOPICS = "iot-dr-canary"
"""The first part of the topics that a drill's clients publish to."""

OBSERVER = "observer"
"""Ends the name of the thing that sees all messages of a drill, in both Regions."""

LATE = "late"
"""Ends the name of the thing that is made right before the fault."""

CLIENTS_OF_AN_OBSERVER = 50
"""A connection receives 100 messages a second at most, so more clients have more observers.

https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
"""

FLEET = "fleet-"
"""What follows the prefix in the name of a drill that has the fleet itself go along."""

_NAME = re.compile(PREFIX + rf"(?P<fleet>{FLEET})?" + r"(?P<at>\d{8}-\d{6})-[0-9a-f]{4}")


def drill_name(began: datetime, token: str, *, fleet: bool = False) -> str:
    """Return the name of a drill; `token` is of four hexadecimal digits and tells drills of one second apart.

    >>> drill_name(datetime.fromisoformat("2026-11-27T16:30:00+00:00"), "0af3", fleet=True)
    'iot-dr-canary-fleet-20261127-163000-0af3'
    """
    return f"{PREFIX}{FLEET if fleet else ''}{began:%Y%m%d-%H%M%S}-{token}"


def is_of_fleet(drill: str) -> bool:
    """Tell by its name whether a drill has the fleet itself go along."""
    return drill.startswith(f"{PREFIX}{FLEET}")


def drill_began(name: str) -> datetime:
    """Return when a drill of this name began, by the clock of the machine that ran it.

    >>> drill_began("iot-dr-canary-20261127-163000-0af3").isoformat()
    '2026-11-27T16:30:00+00:00'

    Raises:
        ConfigurationError: no drill is called so.
    """
    return time_in_name(name, _NAME, "drill", "iot-dr drill", PREFIX)


@dataclass(frozen=True)
class CanaryClient:
    """A device of a drill: its key and certificate, its client ID, and the topic that it publishes to and reads.

    The client ID is not the thing's name, so the connectivity index does not count it among the fleet.
    """

    credentials: ProbeCredentials
    drill: str
    group: int

    @property
    def name(self) -> str:
        """Return the thing's name."""
        return self.credentials.thing_name

    @property
    def client_id(self) -> str:
        """Return the ID that it connects with."""
        return f"{self.name}-client"

    @property
    def topic(self) -> str:
        """Return where its messages go."""
        return f"{TOPICS}/{self.drill}/{self.group}/{self.name}"


@dataclass(frozen=True)
class CanaryObserver:
    """Sees the messages of one group of clients in one Region."""

    credentials: ProbeCredentials
    drill: str
    group: int
    region: str

    @property
    def client_id(self) -> str:
        """Return the ID that it connects with."""
        return f"{self.credentials.thing_name}-{self.group}"

    @property
    def topic(self) -> str:
        """Return what it subscribes to."""
        return f"{TOPICS}/{self.drill}/{self.group}/+"


@dataclass(frozen=True)
class Canaries:
    """All devices of one drill, and what the registry has of them."""

    drill: str
    clients: tuple[CanaryClient, ...]
    observers: tuple[CanaryObserver, ...]
    trial: Trial
    late: Thing

    @property
    def everything(self) -> Trial:
        """Return all that is to be removed in the end: the thing that is made last, and what devices wrote, too."""
        nobody = ProbeCredentials(self.late.name, "", "", "")
        shadows: dict[Key, Document] = {shadow_key(one.name): {} for one in self.clients}
        return Trial(self.drill, (*self.trial.devices, TrialDevice(nobody, (self.late,), shadows)))


def make_canaries(
    drill: str,
    clients: Sequence[ProbeCredentials],
    observer: ProbeCredentials,
    regions: Sequence[str],
    account: str,
) -> Canaries:
    """Plan the devices of a drill as the first of the Regions has them: each has one policy and one certificate."""
    region = regions[0]
    devices = tuple(CanaryClient(held, drill, count // CLIENTS_OF_AN_OBSERVER) for count, held in enumerate(clients))
    groups = sorted({one.group for one in devices})
    seen = f"{TOPICS}/{drill}/*"
    return Canaries(
        drill,
        devices,
        tuple(CanaryObserver(observer, drill, group, where) for where in regions for group in groups),
        Trial(
            drill,
            (
                *(_device(one.credentials, _of_client(one), region, account) for one in devices),
                _device(observer, {"iot:Subscribe": [seen], "iot:Receive": [seen]}, region, account),
            ),
        ),
        Thing(f"{drill}-{LATE}"),
    )


def _of_client(client: CanaryClient) -> Mapping[str, Sequence[str]]:
    """Let a client publish and read its own topic and its own shadow."""
    own = [client.topic, f"$aws/things/{client.name}/shadow/*"]
    return {"iot:Publish": own, "iot:Subscribe": own, "iot:Receive": own}


def _device(held: ProbeCredentials, topics: Mapping[str, Sequence[str]], region: str, account: str) -> TrialDevice:
    document = _document({"iot:Connect": [f"{held.thing_name}-*"], **topics}, region, account)
    policy = Policy(held.thing_name, document)
    entities: tuple[Entity, ...] = (
        policy,
        Certificate(held.certificate_id, CertificateStatus.ACTIVE, held.certificate_pem),
        Thing(held.thing_name),
        PolicyAttachment(policy.name, certificate_target(held.certificate_id)),
        ThingPrincipal(held.thing_name, held.certificate_id),
    )
    return TrialDevice(held, entities)


_RESOURCES = {
    "iot:Connect": "client",
    "iot:Subscribe": "topicfilter",
    "iot:Publish": "topic",
    "iot:Receive": "topic",
}
"""https://docs.aws.amazon.com/iot/latest/developerguide/iot-policy-actions.html"""


def _document(rights: Mapping[str, Sequence[str]], region: str, account: str) -> str:
    statements = [
        {
            "Effect": "Allow",
            "Action": action,
            "Resource": [iot_arn(f"{_RESOURCES[action]}/{one}", region, account) for one in allowed],
        }
        for action, allowed in rights.items()
    ]
    return canonical(json.dumps({"Version": "2012-10-17", "Statement": statements}))
