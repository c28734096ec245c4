"""Tells a run as a timeline, trimmed to what touches the keys that a rule was broken about."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from iot_dr.errors import IotDrError
from iot_dr.model.events.registry_events import RegistryEvent
from iot_dr.model.registry.changes import Create, Delete, Update
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Key
from iot_dr.model.replication.marks import Mark
from iot_dr.model.replication.messages import Delivery, RequestMessage
from iot_dr.model.replication.outcomes import Outcome
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.reconcile.plan import differing_fields
from tests.builders import a_certificate_id
from tests.simulation.customers import OWNERS
from tests.simulation.scheduler import START

_SHORT = {a_certificate_id(owner): owner for owner in OWNERS}
_IDS = re.compile("|".join(_SHORT))


def timeline(lines: Iterable[Any], keys: Iterable[Key], last: int = 400) -> Iterator[str]:
    """Yield the lines that name one of these keys, or an end of one; all lines if there are no keys."""
    names = {part for key in keys for part in (key.name, key.other.partition("/")[2] or key.other) if part}
    wanted = {_SHORT.get(name, name) for name in names}
    told = [text for line in lines if _concerns(line, wanted, text := _line(line))]
    if len(told) > last:
        yield f"… {len(told) - last} lines before"
    yield from told[-last:]


def _concerns(line: Any, wanted: Collection[str], text: str) -> bool:
    return not wanted or line.who == "leadership" or any(name in text for name in wanted)


def _line(line: Any) -> str:
    seconds = (line.at - START) / 1000
    about = " ".join(_value(one) for one in line.about)
    answer = "" if line.answer is None or line.answer == "" else f" -> {_value(line.answer)}"
    return f"{seconds:12.3f}  {line.who:<12} {line.what:<26} {about}{answer}"


def _value(value: Any) -> str:
    return _IDS.sub(lambda found: _SHORT[found[0]], _text(value))


def _text(value: Any) -> str:  # noqa: C901, PLR0911, PLR0912  # one form a type
    match value:
        case Create(desired=desired):
            return f"+ {_entity(desired)}"
        case Delete():
            return f"- {value.key}"
        case Update(desired=desired, actual=actual):
            fields = differing_fields(desired, actual)
            return f"* {value.key} " + ", ".join(f"{name}={_field(desired, name)}" for name in fields)
        case Outcome():
            return f"{value.key} {value.state}{' again' if value.again else ''} {value.reason[:60]}"
        case RegistryEvent():
            return f"{value.operation} {value.key}"
        case RequestMessage():
            return f"{'background ' if value.background else ''}message {_text(value.requests)}"
        case Delivery():
            return f"{_text(value.message)}, handed out {value.receives} times"
        case ReconcileRequest():
            return f"request {value.key} {value.depth}"
        case IotDrError():
            return f"{type(value).__name__}: {value}"
        case Key():
            return str(value)
        case frozenset() | set():
            return "{" + ", ".join(sorted(map(_text, value))) + "}"
        case tuple() | list():
            return "(" + ", ".join(map(_text, value)) + ")"
        case Mark(token=token, keys=keys):
            return f"mark {token} at {_text(keys)}"
        case Iterator():
            return "a list"
        case _ if callable(value):
            return "whom to tell"
        case _ if hasattr(value, "key"):
            return _entity(value)
        case _:
            return str(value)


def _field(entity: Entity, name: str) -> str:
    text = str(getattr(entity, name))
    return text if len(text) < 60 else f"…{text[-90:-40]}"


def _entity(entity: Any) -> str:
    fields = {name: _field(entity, name) for name, field in type(entity).__dataclass_fields__.items() if field.compare}
    shown = ", ".join(f"{name}={text}" for name, text in fields.items() if text not in ("", "{}", "()", "False"))
    version = getattr(entity, "version", "")
    return f"{entity.key} ({shown}{f', version {version}' if version else ''})"
