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
    """A text of a module of the package that stands there once, and what takes its place."""

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
    runs: int = 8_000
    """Seeds within which it must be found."""
    size: int = 12
    """Operations of a run at most: a short story is sooner told."""


EVENTS_ALONE = {"trail": True, "lost": 0.0, "sweeps": False, "syncs": [], "shadows": False}
"""Every change raises an event that arrives, and no sweep mends anything."""

CALM = EVENTS_ALONE | {"fault_rate": 0.0, "doubled": 0.0, "refuses": False}
"""Nothing fails either: order alone."""

_REPLICATE = "services/replication/replicate.py"
_MARKS = "model/replication/marks.py"
_SWEEP = "services/sweep.py"

REVERTS: tuple[Revert, ...] = (
    Revert(
        "what hangs on a policy or group that comes is not checked",
        (
            Edit(
                _REPLICATE,
                "        self._note_far_ends(todo, work, self._ledger.gone(held) if held else frozenset())\n",
                "",
            ),
        ),
        ("far",),
        ("replace policy", "attach policy"),
        CALM | {"trail": False, "sweeps": True},
    ),
    Revert(
        "nothing is marked but what is written",
        (Edit(_REPLICATE, "below=_below(todo) | along | {work.key}", "below=()"),),
        ("lie", "different"),
        ("attach policy", "attach certificate"),
        CALM,
    ),
    Revert(
        "a write may rest on a reading that another request has overtaken",
        (Edit(_REPLICATE, "            began=work.began,\n            unless_gone=", "            unless_gone="),),
        ("lie", "different", "orphan", "evidence"),
        ("flip", "set attributes", "retire", "provision"),
        CALM,
    ),
    Revert(
        "a request that finds another's mark concludes all the same",
        (
            Edit(
                _MARKS,
                "return Certainty.UNSURE if others or self.closed_at >= began else Certainty.SURE",
                "return Certainty.SURE",
            ),
        ),
        ("lie", "different", "orphan"),
        ("attach policy", "attach certificate", "set attributes"),
        CALM,
    ),
    Revert(
        "a mark that was taken off during the reading counts for nothing",
        (Edit(_MARKS, "if others or self.closed_at >= began else", "if others else"),),
        ("lie", "different", "orphan"),
        ("attach policy",),
        CALM,
    ),
    Revert(
        "what waits is started again each minute",
        (
            Edit(
                _SWEEP,
                "put_off = self._together(lambda key: self._ledger.postpone(key, now), due)",
                "put_off = [True for _ in due]",
            ),
        ),
        ("storm", "restless"),
        ("provision", "retire", "set attributes"),
        EVENTS_ALONE | {"fault_rate": 0.3, "functions": 1},
    ),
    Revert(
        "a refused sweep starts nothing, revocations neither",
        (
            Edit(
                _SWEEP,
                "            refused = str(error)\n",
                "            return Swept(0, 0, 0, refused=str(error))\n",
            ),
        ),
        ("valid",),
        ("set status", "retire"),
        {
            "trail": False,
            "lost": 1.0,
            "sweeps": True,
            "careful": True,
            "fault_rate": 0.0,
            "shadows": False,
            "syncs": [],
        },
    ),
    Revert(
        "a thing without certificate waits for ever",
        (
            Edit(
                "services/replication/settling.py",
                "    return State.IN_SYNC, NO_POLICY_IN_SOURCE_EITHER if seen else NONE_IN_SOURCE_EITHER, True\n",
                "    return State.PENDING, NO_CERTIFICATE, True\n",
            ),
        ),
        ("pending",),
        ("provision", "attach certificate"),
        CALM,
    ),
    Revert(
        "who is in a group that goes is not read where its event told of the group alone",
        (
            Edit(
                "services/replication/scopes.py",
                " and self._depth is Depth.OWN and not self._goes(key):",
                " and self._depth is Depth.OWN:",
            ),
        ),
        ("leak", "different", "lie"),
        ("change group", "move member"),
        EVENTS_ALONE,
    ),
    Revert(
        "what a refusal leaves unmade stays owned",
        (Edit(_REPLICATE, "            self._ledger.disown(unmade, work.noted_at, work.mark, work.began)\n", ""),),
        ("leak",),
        ("attach refused", "provision"),
        {"trail": False, "refuses": True, "shadows": False, "fault_rate": 0.0},
    ),
    Revert(
        "pauses do not grow with the tries",
        (
            Edit(
                "aws/ledger/ledger.py",
                "return min(FIRST_PAUSE << min(attempts - 1, 20), longest)",
                "return FIRST_PAUSE",
            ),
        ),
        ("restless",),
        ("attach refused", "provision"),
        {"refuses": True, "shadows": False, "fault_rate": 0.0},
    ),
)
