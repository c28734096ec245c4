"""Writes what a verification found as one page that needs nothing else: counts, plots, and a table to search.

The rows are written as they come, one JSON text a line, and drawn by the page as far as one scrolls: neither writing
nor opening it takes more memory than the text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from iot_dr.files.faults import disk_errors
from iot_dr.files.private import opened_to_write
from iot_dr.files.report_page import SCRIPT, STYLE
from iot_dr.model.registry.differences import NotedDifference, Numbers, Sigil
from iot_dr.model.registry.field_changes import DOCUMENT, FieldChange, document_diff
from iot_dr.model.registry.keys import Kind
from iot_dr.model.words import counted

WORDS: Mapping[Sigil, str] = {
    Sigil.SAME: "same",
    Sigil.MISSING: "missing",
    Sigil.SURPLUS: "surplus",
    Sigil.DIFFERENT: "different",
    Sigil.UNREADABLE: "unreadable",
}

_WIDTH, _LABEL, _BAR, _STEP = 900, 210, 18, 28
"""Pixels of a plot: the whole, the names, and each bar with and without what is between."""


@dataclass(frozen=True)
class Report:
    """What the page says beside the differences themselves; times are texts, calls are by Region and API."""

    primary: str
    secondary: str
    began: str
    ended: str
    numbers: Mapping[Kind, Numbers]
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def differing(self) -> int:
        """Return how many resources differ or could not be read."""
        return sum(numbers.differing for numbers in self.numbers.values())


def write_report(path: Path, report: Report, rows: Iterable[NotedDifference]) -> None:
    """Write the page.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    with disk_errors(path, "another file by --report"), opened_to_write(path) as page:
        page.writelines(_page(report, rows))


def _page(report: Report, rows: Iterable[NotedDifference]) -> Iterator[str]:
    title = f"{escape(report.primary)} and {escape(report.secondary)}"
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>Verification of {title}</title>\n<style>{STYLE}</style></head>\n<body>\n"
    yield f"<h1>{title}</h1>\n"
    yield from _verdict(report)
    yield f"<h2>By kind</h2>\n{_legend()}\n{_plot_of_kinds(report.numbers)}\n{_table_of_kinds(report.numbers)}\n"
    if report.calls:
        yield f"<details><summary>Calls to AWS</summary>\n{_plot_of_calls(report.calls)}\n</details>\n"
    yield from _differences(report, rows)
    yield f"<script>{SCRIPT}</script>\n</body></html>\n"


def _verdict(report: Report) -> Iterator[str]:
    differing = report.differing
    word, text = (
        ("differs", counted(differing, "difference")) if differing else ("equal", "Both Regions hold the same.")
    )
    yield f'<p class="verdict {word}">{text}</p>\n'
    yield f'<p class="note">Read from {escape(report.began)} to {escape(report.ended)}.</p>\n'
    for note in report.notes:
        yield f'<p class="note">{escape(note)}</p>\n'
    yield '<ul class="cards">'
    for sigil, name in WORDS.items():
        number = sum(numbers.sigils.get(sigil, 0) for numbers in report.numbers.values())
        yield f"<li><b>{number:,}</b>{sigil} {name}</li>"
    yield "</ul>\n"


def _legend() -> str:
    keys = (f'<span class="key" style="background:var(--{name})"></span>{name}' for name in WORDS.values())
    return f'<p class="note">Share of each kind:{"".join(keys)}</p>'


def _plot_of_kinds(kinds: Mapping[Kind, Numbers]) -> str:
    bars = []
    for row, (kind, numbers) in enumerate(kinds.items()):
        whole, x = max(1, sum(numbers.sigils.values())), float(_LABEL)
        bars.append(_label(row, kind.replace("_", " ")))
        for sigil, name in WORDS.items():
            number = numbers.sigils.get(sigil, 0)
            if number:
                # One difference among millions is to be seen too.
                width = max(2.0, (_WIDTH - _LABEL - 10) * number / whole)
                bars.append(_bar(row, x, width, name, f"{number:,} {name}"))
                x += width
    return _plot(len(kinds), "Resources by kind and result", bars)


