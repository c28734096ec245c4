"""Reads what an account keeps in one Region beside its registry, one declaration per family.

What AWS makes itself is left out, such as its own domain configurations. So are fields that a Region or a moment gives:
dates, ARNs of the resource itself, version numbers, identities of ACM certificates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from iot_dr.aws import errors
from iot_dr.model.status.parity import Family, Settings

RETAINED_MESSAGES = 1000
"""Retained messages whose payloads are compared, by topic; of a fleet that keeps more, the rest is left out."""

OWN_RULES = ("IoTDRPrimary", "IoTDRSecondary")
"""What the names of this product's own topic rules begin with: its stacks' names."""

_AWS_OWN = "iot:"
"""What the names of the domain configurations begin with that AWS makes in every Region."""

_CUSTOMER_MANAGED = "CUSTOMER_MANAGED"


@dataclass(frozen=True)
class Listing:
    """How a family is read: the list and the description of one, and which fields of the answer are compared.

    `name` is the field of a listed item, empty where the list holds names. `parts` are the members of the answer that
    hold fields, the answer itself if empty. Names that begin with one of `left_out` are not the customer's.
    """

    list_operation: str
    list_member: str
    name: str
    describe_operation: str
    parameter: str
    fields: frozenset[str]
    parts: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


LISTINGS: Mapping[Family, Listing] = {
    Family.CA_CERTIFICATES: Listing(
        "list_ca_certificates",
        "certificates",
        "certificateId",
        "describe_ca_certificate",
        "certificateId",
        frozenset({"status", "autoRegistrationStatus", "certificateMode", "templateBody", "templateName", "roleArn"}),
        ("certificateDescription", "registrationConfig"),
    ),
    Family.ROLE_ALIASES: Listing(
        "list_role_aliases",
        "roleAliases",
        "",
        "describe_role_alias",
        "roleAlias",
        frozenset({"roleArn", "credentialDurationSeconds"}),
        ("roleAliasDescription",),
    ),
    Family.PROVISIONING_TEMPLATES: Listing(
        "list_provisioning_templates",
        "templates",
        "templateName",
        "describe_provisioning_template",
        "templateName",
        frozenset({"description", "templateBody", "enabled", "provisioningRoleArn", "preProvisioningHook", "type"}),
    ),
    Family.AUTHORIZERS: Listing(
        "list_authorizers",
        "authorizers",
        "authorizerName",
        "describe_authorizer",
        "authorizerName",
        frozenset(
            {
                "authorizerFunctionArn",
                "tokenKeyName",
                "tokenSigningPublicKeys",
                "status",
                "signingDisabled",
                "enableCachingForHttp",
            }
        ),
        ("authorizerDescription",),
    ),
    Family.TOPIC_RULES: Listing(
        "list_topic_rules",
        "rules",
        "ruleName",
        "get_topic_rule",
        "ruleName",
        frozenset({"sql", "description", "actions", "ruleDisabled", "awsIotSqlVersion", "errorAction"}),
        ("rule",),
        left_out=OWN_RULES,
    ),
    Family.DOMAIN_CONFIGURATIONS: Listing(
        "list_domain_configurations",
        "domainConfigurations",
        "domainConfigurationName",
        "describe_domain_configuration",
        "domainConfigurationName",
        frozenset(
            {
                "domainName",
                "authorizerConfig",
                "domainConfigurationStatus",
                "serviceType",
                "domainType",
                "tlsConfig",
                "authenticationType",
                "applicationProtocol",
                "clientCertificateConfig",
            }
        ),
        left_out=(_AWS_OWN,),
    ),
    Family.JOB_TEMPLATES: Listing(
        "list_job_templates",
        "jobTemplates",
        "jobTemplateId",
        "describe_job_template",
        "jobTemplateId",
        frozenset(
            {
                "description",
                "documentSource",
                "document",
                "presignedUrlConfig",
                "jobExecutionsRolloutConfig",
                "abortConfig",
                "timeoutConfig",
                "jobExecutionsRetryConfig",
                "maintenanceWindows",
                "destinationPackageVersions",
            }
        ),
    ),
    Family.RETAINED_MESSAGES: Listing(
        "list_retained_messages",
        "retainedTopics",
        "topic",
        "get_retained_message",
        "topic",
        frozenset({"payload", "qos", "userProperties"}),
    ),
}


def rights_to_read(family: Family) -> tuple[str, ...]:
    """Return the actions that reading a family needs in a Region, as IAM names them.

    >>> rights_to_read(Family.CA_CERTIFICATES)
    ('iot:ListCACertificates', 'iot:DescribeCACertificate')
    """
    listing = LISTINGS[family]
    return tuple(f"iot:{_action(operation)}" for operation in (listing.list_operation, listing.describe_operation))


def _action(operation: str) -> str:
    return "".join("CA" if word == "ca" else word.capitalize() for word in operation.split("_"))


class IotParityReader:
    """One Region's settings, over its `iot` client and its `iot-data` client."""

    def __init__(self, iot: Any, data: Any) -> None:
        self._iot = iot
        self._data = data

    def read(self, family: Family) -> Settings:
        """Return the compared fields of each resource of one family, by name."""
        listing = LISTINGS[family]
        client = self._data if family is Family.RETAINED_MESSAGES else self._iot
        names = islice(self._names(client, listing), RETAINED_MESSAGES if client is self._data else None)
        own = (name for name in names if not name.startswith(listing.left_out))
        read = ((name, self._described(client, listing, name)) for name in own)
        return {name: fields for name, fields in read if fields is not None}

    @staticmethod
    def _names(client: Any, listing: Listing) -> Iterator[str]:
        with errors.converted():
            for page in client.get_paginator(listing.list_operation).paginate():
                for one in page[listing.list_member]:
                    yield str(one[listing.name] if listing.name else one)

    @staticmethod
    def _described(client: Any, listing: Listing, name: str) -> Mapping[str, Any] | None:
        operation: Callable[..., Any] = getattr(client, listing.describe_operation)
        answer = errors.read(operation, **{listing.parameter: name})
        if answer is None:
            return None  # deleted since the list was read
        parts = [answer.get(part) or {} for part in listing.parts] or [answer]
        fields = {field: _plain(value) for part in parts for field, value in part.items() if field in listing.fields}
        if fields.get("domainType", _CUSTOMER_MANAGED) != _CUSTOMER_MANAGED:
            del fields["domainName"]  # AWS gives it, another one in each Region
        return fields


def _plain(value: Any) -> Any:
    # A payload may be large and a customer's secret: its digest compares as well.
    return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value
