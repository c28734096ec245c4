"""Reads what a launch needs to know of a Region: of AWS IoT Core, and how many functions may run there at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from iot_dr.aws import clients, errors
from iot_dr.aws.regions import iot_regions
from iot_dr.errors import IotDrError
from iot_dr.model.launch.launches import IotRegion, UnreadableValue

Value = TypeVar("Value")

REQUIRED_ACTIONS = (
    "iot:DescribeEndpoint",
    "iot:DescribeEventConfigurations",
    "iot:GetIndexingConfiguration",
    "lambda:GetAccountSettings",
)


class IotRegionSettings:
    """Reads any Region; a fault becomes an `Unreadable`, so that one call tells all that is wrong."""

    def __init__(self, client_of: Callable[[str, str], Any] = clients.client) -> None:
        self._client_of = client_of

    def supported(self) -> frozenset[str]:
        """Return the Regions that the SDK's own data gives AWS IoT Core, in every partition."""
        return iot_regions()

    def endpoint(self, region: str) -> str:
        """Return the address that devices of a Region connect to."""
        return _endpoint(self._client_of("iot", region))

    def enabled_events(self, region: str) -> frozenset[str]:
        """Return the families of registry events that are on in a Region."""
        return _enabled_events(self._client_of("iot", region))

    def indexing_mode(self, region: str) -> str:
        """Return how a Region indexes things, `OFF` among the modes."""
        return _indexing_mode(self._client_of("iot", region))

    def connectivity_mode(self, region: str) -> str:
        """Return how a Region indexes which things are connected, `OFF` among the modes."""
        answer = errors.call(self._client_of("iot", region).get_indexing_configuration)
        return str(answer.get("thingIndexingConfiguration", {}).get("thingConnectivityIndexingMode", "OFF"))

    def concurrency(self, region: str) -> int:
        """Return how many functions may run at once in a Region, those without reserved concurrency together."""
        return _concurrency(self._client_of("lambda", region))

    def read(self, region: str) -> IotRegion:
        """Read one Region's endpoint, event configurations, indexing mode and concurrent executions."""
        return IotRegion(
            endpoint=_told(lambda: self.endpoint(region)),
            enabled_events=_told(lambda: self.enabled_events(region)),
            indexing_mode=_told(lambda: self.indexing_mode(region)),
            concurrency=_told(lambda: self.concurrency(region)),
        )


def _told(read: Callable[[], Value]) -> Value | UnreadableValue:
    try:
        return read()
    except IotDrError as error:
        return UnreadableValue(str(error))


def _endpoint(iot: Any) -> str:
    # Data-ATS is the endpoint whose server certificate devices are told to trust; the older type is Symantec's.
    return str(errors.call(iot.describe_endpoint, endpointType="iot:Data-ATS")["endpointAddress"])


def _enabled_events(iot: Any) -> frozenset[str]:
    configurations = errors.call(iot.describe_event_configurations).get("eventConfigurations", {})
    return frozenset(family for family, setting in configurations.items() if setting.get("Enabled"))


def _indexing_mode(iot: Any) -> str:
    answer = errors.call(iot.get_indexing_configuration)
    return str(answer.get("thingIndexingConfiguration", {}).get("thingIndexingMode", "OFF"))


def _concurrency(functions: Any) -> int:
    # What is reserved for other functions is not to be had.
    return int(errors.call(functions.get_account_settings)["AccountLimit"]["UnreservedConcurrentExecutions"])
