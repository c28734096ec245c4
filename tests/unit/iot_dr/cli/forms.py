"""Holds what commands print for scripts to the forms that are published."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from docs.schemas import FORMS, SCHEMAS

TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def faults(value: Any, schema: Mapping[str, Any], where: str = "$") -> list[str]:
    """Return what of a value is not as its schema says, as far as our schemas say anything."""
    if "anyOf" in schema:
        return min((faults(value, one, where) for one in schema["anyOf"]), key=len)
    if "const" in schema and value != schema["const"]:
        return [f"{where} is {value!r}, not {schema['const']!r}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where} is {value!r}, none of {schema['enum']}"]
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (kind in ("integer", "number") and isinstance(value, bool))):
        return [f"{where} is {type(value).__name__}, not {kind}"]
    return list(_faults_inside(value, schema, where))


def _faults_inside(value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    if isinstance(value, list):
        for at, one in enumerate(value):
            yield from faults(one, schema.get("items", {}), f"{where}[{at}]")
    if not isinstance(value, dict):
        return
    yield from (f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value)
    known, more = schema.get("properties", {}), schema.get("additionalProperties", {})
    for name, held in value.items():
        if name not in known and more is False:
            yield f"{where}.{name} is not in the form"
        else:
            yield from faults(held, known.get(name, more), f"{where}.{name}")


def answer_faults(command: str, printed: str) -> list[str]:
    """Return what of a command's answer is in none of its forms; verify answers in lines."""
    answers = printed.splitlines() if command == "verify" else [printed]
    found = [_faults_of(command, json.loads(one)) for one in answers]
    return [fault for one in found for fault in one]


def _faults_of(command: str, answer: Any) -> list[str]:
    return min((faults(answer, SCHEMAS[name]) for name in FORMS[command]), key=len)


def error_faults(line: str) -> list[str]:
    """Return what of a line on standard error is not as an error is told."""
    return faults(json.loads(line), SCHEMAS["error"])
