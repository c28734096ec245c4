"""Registers a device of the primary by a provisioning template, at its first connection.

AWS IoT refuses that connection, keeps the certificate in PENDING_ACTIVATION and tells of it with every further try.
What the template makes raises events, so that it crosses like everything else.
https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iot_dr.errors import InvalidResource
from iot_dr.model.events.certificate_facts import ID, certificate_facts
from iot_dr.model.exact_json import loads
from iot_dr.model.registry.entities import Certificate, CertificateStatus
from iot_dr.ports.events import ProvisioningTemplate


@dataclass(frozen=True)
class ProvisionDevice:
    """The use case: `certificate` reads one of the primary with its PEM."""

    certificate: Callable[[str], Certificate | None]
    template: ProvisioningTemplate

    def provision(self, certificate_id: str) -> bool:
        """Register the device of a certificate, if it still waits for that; return whether it did.

        Raises:
            InvalidResource: the certificate or the template cannot be read, or AWS refuses what the template says.
            ConfigurationError: the template is not enabled.
        """
        found = self.certificate(certificate_id)
        if found is None or found.status is not CertificateStatus.PENDING_ACTIVATION:
            return False
        facts = certificate_facts(found)
        body = self.template.body()
        wanted = {ID, *declared(body)}
        self.template.apply(body, {name: value for name, value in facts.items() if name in wanted})
        return True


def declared(body: str) -> frozenset[str]:
    """Return the parameters that a template declares.

    Raises:
        InvalidResource: it is no JSON object.
    """
    try:
        return frozenset(loads(body).get("Parameters") or {})
    except (ValueError, AttributeError) as error:
        raise InvalidResource(f"the provisioning template is no JSON object: {error}") from error
