"""What each mend would be without it: reverts that the simulation must find a broken rule for.

A revert is a few texts of the package and what they were before, and a search that brings its story out soon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Edit:
    """A text of a module that stands there once, and what takes its place."""

    module: str
    text: str
    instead: str

    def apply(self, package: Path) -> None:
        """Change a copy of the package.

        Raises:
            LookupError: the module does not have the text once: the revert has to follow the code.
        """
        path = package / self.module
        found = path.read_text(encoding="utf-8")
        if found.count(self.text) != 1:
            raise LookupError(f"{self.module} does not have this once: {self.text}")
        path.write_text(found.replace(self.text, self.instead), encoding="utf-8")


@dataclass(frozen=True)
class Revert:
    """A mend taken back: its name, the edits, the rules of which one must break, and where to search for it."""

    name: str
    edits: tuple[Edit, ...]
    rules: tuple[str, ...]
    verbs: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    runs: int = 2_000
    """Seeds within which it must be found."""


EVENTS_ALONE = {"trail": True, "lost": 0.0, "sweeps": False, "syncs": ()}
"""Every change raises an event that arrives, and no sweep mends anything."""

REVERTS: tuple[Revert, ...] = (
    Revert(
        "a deletion is not confirmed by another reading",
        (Edit("services/replicate.py", "        case Delete():\n            return True\n", ""),),
        ("lie", "different"),
        ("replace policy", "replace certificate", "retire", "provision", "attach policy"),
        EVENTS_ALONE,
    ),
)
