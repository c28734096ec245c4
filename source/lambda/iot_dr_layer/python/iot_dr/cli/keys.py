"""A resource as it is named on the command line: the key that the ledger has for it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import click

from iot_dr.errors import EventError
from iot_dr.model.registry.keys import Key, Kind


class ResourceKey(click.ParamType[Key]):
    """A key of one of these kinds."""

    name = "key"

    def __init__(self, kinds: Collection[Kind] = tuple(Kind)) -> None:
        self._kinds = frozenset(kinds)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Key:
        """Read it, or refuse it with the forms that there are."""
        if isinstance(value, Key):
            return value
        try:
            key = Key.parse(str(value))
        except EventError:
            key = None
        if key is None or key.kind not in self._kinds:
            forms = ", ".join(f"{kind}#NAME" for kind in sorted(self._kinds))
            self.fail(f"{value!r} is none of {forms}", param, ctx)
        return key
