"""Settings that are not replicated but needed after a switch: compared by name, as the secondary would have them.

Only what is a Region by grammar is moved before comparing: the Region field of ARNs, and the Region in the host name of
a service's URL.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from iot_dr.errors import InvalidResource
from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.arns import Arn


class Family(enum.StrEnum):
    """What an account keeps per Region beside its registry, by the noun that AWS's documentation uses."""

    CA_CERTIFICATES = "CA certificates"
    ROLE_ALIASES = "role aliases"
    PROVISIONING_TEMPLATES = "provisioning templates"
    AUTHORIZERS = "authorizers"
    TOPIC_RULES = "topic rules"
    DOMAIN_CONFIGURATIONS = "domain configurations"
    JOB_TEMPLATES = "job templates"
    RETAINED_MESSAGES = "retained messages"


Settings = Mapping[str, Mapping[str, Any]]
"""The compared fields of each resource of one family, by name, as plain JSON values."""


@dataclass(frozen=True)
class Parity:
    """How the secondary stands beside the primary: what is alike, missing, and different in which fields."""

    alike: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    different: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Tell whether the secondary lacks nothing."""
        return not self.missing and not self.different


def parity(primary: Settings, secondary: Settings, regions: RegionPair) -> Parity:
    """Compare what the primary has; what the secondary has besides is its own business."""
    different = {
        name: fields
        for name, wanted in primary.items()
        if name in secondary and (fields := _differing(moved(opened(wanted), regions), opened(secondary[name])))
    }
    missing = primary.keys() - secondary.keys()
    return Parity(frozenset(primary.keys() - missing - different.keys()), frozenset(missing), different)


OF_ONE_REGION = frozenset({"bucketName"})
"""Members that cannot be equal in two Regions: the name of a bucket is unique in the world."""


def opened(value: Any) -> Any:
    """Return a JSON value as it is compared.

    Texts that are JSON objects, as documents are, have become those objects; what belongs to one Region is left out.
    """
    match value:
        case dict():
            return {name: opened(one) for name, one in value.items() if name not in OF_ONE_REGION}
        case list():
            return [opened(one) for one in value]
        case str() if value.lstrip().startswith("{"):
            try:
                return opened(json.loads(value))
            except ValueError:
                return value
        case _:
            return value


def moved(value: Any, regions: RegionPair) -> Any:
    """Return a JSON value with every ARN and service URL of the primary moved to the secondary."""
    match value:
        case dict():
            return {name: moved(one, regions) for name, one in value.items()}
        case list():
            return [moved(one, regions) for one in value]
        case str():
            return _moved_url(_moved_arn(value, regions), regions)
        case _:
            return value


def _differing(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)))


def _moved_arn(text: str, regions: RegionPair) -> str:
    try:
        arn = Arn.parse(text)
    except InvalidResource:
        return text
    return str(arn.moved_to(regions.secondary, arn.account)) if arn.region == regions.primary else text


def _moved_url(text: str, regions: RegionPair) -> str:
    if not text.startswith("https://"):
        return text
    url = urlsplit(text)
    labels = [regions.secondary if label == regions.primary else label for label in url.netloc.split(".")]
    return urlunsplit(url._replace(netloc=".".join(labels)))
