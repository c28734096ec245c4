"""Opens an account for a command: who asks, and clients that keep to the quotas of their Regions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from iot_dr.aws import clients, pacing
from iot_dr.aws.caller import caller
from iot_dr.runtime.budgets import budgets_of
from iot_dr.services.pacing import RegionCallBudgets, Use


@dataclass(frozen=True)
class AccountAccess:
    """An account as one caller sees it; Regions without `budgets` are called as fast as they answer."""

    account: str
    client_of: Callable[..., Any]
    budgets: Mapping[str, RegionCallBudgets]

    def paced(self, service: str, region: str, connections: int = clients.CONNECTIONS) -> Any:
        """Return a client of AWS IoT for so many threads; all of a Region share its budgets."""
        client = self.client_of(service, region, connections=connections)
        return pacing.paced(client, self.budgets[region]) if region in self.budgets else client

    def uses(self) -> Mapping[str, tuple[Use, ...]]:
        """Return what was made of the APIs' budgets so far, by Region."""
        return {region: budgets.uses() for region, budgets in self.budgets.items()}


def clients_of(profile: str) -> Callable[..., Any]:
    """Return what makes clients for a named profile, or for the environment's credentials if none is named.

    Raises:
        ConfigurationError: there is no such profile.
    """
    return partial(clients.client, session=clients.session(profile))


def open_account(client_of: Callable[..., Any], *regions: str, paced: bool) -> AccountAccess:
    """Open the account of whoever asks; the first of the Regions is asked first who that is.

    Raises:
        ConfigurationError: AWS refuses the credentials.
        RegionUnavailable: none of the Regions answers.
    """
    account = caller(regions, client_of).account
    return AccountAccess(
        account, client_of, {region: budgets_of(client_of, region) for region in regions} if paced else {}
    )