def _plot_of_calls(calls: Mapping[str, Mapping[str, int]]) -> str:
    rows = [(f"{region}  {api}", number) for region, made in calls.items() for api, number in sorted(made.items())]
    most = max((number for _, number in rows), default=1)
    bars = []
    for row, (name, number) in enumerate(rows):
        width = max(1.0, (_WIDTH - 2 * _LABEL - 90) * number / most)
        bars += [_label(row, name), _bar(row, 2 * _LABEL - 70, width, "same", f"{number:,}")]
        bars.append(f'<text x="{2 * _LABEL - 64 + width:.0f}" y="{row * _STEP + 14}">{number:,}</text>')
    return _plot(len(rows), "Calls by Region and API", bars)


def _plot(rows: int, title: str, parts: Sequence[str]) -> str:
    height = rows * _STEP
    return (
        f'<svg role="img" aria-label="{title}" viewBox="0 0 {_WIDTH} {height}" width="100%" '
        f'style="max-width:{_WIDTH}px">{"".join(parts)}</svg>'
    )


def _label(row: int, text: str) -> str:
    return f'<text x="0" y="{row * _STEP + 14}">{escape(text)}</text>'


def _bar(row: int, x: float, width: float, name: str, title: str) -> str:
    place = f'x="{x:.1f}" y="{row * _STEP}" width="{width:.1f}" height="{_BAR}"'
    return f'<rect class="{name}" {place}><title>{title}</title></rect>'


def _table_of_kinds(kinds: Mapping[Kind, Numbers]) -> str:
    heads = ("primary", "secondary", *(f"{sigil} {name}" for sigil, name in WORDS.items()))
    lines = ["<table><thead><tr><th>kind</th>", *(f'<th class="number">{head}</th>' for head in heads), "</tr></thead>"]
    for kind, numbers in kinds.items():
        counts = (numbers.source, numbers.target, *(numbers.sigils.get(sigil, 0) for sigil in WORDS))
        cells = "".join(f'<td class="number">{count:,}</td>' for count in counts)
        lines.append(f"<tr><td>{kind.replace('_', ' ')}</td>{cells}</tr>")
    return "".join(lines) + "</table>"


def _differences(report: Report, rows: Iterable[NotedDifference]) -> Iterator[str]:
    sigils = "".join(
        f'<option value="{sigil}">{sigil} {name}</option>' for sigil, name in WORDS.items() if sigil != "="
    )
    kinds = "".join(f'<option value="{kind}">{kind.replace("_", " ")}</option>' for kind in report.numbers)
    yield (
        '<h2>Differences</h2>\n<div class="controls"><input id="search" type="search" aria-label="Search" '
        'placeholder="Search names and reasons"><select id="sigil" aria-label="Result"><option value="">all results'
        f'</option>{sigils}</select><select id="kind" aria-label="Kind"><option value="">all kinds</option>{kinds}'
        '</select></div>\n<p class="note" id="shown"></p>\n<table><thead><tr><th></th><th>kind</th><th>resource</th>'
        '<th>reason</th></tr></thead><tbody id="found"></tbody></table>\n'
        '<button id="more" type="button" hidden>More</button>\n<script id="rows" type="application/x-ndjson">\n'
    )
    for one in rows:
        name = f"{one.key.name} {one.key.other}".rstrip()
        told = [one.sigil, one.key.kind, name, one.reason, "\n".join(map(_field, one.fields))]
        # A text that ends the script would end it in a browser, whatever it is part of.
        yield json.dumps(told, ensure_ascii=False).replace("<", "\\u003c") + "\n"
    yield "</script>\n"


def _field(change: FieldChange) -> str:
    """Return a field that differs with both values, or the diff of a document."""
    if change.name == DOCUMENT and None not in (change.old, change.new):
        return "\n".join(document_diff(change, "secondary", "primary"))
    primary, secondary = ("has none" if value is None else value for value in (change.new, change.old))
    return f"{change.name}: primary {primary}, secondary {secondary}"
