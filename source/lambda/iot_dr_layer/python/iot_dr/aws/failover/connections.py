"""Who is connected to a Region: counted and listed by its index of things, ended by its data plane.

https://docs.aws.amazon.com/iot/latest/developerguide/managing-fleet-index.html
https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_DeleteConnection.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from iot_dr.aws.errors import call, converted, read
from iot_dr.aws.registry.selected_things import HITS
from iot_dr.errors import IotDrError, NotReadyYet, TerminalError
from iot_dr.model.status.fleets import FleetSize

REQUIRED_ACTIONS_TO_COUNT = frozenset({"iot:GetStatistics", "iot:SearchIndex"})
"""What counting needs in both Regions; without the first, pages of the second are counted."""

REQUIRED_ACTIONS_TO_END = frozenset({"iot:DeleteConnection", "iot:SearchIndex"})
"""What ending connections needs in the Region that no longer leads."""

REQUIRED_ACTIONS_FOR_PACE = frozenset({"servicequotas:ListServiceQuotas"})
"""What reading the quota of connecting needs in the Region that leads."""

CONNECTED = "connectivity.connected:true"

COUNTED_PAGES = 100
"""How far connections are counted by their list where the index does not count them: 10,000."""

CONNECTS = 500.0
"""CONNECT requests a second that every account may make at least; most Regions of AWS IoT allow 3,000.

https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
"""

_SERVICE = "iotcore"
_QUOTA = "Connect requests per second per account"


class IotConnections:
    """`ports.Connections` of one Region, over its `iot` and `iot-data` clients."""

    def __init__(self, client: Any, data: Any) -> None:
        self._client, self._data = client, data

    def number(self) -> FleetSize:
        """Count who is connected: by one call, else by the list as far as it takes no minute."""
        try:
            answer = call(self._client.get_statistics, queryString=CONNECTED)
            return FleetSize(int(answer["statistics"]["count"]))
        except (NotReadyYet, TerminalError):
            return self._counted()

    def clients(self) -> Iterator[str]:
        """Yield the client IDs of those that are connected."""
        for page in self._pages():
            # Where the index tells no client ID, it is the thing's name: by that the index finds it.
            yield from (one.get("connectivity", {}).get("clientId") or one["thingName"] for one in page)

    def end(self, client: str) -> bool:
        """End a client's connection; its session is kept and its will is not sent."""
        ended = read(self._data.delete_connection, clientId=client, cleanSession=False, preventWillMessage=True)
        return ended is not None

    def _counted(self) -> FleetSize:
        things = 0
        for number, page in enumerate(self._pages(), 1):
            things += len(page)
            if number == COUNTED_PAGES:
                return FleetSize(things, exact=False)
        return FleetSize(things)

    def _pages(self) -> Iterator[list[dict[str, Any]]]:
        following: dict[str, str] = {}
        while True:
            # The SDK has no paginator for this call.
            answer = call(self._client.search_index, queryString=CONNECTED, maxResults=HITS, **following)
            yield answer.get("things", [])
            token = answer.get("nextToken")
            if not token:
                return
            following = {"nextToken": token}


def connects_per_second(client: Any) -> tuple[float, str]:
    """Return how many CONNECTs a second a Region takes, over a `service-quotas` client, and why it is a default."""
    pages = client.get_paginator("list_service_quotas").paginate(ServiceCode=_SERVICE)
    try:
        with converted():
            for page in pages:
                for quota in page["Quotas"]:
                    if quota["QuotaName"] == _QUOTA:
                        return float(quota["Value"]), ""
    except IotDrError as error:
        return CONNECTS, str(error)
    return CONNECTS, "Service Quotas does not list it"
