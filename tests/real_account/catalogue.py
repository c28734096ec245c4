"""All that is only believed of AWS, and the page that lists it: docs/real-account.md."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from tests.real_account import by_hand, certificates, devices, launches, provisioning, registry, shadows
from tests.real_account.crossing import SCENARIOS
from tests.real_account.doubts import Doubt

PAGE = Path(__file__).parents[2] / "docs" / "real-account.md"
BEGIN, END = "<!-- begin: made by python -m tests.real_account --page -->", "<!-- end -->"
_WIDTH = 118

DOUBTS: tuple[Doubt, ...] = (
    *certificates.DOUBTS,
    *registry.DOUBTS,
    *shadows.DOUBTS,
    *devices.DOUBTS,
    *provisioning.DOUBTS,
    *launches.DOUBTS,
    *by_hand.DOUBTS,
)


def rendered(page: str) -> str:
    """Return the page with the lists that this module has now."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{_lists()}\n{END}{after}"


def _lists() -> str:
    tried = [doubt for doubt in DOUBTS if doubt.probe]
    parts = {
        f"What the command tries by itself: {len(tried)}": map(_item, tried),
        "What only a person can settle": map(_item, by_hand.DOUBTS),
        "Scenarios on a launch": (_filled(f"- **{one.name}**: {one.holds}") for one in SCENARIOS),
    }
    return "\n\n".join(f"## {heading}\n\n{''.join(items).rstrip()}" for heading, items in parts.items()) + "\n"


def _item(doubt: Doubt) -> str:
    launch = " Needs a launch." if doubt.needs_launch else ""
    return "".join(
        (
            _filled(f"- **{doubt.name}**: {doubt.believed}{launch}"),
            _filled(f"  *Settled by:* {doubt.settled_by}."),
            _filled(f"  *If not:* {doubt.otherwise}"),
        )
    )


def _filled(text: str) -> str:
    indent = "  "
    return "\n".join(textwrap.wrap(text, _WIDTH, subsequent_indent=indent, break_on_hyphens=False)) + "\n"


def chosen(names: list[str], *, launched: bool) -> Iterator[Doubt]:
    """Yield the doubts that a run tries: those of these names, or all that this account can tell of."""
    for doubt in DOUBTS:
        if doubt.probe and (doubt.name in names or (not names and (launched or not doubt.needs_launch))):
            yield doubt
