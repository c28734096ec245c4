"""What a run has made in the account: written down before it is made, removed at the end, told if it stays."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

GONE = frozenset({"ResourceNotFoundException"})

PREFIX = "iot-dr-e2e-"
"""What the name of everything begins with that a run makes; nothing else is ever removed."""


class ForeignError(Exception):
    """Something that no run made is attached to it, so it may be somebody's."""


class Kind(enum.StrEnum):
    """What a run can make, in the order in which it is removed."""

    SHADOW = "shadow"
    THING = "thing"
    CERTIFICATE = "certificate"
    POLICY = "policy"
    THING_GROUP = "thing group"
    BILLING_GROUP = "billing group"
    THING_TYPE = "thing type"


@dataclass(frozen=True)
class Made:
    """One resource of a run; `shadow` is the name of a shadow, empty for the classic one."""

    kind: Kind
    region: str
    name: str
    shadow: str = ""

    def __str__(self) -> str:
        name = f"{self.name}/{self.shadow}" if self.shadow else self.name
        return f"{self.kind} {name} in {self.region}"


class Journal:
    """The file that names what a run has made, a line each, so that a killed run can be removed too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def note(self, made: Made) -> None:
        """Write it down; on the disk before this returns.

        Raises:
            ValueError: its name is none of a run, so that a run could not remove it again.
        """
        if made.kind is not Kind.CERTIFICATE and not made.name.startswith(PREFIX):
            raise ValueError(f"{made} does not begin with {PREFIX}")
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(made)) + "\n")

    def made(self) -> list[Made]:
        """What was written down, each once."""
        if not self.path.exists():
            return []
        lines = map(json.loads, self.path.read_text(encoding="utf-8").splitlines())
        return list(dict.fromkeys(Made(**{**line, "kind": Kind(line["kind"])}) for line in lines))


Clients = Callable[[str, str], Any]
"""A client by service and Region."""


class Removal:
    """Removes what a journal names, and finds out what is still there."""

    def __init__(self, clients: Clients, until: Callable[[Callable[[], bool], float], bool]) -> None:
        self._clients = clients
        self._until = until

    def remove(self, made: Sequence[Made], type_seconds: float = 330.0) -> Mapping[Made, str]:
        """Remove all of it; return what may still be there, each with the reason.

        `type_seconds`: how long a thing type is tried; AWS deletes one five minutes after its deprecation.
        """
        order = list(Kind)
        left: dict[Made, str] = {}
        for one in sorted(made, key=lambda made: order.index(made.kind)):
            patience = type_seconds if one.kind is Kind.THING_TYPE else 20.0
            reasons = [""]
            if not self._until(partial(self._removed, one, reasons), patience):
                left[one] = reasons[-1]
        return left

    def _removed(self, made: Made, reasons: list[str]) -> bool:
        try:
            _REMOVERS[made.kind](self._clients, made)
        except ClientError as error:
            reasons.append(str(error))
            return error.response["Error"]["Code"] in GONE
        except (BotoCoreError, ForeignError) as error:
            reasons.append(str(error))
            return False
        return True


def _remove_shadow(clients: Clients, made: Made) -> None:
    named = {"shadowName": made.shadow} if made.shadow else {}
    clients("iot-data", made.region).delete_thing_shadow(thingName=made.name, **named)


def _remove_thing(clients: Clients, made: Made) -> None:
    iot = clients("iot", made.region)
    for principal in _pages(iot, "list_thing_principals", "principals", thingName=made.name):
        iot.detach_thing_principal(thingName=made.name, principal=principal)
    iot.delete_thing(thingName=made.name)


def _remove_certificate(clients: Clients, made: Made) -> None:
    iot = clients("iot", made.region)
    arn = iot.describe_certificate(certificateId=made.name)["certificateDescription"]["certificateArn"]
    policies = [policy["policyName"] for policy in _pages(iot, "list_attached_policies", "policies", target=arn)]
    things = list(_pages(iot, "list_principal_things", "things", principal=arn))
    if foreign := [name for name in (*policies, *things) if not name.startswith(PREFIX)]:
        raise ForeignError(f"{', '.join(foreign)} is attached to it, which no run made")
    for policy in policies:
        iot.detach_policy(policyName=policy, target=arn)
    for thing in things:
        iot.detach_thing_principal(thingName=thing, principal=arn)
    iot.update_certificate(certificateId=made.name, newStatus="INACTIVE")
    iot.delete_certificate(certificateId=made.name)


def _remove_policy(clients: Clients, made: Made) -> None:
    iot = clients("iot", made.region)
    for target in _pages(iot, "list_targets_for_policy", "targets", policyName=made.name):
        iot.detach_policy(policyName=made.name, target=target)
    iot.delete_policy(policyName=made.name)


def _remove_thing_type(clients: Clients, made: Made) -> None:
    iot = clients("iot", made.region)
    if not iot.describe_thing_type(thingTypeName=made.name)["thingTypeMetadata"]["deprecated"]:
        iot.deprecate_thing_type(thingTypeName=made.name)
    iot.delete_thing_type(thingTypeName=made.name)


_REMOVERS: Mapping[Kind, Callable[[Clients, Made], None]] = {
    Kind.SHADOW: _remove_shadow,
    Kind.THING: _remove_thing,
    Kind.CERTIFICATE: _remove_certificate,
    Kind.POLICY: _remove_policy,
    Kind.THING_GROUP: lambda clients, made: clients("iot", made.region).delete_thing_group(thingGroupName=made.name),
    Kind.BILLING_GROUP: lambda clients, made: clients("iot", made.region).delete_billing_group(
        billingGroupName=made.name
    ),
    Kind.THING_TYPE: _remove_thing_type,
}


def _pages(client: Any, operation: str, field: str, **request: str) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**request):
        yield from page[field]
