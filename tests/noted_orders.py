"""A record of orders in memory, and what notes them there."""

from __future__ import annotations

from dataclasses import dataclass, field

from iot_dr.aws.request_ids import noting_requests
from iot_dr.errors import ConfigurationError
from iot_dr.model.sync.records import GivenOrder
from iot_dr.services.ordered import Ordering

NOW = 1_764_000_000_000


@dataclass
class NotedOrders:
    """`ports.OrderRecord` whose disk may be full; `said` is what an operator is told."""

    full: bool = False
    orders: list[GivenOrder] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def order(self, order: GivenOrder) -> None:
        if self.full:
            raise ConfigurationError("no space left")
        self.orders.append(order)

    def ordering(self) -> Ordering:
        """Return what notes orders here."""
        return Ordering(self, noting_requests, lambda: NOW, self.said.append)
