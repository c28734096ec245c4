"""The project's list of planted faults: one statement that is another, what a user would suffer, who must notice.

A table of a TOML file beside this module is a fault; its name says what a user would suffer. One that a user cannot
feel has the reason under `no_effect` instead of the tests that must notice it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.planted.copies import PACKAGE, ROOT

OUTSIDE = ("templates", "deployment")
"""Folders whose modules are named from the checkout; all others are named from the package."""


@dataclass(frozen=True)
class Fault:
    """One statement of a module, what becomes of it, and the tests that must notice."""

    name: str
    module: str
    statement: str
    replacement: str
    tests: tuple[str, ...] = ()
    no_effect: str = ""

    @property
    def path(self) -> Path:
        """Return where the module lies in a checkout."""
        outside = self.module.partition("/")[0] in OUTSIDE
        return Path(self.module) if outside else PACKAGE.relative_to(ROOT) / self.module

    def planted(self, text: str) -> str:
        """Return the module's text with the fault.

        Raises:
            ValueError: the text does not have the statement exactly once.
        """
        if (found := text.count(self.statement)) != 1:
            raise ValueError(f"{self.name}: {self.module} has this statement {found} times: {self.statement}")
        return text.replace(self.statement, self.replacement)


def all_faults() -> Iterator[Fault]:
    """Yield the whole list, ring by ring."""
    for path in sorted(Path(__file__).parent.glob("*.toml")):
        for name, fields in tomllib.loads(path.read_text(encoding="utf-8")).items():
            yield Fault(name, **fields | {"tests": tuple(fields.get("tests", ()))})
