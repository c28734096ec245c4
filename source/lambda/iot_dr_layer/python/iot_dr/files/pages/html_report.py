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
from iot_dr.files.pages.report_page import SCRIPT, STYLE
from iot_dr.files.private import opened_to_write
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


@dataclass(frozen=True)
class Report:
    """What the page says beside the differences themselves; times are texts, calls are by Region and API.

    `release` is the one that made the page.
    """

    primary: str
    secondary: str
    began: str
    ended: str
    numbers: Mapping[Kind, Numbers]
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    account: str = ""
    release: str = ""

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
    yield f'<p class="note">Account {escape(report.account)}, verified by release {escape(report.release)}.</p>\n'
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
    keys = (f'<span class="legend"><i class="key {name}"></i>{name}</span> ' for name in WORDS.values())
    return f'<p class="note">Share of each kind:{"".join(keys)}</p>'


def _plot_of_kinds(kinds: Mapping[Kind, Numbers]) -> str:
    rows = []
    for kind, numbers in kinds.items():
        whole = max(1, sum(numbers.sigils.values()))
        counts = ((name, numbers.sigils.get(sigil, 0)) for sigil, name in WORDS.items())
        # One difference among millions is to be seen too.
        bars = (_bar(name, 100 * number / whole, f"{number:,} {name}") for name, number in counts if number)
        rows.append(_row(kind.replace("_", " "), "".join(bars)))
    return _plot("Resources by kind and result", rows)


def _plot_of_calls(calls: Mapping[str, Mapping[str, int]]) -> str:
    made = [(f"{region}  {api}", number) for region, each in calls.items() for api, number in sorted(each.items())]
    most = max((number for _, number in made), default=1)
    rows = [_row(name, _bar("same", 90 * number / most, f"{number:,}"), f"{number:,}") for name, number in made]
    return _plot("Calls by Region and API", rows)


def _plot(title: str, rows: Sequence[str]) -> str:
    return f'<div class="plot" role="img" aria-label="{title}">{"".join(rows)}</div>'


def _row(label: str, bars: str, number: str = "") -> str:
    told = f'<span class="count">{number}</span>' if number else ""
    return f'<div class="row"><span class="label">{escape(label)}</span><span class="bars">{bars}{told}</span></div>'


def _bar(name: str, percent: float, title: str) -> str:
    return f'<i class="bar {name}" style="width:{percent:.2f}%" title="{title}"></i>'


def _table_of_kinds(kinds: Mapping[Kind, Numbers]) -> str:
    heads = ("primary", "secondary", *(f"{sigil} {name}" for sigil, name in WORDS.items()))
    lines = ["<table><thead><tr><th>kind</th>", *(f'<th class="number">{head}</th>' for head in heads), "</tr></thead>"]
    for kind, numbers in kinds.items():
        counts = (numbers.source, numbers.target, *(numbers.sigils.get(sigil, 0) for sigil in WORDS))
        # A phone shows each cell in a line of its own, with what its column is called.
        named = zip(heads, counts, strict=True)
        cells = "".join(f'<td class="number" data-label="{head}">{count:,}</td>' for head, count in named)
        lines.append(f'<tr><td class="head">{kind.replace("_", " ")}</td>{cells}</tr>')
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
