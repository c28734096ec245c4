"""How commands print: tables, and times in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from iot_dr.cli.view.texts import visible
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.runtime.clock import utc_text

READABLE = 16
"""Columns below which a text of several words is not folded."""
INDENT = "  "
PIPE = 100_000
"""Columns of what is no terminal: nothing is folded there."""
_COLOURS = {"in_sync": "green", "pending": "yellow"}
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class Screen(Console):
    """A terminal or file to which texts are printed as they are: no brackets, smileys or control characters act."""

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield what is printed; control sequences are rich's own alone."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


class SafeTable(Table):
    """A table whose cells show what is in them, with room for it, and that breaks no word.

    Where there is no room, optional columns are left out; where that does not do, each row is a block of lines.
    """

    optional: tuple[str, ...] = ()
    """Headers of columns that may be left out, in that order."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines of the table, or of its blocks."""
        whole, room, left_out = self.columns, options.max_width, iter(self.optional)
        while (widths := self._widths(console, options, room)) is None and (header := next(left_out, None)) is not None:
            # Its number tells a column whether it is the last one.
            kept = (one for one in self.columns if one.header != header)
            self.columns = [replace(one, _index=number) for number, one in enumerate(kept)]
        if widths is None:
            self.columns = whole
            yield from self._blocks(room)
        else:
            self.columns = [replace(one, width=width) for one, width in zip(self.columns, widths, strict=True)]
            yield from super().__rich_console__(console, options)
        self.columns = whole

    def _widths(self, console: Console, options: ConsoleOptions, room: int) -> list[int] | None:
        """Return how wide each column is if no word is to be broken; None if there is no room for that."""
        wide = options.update_width(PIPE)
        needs, lines = [], []
        for column in self.columns:
            shown = [column.header] * self.show_header + [*column.cells]
            found = [console.measure(one, options=wide) for one in shown]
            lines.append(max([1, *(one.maximum for one in found)]))
            needs.append(max([min(lines[-1], READABLE), *(one.minimum for one in found)]))
        between = console.measure(self, options=wide).maximum - sum(lines)
        spare = room - between - sum(needs)
        wanted = [line - need for need, line in zip(needs, lines, strict=True)]
        if spare < 0:
            return None
        if spare >= sum(wanted):
            return lines
        return [need + spare * more // sum(wanted) for need, more in zip(needs, wanted, strict=True)]

    def _blocks(self, room: int) -> Iterator[Text]:
        """Yield each row as lines: what it is called, and the other cells below, with their headers."""
        titles = next((number for number, one in enumerate(self.columns, 1) if str(one.header)), 1)
        for cells in zip(*(column.cells for column in self.columns), strict=True):
            shown = [cell if isinstance(cell, Text) else Text(str(cell)) for cell in cells]
            title = Text("  ").join(one for one in shown[:titles] if one.plain)
            yield _folded(title, room)
            for column, cell in zip(self.columns[titles:], shown[titles:], strict=True):
                header = f"{column.header}: " if self.show_header and str(column.header) else ""
                for line in _folded(Text.assemble(header, cell), room - len(INDENT)).split() if cell.plain else ():
                    yield Text.assemble(INDENT, line)

    def add_row(self, *cells: RenderableType | None, **how: Any) -> None:
        """Add a row; a text with a control character loses what colours its parts."""
        super().add_row(*map(_safe, cells), **how)


def _folded(text: Text, room: int) -> Text:
    """Return a text in lines of at most that many columns; a word that is longer goes on below, behind a backslash."""
    lines: list[Text] = []
    for line in text.split():
        for word in line.split(" "):
            pieces = [word]
            while pieces[-1].cell_len > room:
                pieces[-1:] = pieces[-1].divide([max(1, room - 1)])
            signed = [*(Text.assemble(piece, "\\") for piece in pieces[:-1]), pieces[-1]]
            if lines and word is not line and lines[-1].cell_len + 1 + signed[0].cell_len <= room:
                lines[-1] = Text.assemble(lines[-1], " ", signed.pop(0))
            lines += signed
    return Text("\n").join(lines)


def _safe(cell: RenderableType | None) -> RenderableType | None:
    if isinstance(cell, Text):
        shown = visible(cell.plain)
        return cell if shown == cell.plain else Text(shown, style=cell.style)
    return Text(visible(cell)) if isinstance(cell, str) else cell


def console() -> Screen:
    """Return standard output: as wide as the terminal, or, in a pipe, so wide that names are found whole."""
    found = Screen()
    return found if found.is_terminal else Screen(width=PIPE)


def table(*columns: str, numbers: frozenset[str] = frozenset(), optional: tuple[str, ...] = ()) -> Table:
    """Return a table with a heading and nothing else drawn.

    `numbers` names columns that stand to the right, `optional` those that a narrow screen leaves out, in that order.
    """
    made = SafeTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    made.optional = optional
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made


def facts_table(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """Return names and what stands behind them, a line each."""
    made = SafeTable(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, value)
    return made


def iso(milliseconds: int | None) -> str | None:
    """Return a time as a script reads it.

    >>> iso(1_764_000_000_123)
    '2025-11-24T16:00:00.123Z'
    """
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(milliseconds: int | None, now: int) -> str:
    """Return a time as an operator reads it: the date, and how far away it is.

    >>> moment(1_764_000_000_000, 1_764_000_090_000)
    '2025-11-24 16:00:00 UTC, 1 min ago'
    >>> moment(1_764_000_090_000, 1_764_000_000_000)
    '2025-11-24 16:01:30 UTC, in 1 min'
    """
    if milliseconds is None:
        return "-"
    return f"{utc_text(milliseconds)}, {distance(milliseconds, now)}"


def distance(milliseconds: int | None, now: int) -> str:
    """Return how far away a time is, in its largest unit.

    >>> distance(0, 7_300_000), distance(500, 0), distance(None, 0)
    ('2 h ago', 'now', '-')
    """
    if milliseconds is None:
        return "-"
    seconds = abs(now - milliseconds) // 1000
    for unit, length in _UNITS:
        if seconds >= length:
            number = f"{seconds // length} {unit}"
            return f"{number} ago" if now > milliseconds else f"in {number}"
    return "now"


def item_as_json(item: LedgerItem) -> dict[str, Any]:
    """Return a ledger item for scripts."""
    return {
        "resource": str(item.key),
        "state": str(item.state) if item.state else "unknown",
        "reason": item.reason,
        "since": iso(item.since),
        "checked_at": iso(item.checked_at),
        "applied_at": iso(item.applied_at),
        "lag_ms": item.lag,
        "attempts": item.attempts,
        "next_attempt": iso(item.next_attempt),
        "event_id": item.event_id,
        "owned": item.owned,
    }


def state_text(state: str) -> Text:
    """Return a state in its colour."""
    return Text(state, style=_COLOURS.get(state, "red"))
