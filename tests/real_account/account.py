"""Two Regions of an account as a probe sees them: clients that count, names of the run's own, and what it makes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lab.devices import MqttDevice
from lab.fleet import Identity, make_identity
from tests.real_account.made import Journal, Kind, Made

Until = Callable[[Callable[[], Any], float], Any]
"""Asks again and again; the first true answer, or the last one when so many seconds are over."""


@dataclass(frozen=True)
class Regions:
    """The two Regions, and the account that both are of."""

    account: str
    primary: str
    secondary: str


@dataclass
class Account:
    """What a probe may use.

    Attributes:
        regions: where.
        run: what every name begins with.
        clients: a client by service and Region.
        journal: where what is made is written down first.
        until: waits for what happens elsewhere.
        settings: the variables of a launch's `toolsrc`; empty without one.
        ca_file: whom devices trust besides the system; for an endpoint that is not AWS's.
        environ: what the product's own commands need to reach the same account.
    """

    regions: Regions
    run: str
    clients: Callable[[str, str], Any]
    journal: Journal
    until: Until
    settings: Mapping[str, str] = field(default_factory=dict)
    ca_file: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)

    @property
    def primary(self) -> str:
        """The primary Region."""
        return self.regions.primary

    @property
    def secondary(self) -> str:
        """The secondary Region."""
        return self.regions.secondary

    def iot(self, region: str) -> Any:
        """The registry of a Region."""
        return self.clients("iot", region)

    def data(self, region: str) -> Any:
        """The shadows of a Region."""
        return self.clients("iot-data", region)

    def name(self) -> str:
        """A name that nothing has."""
        return f"{self.run}-{next(self._numbers)}"

    def thing(self, region: str, **options: Any) -> str:
        """Make a thing; its name."""
        name = self._noted(Kind.THING, region)
        self.iot(region).create_thing(thingName=name, **options)
        return name

    def thing_type(self, region: str) -> str:
        """Make a thing type; its name."""
        name = self._noted(Kind.THING_TYPE, region)
        self.iot(region).create_thing_type(thingTypeName=name)
        return name

    def billing_group(self, region: str) -> str:
        """Make a billing group; its name."""
        name = self._noted(Kind.BILLING_GROUP, region)
        self.iot(region).create_billing_group(billingGroupName=name)
        return name

    def certificate(self, region: str, identity: Identity | None = None, status: str = "ACTIVE") -> str:
        """Register a certificate, of a key of the run's own if none is given; its ARN."""
        identity = identity or make_identity(self.name())
        self.journal.note(Made(Kind.CERTIFICATE, region, identity.certificate_id))
        registered = self.iot(region).register_certificate_without_ca(
            certificatePem=identity.certificate_pem, status=status
        )
        return str(registered["certificateArn"])

    def policy(self, region: str, document: Mapping[str, Any]) -> str:
        """Make a policy; its name."""
        name = self._noted(Kind.POLICY, region)
        self.iot(region).create_policy(policyName=name, policyDocument=json.dumps(document))
        return name

    def shadow(self, region: str, thing: str, document: str, name: str = "") -> Mapping[str, Any]:
        """Update a shadow with this text; what AWS answers."""
        self.journal.note(Made(Kind.SHADOW, region, thing, name))
        named = {"shadowName": name} if name else {}
        answer = self.data(region).update_thing_shadow(thingName=thing, payload=document.encode(), **named)
        return dict(json.loads(answer["payload"].read()))

    def document(self, region: str, thing: str) -> str:
        """The text of a classic shadow."""
        return str(self.data(region).get_thing_shadow(thingName=thing)["payload"].read().decode())

    def arn(self, region: str, resource: str) -> str:
        """The ARN of something of AWS IoT."""
        return f"arn:{self._partition}:iot:{region}:{self.regions.account}:{resource}"

    def device(self, region: str, thing: str, identity: Identity, **options: Any) -> AbstractContextManager[MqttDevice]:
        """A connection of the thing to a Region, for the length of a `with` block."""
        options = {"timeout": 10.0, **options}
        return MqttDevice(self.endpoint(region), client_id=thing, identity=identity, ca_file=self.ca_file, **options)

    def provision(self, region: str, actions: Mapping[str, list[str]]) -> tuple[str, Identity]:
        """Make a thing with a certificate and a policy that admits these actions on these resources."""
        thing, identity = self.thing(region), make_identity(self.run)
        certificate = self.certificate(region, identity)
        statements = [
            {"Effect": "Allow", "Action": action, "Resource": [self.arn(region, one) for one in resources]}
            for action, resources in {"iot:Connect": [f"client/{thing}"], **actions}.items()
        ]
        policy = self.policy(region, {"Version": "2012-10-17", "Statement": statements})
        self.iot(region).attach_policy(policyName=policy, target=certificate)
        self.iot(region).attach_thing_principal(thingName=thing, principal=certificate)
        return thing, identity

    def endpoint(self, region: str) -> str:
        """Where devices connect."""
        return str(self.iot(region).describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"])

    @cached_property
    def _partition(self) -> str:
        return str(self.clients("sts", self.primary).get_caller_identity()["Arn"].split(":")[1])

    def _noted(self, kind: Kind, region: str) -> str:
        name = self.name()
        self.journal.note(Made(kind, region, name))
        return name


def refusal(request: Callable[[], Any]) -> str:
    """The error's code if AWS refuses the request; empty if it does not."""
    try:
        request()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def answered(request: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """What AWS answers; empty if there is no such resource."""
    try:
        return request()
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return {}
