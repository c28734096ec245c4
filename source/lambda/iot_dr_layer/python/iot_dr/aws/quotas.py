"""Reads how many calls per second the account may make of each API of AWS IoT in one Region.

Service Quotas names them `<operation> API TPS` under the service code `iotcore`. All calls of shadows share one.
https://docs.aws.amazon.com/general/latest/gr/iot-core.html#throttling-limits
https://docs.aws.amazon.com/general/latest/gr/iot-core.html#device-shadow-limits
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from iot_dr.aws.errors import converted
from iot_dr.errors import IotDrError
from iot_dr.model.status.quotas import ApiQuota

REQUIRED_ACTIONS = frozenset({"servicequotas:ListServiceQuotas"})

_SERVICE = "iotcore"
_SUFFIX = " API TPS"

SHADOWS = "Device Shadow API"
"""What the calls of shadows share, devices' own over HTTP and MQTT included."""

_NAMES = {"Device Shadow API requests/second per account": SHADOWS}
"""Quotas that Service Quotas does not name by an operation."""

SHARED: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("GetThingShadow", "UpdateThingShadow", "DeleteThingShadow", "ListNamedShadowsForThing"), SHADOWS)
)
"""Operations without a quota of their own, and the one that they share. AWS does not say whether lists count too."""


def _each(per_second: float, *operations: str) -> Iterator[tuple[str, float]]:
    return ((operation, per_second) for operation in operations)


DEFAULTS: Mapping[str, float] = MappingProxyType(
    dict(
        [
            *_each(400, SHADOWS),
            *_each(350, "DescribeThing"),
            *_each(100, "CreateThing", "UpdateThing", "DeleteThing"),
            *_each(100, "AttachThingPrincipal", "DetachThingPrincipal"),
            *_each(100, "AddThingToThingGroup", "RemoveThingFromThingGroup", "ListThingGroupsForThing"),
            *_each(100, "DescribeThingGroup", "DescribeThingType", "DescribeBillingGroup"),
            *_each(60, "AddThingToBillingGroup"),
            *_each(25, "CreateThingGroup", "CreateBillingGroup", "ListThingsInThingGroup", "ListThingsInBillingGroup"),
            *_each(15, "UpdateThingGroup", "DeleteThingGroup", "UpdateBillingGroup", "DeleteBillingGroup"),
            *_each(15, "CreateThingType", "DeprecateThingType", "DeleteThingType", "RemoveThingFromBillingGroup"),
            *_each(15, "AttachPolicy", "DetachPolicy", "ListAttachedPolicies"),
            *_each(10, "ListThings", "ListThingTypes", "ListThingGroups", "ListBillingGroups"),
            *_each(10, "ListThingPrincipals", "ListPrincipalThings", "ListCertificates", "ListPolicies"),
            *_each(10, "ListThingPrincipalsV2", "ListPrincipalThingsV2"),
            *_each(10, "DescribeCertificate", "RegisterCertificateWithoutCA", "UpdateCertificate", "DeleteCertificate"),
            *_each(10, "GetPolicy", "CreatePolicy", "DeletePolicy", "CreatePolicyVersion", "DeletePolicyVersion"),
            *_each(10, "ListPolicyVersions", "ListTargetsForPolicy"),
            *_each(10, "ListTagsForResource", "TagResource", "UntagResource"),
            *_each(20, "GetIndexingConfiguration"),
            *_each(15, "SearchIndex"),
            *_each(10, "DescribeIndex"),
            *_each(5, "CreateDynamicThingGroup", "UpdateDynamicThingGroup", "DeleteDynamicThingGroup"),
        ]
    )
)
"""What AWS gives an account that never asked for more, in calls per second.

They stand in where Service Quotas cannot be read (an operator may lack the right, an endpoint may be missing) and for
the APIs that it leaves out: it lists only quotas that have an applied value, and those of the index under another
service code. A budget begins there and may rise. Of shadows it is the quota of most Regions; the largest admit 4,000
calls a second.
https://docs.aws.amazon.com/general/latest/gr/iot_device_management.html#fleet-indexing-limits
"""


class ApiQuotas:
    """Reads one Region's quotas through a `service-quotas` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self) -> Mapping[str, ApiQuota]:
        """Return the quotas by operation, AWS's defaults where it tells none.

        Raises:
            AccessDenied: the operator may not list quotas.
            IotDrError: they cannot be read for another reason.
        """
        pages = self._client.get_paginator("list_service_quotas").paginate(ServiceCode=_SERVICE)
        with converted():
            told = {
                _NAMES.get(quota["QuotaName"], quota["QuotaName"].removesuffix(_SUFFIX)): float(quota["Value"])
                for page in pages
                for quota in page["Quotas"]
                if quota["QuotaName"].endswith(_SUFFIX) or quota["QuotaName"] in _NAMES
            }
        return _quotas({**DEFAULTS, **told})

    def read_or_defaults(self) -> tuple[Mapping[str, ApiQuota], str]:
        """Return the quotas, and why they are AWS's defaults if they could not be read."""
        try:
            return self.read(), ""
        except IotDrError as error:
            return _quotas(DEFAULTS), str(error)


def _quotas(per_second: Mapping[str, float]) -> Mapping[str, ApiQuota]:
    return MappingProxyType({name: ApiQuota(name, applied, DEFAULTS.get(name)) for name, applied in per_second.items()})
