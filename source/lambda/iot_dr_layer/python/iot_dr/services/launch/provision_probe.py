"""Give the health checker an identity of its own, and take it away again without a trace.

The probe is a device like any other: a thing, a certificate and a policy, in one Region. Its names begin with the
reserved prefix that replication leaves alone, since each Region's checker has its own of the same name. The private key
exists in the memory of this call and in the secret, nowhere else.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass

from iot_dr.errors import InvalidResource, NotReadyYet
from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.model.registry.arns import Arn
from iot_dr.model.registry.keys import RESERVED_PREFIX
from iot_dr.ports.launch import CredentialStore, ProbeThings


@dataclass(frozen=True)
class Probe:
    """What the stack may know of the probe."""

    thing_name: str
    certificate_id: str
    endpoint: str


def probe_policy(thing_arn: str) -> str:
    """Return the policy document: connect as the probe, and talk to oneself on topics under the probe's name.

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-policy-actions.html
    """
    thing = Arn.parse(thing_arn)
    name = thing.resource.removeprefix("thing/")

    def arn(resource: str) -> str:
        return str(Arn(thing.partition, "iot", thing.region, thing.account, resource))

    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "iot:Connect", "Resource": arn(f"client/{name}-*")},
                {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": arn(f"topicfilter/{name}/*")},
                {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": arn(f"topic/{name}/*")},
            ],
        },
        separators=(",", ":"),
    )


@dataclass(frozen=True)
class ProvisionProbe:
    """Provisions and removes the probe of a name; both may be repeated, also after having been cut off."""

    things: ProbeThings
    store: CredentialStore

    def provision(self, name: str) -> Probe:
        """Bring the probe into being, or leave nothing of this call behind.

        A call that is killed can leave a certificate that nothing refers to: inactive, and its key lost with the call.

        Raises:
            InvalidResource: the name is not a probe's.
        """
        if not name.startswith(RESERVED_PREFIX):
            raise InvalidResource(f"{name!r} does not begin with {RESERVED_PREFIX!r}; it could be a customer's thing")
        endpoint = self.things.endpoint()
        with ExitStack() as undo:
            thing_arn, created = self.things.create_thing(name)
            if created:
                undo.callback(self.things.remove_thing, name)
            if self.things.put_policy(name, probe_policy(thing_arn)):
                undo.callback(self.things.remove_policy, name)
            attached = self.things.certificates(name)
            certificate_id = self._working(name, attached) or self._issue(name, undo)
            undo.pop_all()
        for replaced in sorted(attached - {certificate_id}):
            self.things.remove_certificate(name, replaced)
        return Probe(name, certificate_id, endpoint)

    def remove(self, name: str) -> None:
        """Remove certificates, thing, policy and the secret's value; what is not a probe's is left alone."""
        if not name.startswith(RESERVED_PREFIX):
            return
        for certificate_id in sorted(self.things.certificates(name)):
            self.things.remove_certificate(name, certificate_id)
        self.things.remove_thing(name)
        self.things.remove_policy(name)
        # After a rename the secret holds the new probe's credentials by now, and CloudFormation removes the old probe.
        if self._held_name() in {name, None}:
            self.store.empty()

    def _working(self, name: str, attached: frozenset[str]) -> str | None:
        """Return the certificate that an earlier call provided, if it still serves."""
        held = self._held()
        if held is None or held.thing_name != name or held.certificate_id not in attached:
            return None
        return held.certificate_id if self.things.is_active(held.certificate_id) else None

    def _issue(self, name: str, undo: ExitStack) -> str:
        issued = self.things.create_certificate()
        certificate_id = issued.certificate_id
        undo.callback(self.things.remove_certificate, name, certificate_id)
        self.things.attach(name, certificate_id)
        self.things.activate(certificate_id)
        credentials = ProbeCredentials(name, certificate_id, issued.pem, issued.private_key)
        # Last, so that what served until now is not overwritten by a call that fails.
        self.store.write(credentials.to_json())
        return certificate_id

    def _held(self) -> ProbeCredentials | None:
        text = self.store.read()
        if text is None:
            return None
        try:
            return ProbeCredentials.parse(text)
        except NotReadyYet:
            return None

    def _held_name(self) -> str | None:
        held = self._held()
        return None if held is None else held.thing_name
