"""Wire the custom resource that provisions the health checker's probe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from iot_dr.aws import clients
from iot_dr.aws.devices.probe_things import IotProbeThings
from iot_dr.aws.secrets import SecretsManagerCredentialStore
from iot_dr.errors import ConfigurationError
from iot_dr.runtime.functions.launch.custom_resources import Request, ResourceAnswer
from iot_dr.services.launch.provision_probe import ProvisionProbe


@dataclass(frozen=True)
class ProbeResource:
    """`Custom::Probe`: properties ProbeName and SecretArn, attributes ThingName, CertificateId and Endpoint.

    The physical ID is the thing's name, so that a changed name provisions a new probe and then removes the old one.
    """

    service_for: Callable[[str], ProvisionProbe]

    def create(self, request: Request) -> ResourceAnswer:
        """Provision the probe.

        Raises:
            ConfigurationError: the template gives no name or no secret.
        """
        name, secret_arn = (_property(request.properties, title) for title in ("ProbeName", "SecretArn"))
        probe = self.service_for(secret_arn).provision(name)
        data = {"ThingName": probe.thing_name, "CertificateId": probe.certificate_id, "Endpoint": probe.endpoint}
        return ResourceAnswer(physical_id=probe.thing_name, data=data)

    def update(self, request: Request) -> ResourceAnswer:
        """Provision whatever is missing; a probe that serves keeps its certificate."""
        return self.create(request)

    def delete(self, request: Request) -> ResourceAnswer:
        """Remove the probe, or what a failed create left of it; where the template was wrong there is nothing."""
        name, secret_arn = (str(request.properties.get(title, "")) for title in ("ProbeName", "SecretArn"))
        if name and secret_arn:
            self.service_for(secret_arn).remove(name)
        return ResourceAnswer(physical_id=request.physical_id)


def wire() -> ProbeResource:
    """Build the custom resource, with clients of the function's own Region."""
    things = IotProbeThings(clients.client("iot"))
    secrets = clients.client("secretsmanager")
    return ProbeResource(lambda secret_arn: ProvisionProbe(things, SecretsManagerCredentialStore(secrets, secret_arn)))


def _property(properties: Mapping[str, Any], title: str) -> str:
    text = str(properties.get(title, ""))
    if not text:
        raise ConfigurationError(f"the custom resource lacks the property {title}; update the stack's template")
    return text
