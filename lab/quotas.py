"""The account's API quotas, enforced at the proxy and told by Service Quotas: `injected(pair.proxy, Quotas())`.

AWS documents calls per second for each API, account and Region, and not how they are counted. Here it is a bucket that
holds a second's worth of calls and fills at the quota's rate, as AWS describes it where it does.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/throttling.html
"""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from lab.counting import Call, Fault, Forward, Refusal

SHADOWS = "Device Shadow API"

_BY_RATE = {
    350: "DescribeThing",
    100: "CreateThing UpdateThing DeleteThing AttachThingPrincipal DetachThingPrincipal AddThingToThingGroup "
    "RemoveThingFromThingGroup ListThingGroupsForThing DescribeThingGroup DescribeThingType DescribeBillingGroup",
    60: "AddThingToBillingGroup",
    20: "GetIndexingConfiguration",
    25: "CreateThingGroup CreateBillingGroup ListThingsInThingGroup ListThingsInBillingGroup",
    15: "UpdateThingGroup DeleteThingGroup UpdateBillingGroup DeleteBillingGroup RemoveThingFromBillingGroup "
    "CreateThingType DeprecateThingType DeleteThingType AttachPolicy DetachPolicy ListAttachedPolicies SearchIndex",
    10: "ListThings ListThingTypes ListThingGroups ListBillingGroups ListThingPrincipals ListPrincipalThings "
    "ListThingPrincipalsV2 ListPrincipalThingsV2 "
    "ListCertificates ListPolicies DescribeCertificate RegisterCertificateWithoutCA UpdateCertificate "
    "DeleteCertificate GetPolicy CreatePolicy DeletePolicy CreatePolicyVersion DeletePolicyVersion "
    "ListPolicyVersions ListTargetsForPolicy DescribeIndex ListTagsForResource TagResource UntagResource",
    5: "CreateDynamicThingGroup UpdateDynamicThingGroup DeleteDynamicThingGroup",
}
DEFAULTS: Mapping[str, float] = MappingProxyType(
    {operation: float(rate) for rate, operations in _BY_RATE.items() for operation in operations.split()}
    | {SHADOWS: 400.0}
)
"""Calls per second that AWS gives every account, and all calls of shadows together in most Regions.

https://docs.aws.amazon.com/general/latest/gr/iot-core.html#throttling-limits
https://docs.aws.amazon.com/general/latest/gr/iot_device_management.html#fleet-indexing-limits
"""

_OF_THE_INDEX = frozenset({"DescribeIndex", "GetIndexingConfiguration", "SearchIndex"})
"""Service Quotas tells their quotas under another service code."""

_SHADOW_CALLS = frozenset({"GetThingShadow", "UpdateThingShadow", "DeleteThingShadow", "ListNamedShadowsForThing"})

_NAMES = {SHADOWS: "Device Shadow API requests/second per account"}

_LOWEST = 10.0

RAISED = 1000.0
"""Calls per second that Service Quotas tells of where none is enforced, as of an account that had them raised: the
emulator has no Service Quotas, and with AWS's defaults background work would take minutes for what others left.
"""


@dataclass(frozen=True)
class Told:
    """Answer with a document instead of asking the emulator, which knows nothing of the service."""

    document: Mapping[str, object]

    async def spoil(self, client: asyncio.StreamWriter, forward: Forward) -> bool:  # noqa: ARG002 - the protocol's
        """Send it as JSON."""
        body = json.dumps(self.document).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        client.write(head.encode() + body)
        await client.drain()
        return True


@dataclass
class _Bucket:
    rate: float
    tokens: float
    at: float

    def takes(self, now: float) -> bool:
        self.tokens = min(self.rate, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Quotas:
    """Refuses calls of AWS IoT beyond their rate, each API in each Region by itself; an intercept of the proxy."""

    per_second: Mapping[str, float] = field(default_factory=lambda: DEFAULTS)
    clock: Callable[[], float] = time.monotonic
    refused: Counter[Call] = field(default_factory=Counter, init=False)
    _buckets: dict[Call, _Bucket] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __call__(self, call: Call) -> Fault | None:
        """The refusal of a call that comes too soon, and the account's quotas for whoever asks."""
        if call.service == "servicequotas":
            told = ((name, value) for name, value in self.per_second.items() if name not in _OF_THE_INDEX)
            return Told({"Quotas": [_quota(name, value) for name, value in told]})
        shadows = call.operation in _SHADOW_CALLS
        if call.service != "iot" and not shadows:
            return None
        counted = replace(call, operation=SHADOWS) if shadows else call
        with self._lock:
            now, rate = self.clock(), self._rate(counted.operation)
            bucket = self._buckets.setdefault(counted, _Bucket(rate, rate, now))
            if bucket.takes(now):
                return None
            self.refused[call] += 1
            return Refusal(429 if shadows else 400, "ThrottlingException", "Rate exceeded")

    def _rate(self, operation: str) -> float:
        lowest = DEFAULTS[SHADOWS] if operation == SHADOWS else _LOWEST
        return self.per_second.get(operation, lowest)


def raised() -> Told:
    """Tell of quotas that stand in nobody's way."""
    told = (name for name in DEFAULTS if name not in _OF_THE_INDEX)
    return Told({"Quotas": [_quota(name, RAISED) for name in told]})


def _quota(operation: str, value: float) -> dict[str, object]:
    name = _NAMES.get(operation, f"{operation} API TPS")
    return {"ServiceCode": "iotcore", "QuotaName": name, "Value": value, "Adjustable": True}
