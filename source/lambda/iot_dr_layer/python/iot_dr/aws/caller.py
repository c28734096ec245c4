"""Who asks, and what time it is for AWS: one call that needs no right and comes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from iot_dr.aws import clients, errors
from iot_dr.errors import AccessDenied, ConfigurationError, RegionUnavailable


@dataclass(frozen=True)
class Caller:
    """The account behind the credentials, and AWS's time in epoch milliseconds as its answer told it."""

    account: str
    answered_at: int | None = None


def caller(regions: Sequence[str], client_of: Callable[[str, str], Any] = clients.client) -> Caller:
    """Return who asks, from the first Region that answers.

    Raises:
        ConfigurationError: AWS refuses the credentials, or there are none.
        RegionUnavailable: none of the Regions answers.
    """
    *others, last = regions
    for region in others:
        try:
            return _asked(client_of("sts", region))
        except RegionUnavailable:
            continue
    return _asked(client_of("sts", last))


def _asked(client: Any) -> Caller:
    try:
        answer = client.get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        refused = errors.convert(error)
        if isinstance(refused, AccessDenied):
            raise ConfigurationError(str(refused)) from error
        raise refused from error
    return Caller(answer["Account"], _told_time(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})))


def _told_time(headers: Mapping[str, str]) -> int | None:
    """Return the time of the answer; HTTP tells whole seconds."""
    date = headers.get("date")
    return int(parsedate_to_datetime(date).timestamp() * 1000) if date else None
