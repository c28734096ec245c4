"""API quotas of AWS IoT, and the rate at which they let devices be copied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from iot_dr.model.sites import Side


@dataclass(frozen=True)
class ApiQuota:
    """Calls per second that an account may make in one Region; `default` is None where AWS does not tell it."""

    operation: str
    applied: float
    default: float | None = None

    @property
    def raised(self) -> bool:
        """Tell whether the account has more than AWS gives every account."""
        return self.default is not None and self.applied > self.default


CALLS_PER_DEVICE: Mapping[Side, Mapping[str, float]] = MappingProxyType(
    {
        Side.SOURCE: MappingProxyType({"DescribeCertificate": 1, "ListPrincipalThingsV2": 1}),
        Side.TARGET: MappingProxyType(
            {"RegisterCertificateWithoutCA": 1, "CreateThing": 1, "AttachThingPrincipal": 1, "AttachPolicy": 1}
        ),
    }
)
"""What one complete new device costs a sync: a thing, its certificate, and a policy that it shares with others."""


@dataclass(frozen=True)
class Ceiling:
    """The most devices per second that the tightest quota allows, and which one that is."""

    per_second: float
    side: Side
    operation: str

    def hours_for(self, devices: int) -> float:
        """Return how long so many devices take at the least."""
        return devices / self.per_second / 3600


def ceiling(
    quotas: Mapping[Side, Mapping[str, ApiQuota]], calls: Mapping[Side, Mapping[str, float]] = CALLS_PER_DEVICE
) -> Ceiling:
    """Return the ceiling, of quotas that name every call that a device costs."""
    ceilings = (
        Ceiling(quotas[side][operation].applied / number, side, operation)
        for side, operations in calls.items()
        for operation, number in operations.items()
    )
    return min(ceilings, key=lambda one: one.per_second)
