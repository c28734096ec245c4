"""Writes a drill as one page that needs nothing else, with its JSON inside, and beside it for the next drill."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path

from iot_dr.files.faults import disk_errors
from iot_dr.files.pages import drill_plots as plots
from iot_dr.files.pages.report_page import STYLE
from iot_dr.files.private import opened_to_write
from iot_dr.model.drill.documents import earlier_summary, text_of
from iot_dr.model.drill.fleet import FleetFindings
from iot_dr.model.drill.results import DrillResult, Leg
from iot_dr.model.drill.verdicts import compared, is_met, judgements, summary

ELSEWHERE = "another file by --report"

_STYLE = """
:root { --region0: #2563eb; --region1: #d97706; --phase0: #64748b; --phase1: #0891b2; --phase2: #a16207;
  --phase3: #be185d; --bad: #b91c1c; --doubled: #7c3aed;
  --reordered: #15803d; }
@media (prefers-color-scheme: dark) { :root { --region0: #60a5fa; --region1: #fbbf24; --phase0: #94a3b8;
  --phase1: #22d3ee; --phase2: #eab308; --phase3: #f472b6; --bad: #f87171; --doubled: #c4b5fd;
  --reordered: #4ade80; } }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
.row { display: grid; grid-template-columns: 7.5rem 1fr 4.5rem; gap: .5rem; align-items: center;
  break-inside: avoid; margin: 1px 0; }
.row svg { display: block; width: 100%; height: 12px; background: var(--soft); border-radius: 2px; }
.row.tall svg { height: 90px; } .label { font-size: .8rem; overflow-wrap: anywhere; line-height: 1.1; }
.value { font-size: .8rem; text-align: right; font-variant-numeric: tabular-nums; line-height: 1.1; }
.phases .row, .wide .row { grid-template-columns: 7.5rem 1fr 10rem; } .keys span.pair { white-space: nowrap; }
.cards li { flex: 1 1 7rem; }
.ticks { display: flex; justify-content: space-between; font-size: .75rem; opacity: .8; }
.limit { stroke: var(--bad); stroke-width: 2; stroke-dasharray: 8 6; vector-effect: non-scaling-stroke; }
.mark { opacity: .55; } .bad-text, .missed { color: var(--bad); } .met { color: var(--missing); }
.region0 { fill: var(--region0); } .region1 { fill: var(--region1); } .bad { fill: var(--bad); }
.phase0 { fill: var(--phase0); } .phase1 { fill: var(--phase1); } .phase2 { fill: var(--phase2); }
.phase3 { fill: var(--phase3); } .doubled { fill: var(--doubled); } .reordered { fill: var(--reordered); }
.key.region0 { background: var(--region0); } .key.region1 { background: var(--region1); }
.key.bad { background: var(--bad); } .key.doubled { background: var(--doubled); }
.key.reordered { background: var(--reordered); }
.key.phase0 { background: var(--phase0); } .key.phase1 { background: var(--phase1); }
.key.phase2 { background: var(--phase2); } .key.phase3 { background: var(--phase3); }
.scroll { overflow-x: auto; } li { margin: .2rem 0; }
@media (max-width: 40rem) { body { padding: .8rem; } th, td { padding: .25rem .3rem; font-size: .85rem; }
  .row { grid-template-columns: 4rem 1fr 3.2rem; gap: .3rem; } .keys span.pair { white-space: normal; }
  .phases .row, .wide .row { grid-template-columns: 4rem 1fr 5.2rem; } }
@media print { * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } body { max-width: none; } }
"""


def write_drill_report(path: Path, result: DrillResult, earlier: Mapping[str, float]) -> None:
    """Write the page, and its JSON into a file of the same name with `.json` at its end.

    Raises:
        ConfigurationError: a file cannot be written.
    """
    text = text_of(result)
    with disk_errors(path, ELSEWHERE), opened_to_write(path) as page:
        page.writelines(_page(result, earlier, text))
    beside = path.with_name(f"{path.name}.json")
    with disk_errors(beside, ELSEWHERE), opened_to_write(beside) as file:
        file.write(text + "\n")


def read_earlier(path: Path) -> Mapping[str, float]:
    """Return the numbers of an earlier drill; raises what `earlier_summary` does, and if the file cannot be read."""
    with disk_errors(path, "the file of an earlier drill by --against"):
        text = path.read_text(encoding="utf-8")
    return earlier_summary(text, str(path))


def _page(result: DrillResult, earlier: Mapping[str, float], text: str) -> Iterator[str]:
    title = f"Drill: {escape(result.primary)} to {escape(result.secondary)} and back"
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>{title}</title>\n<style>{STYLE}{_STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n"
    yield from _verdict(result)
    for leg in result.legs:
        yield from _way(leg, result)
    yield "<h2>What each name server answered</h2>\n"
    regions = {"region0": result.primary, "region1": result.secondary}
    yield plots.legend({**regions, "bad": "no answer; in the rows below, what sent devices away"})
    yield from _group("wide", plots.answers(result))
    yield "<h2>Connections a second</h2>\n"
    yield from plots.reconnects(result)
    yield "<h2>Messages by their numbers</h2>\n"
    yield plots.legend({**regions, "bad": "lost", "doubled": "came twice", "reordered": "out of order"})
    yield from plots.strips(result)
    yield from _rest(result, earlier)
    # A text that ends the script would end it in a browser, whatever it is part of.
    yield f'<script id="drill" type="application/json">{text.replace("<", chr(92) + "u003c")}</script>\n'
    yield "</body></html>\n"


def _verdict(result: DrillResult) -> Iterator[str]:
    word, text = ("equal", "Objectives met") if is_met(result) else ("differs", "Objectives missed")
    yield f'<p class="verdict {word}"><b>{text}</b></p>\n'
    yield (
        f'<p class="note">{escape(result.drill)}, begun {escape(result.began)}, took {result.seconds:.0f} s. '
        f"{escape(_of_fleet(result.fleet))}</p>\n"
    )
    yield '<ul class="cards">'
    for number, name in _cards(result):
        yield f"<li><b>{escape(number)}</b>{escape(name)}</li>"
    yield "</ul>\n<table><thead><tr><th></th><th>objective</th><th>found</th></tr></thead>"
    for one in judgements(result):
        sign, style = ("met", "met") if one.met else ("missed", "missed")
        yield f'<tr><td class="{style}">{sign}</td><td>{escape(one.about)}</td><td>{escape(one.found)}</td></tr>'
    yield "</table>\n"


def _of_fleet(fleet: FleetFindings | None) -> str:
    if fleet is None:
        return "The fleet was not touched."
    told = [f"The fleet went along: {fleet.name}"]
    told += [f"connected before: {fleet.before}"] * bool(fleet.before)
    told += [f"the failback's plan {fleet.plan}"] * bool(fleet.plan)
    return f"{'; '.join(told)}."


def _cards(result: DrillResult) -> Iterator[tuple[str, str]]:
    for leg in result.legs:
        yield f"{max(leg.rtos, default=0.0):.1f} s", f"RTO to {leg.target}, last client"
    if result.behind is not None:
        yield f"{result.behind:.1f} s", "oldest shadow found"
    if result.late_thing is not None:
        yield f"{result.late_thing:.1f} s", "last thing crossed after"
    yield f"{result.lost:,}", f"lost of {result.acknowledged:,} messages"
    yield f"{result.overwritten:,}", "late writes that overwrote"


def _way(leg: Leg, result: DrillResult) -> Iterator[str]:
    yield f"<h2>To {escape(leg.target)}: {escape(leg.cause)}</h2>\n"
    yield (
        '<p class="note">From a client\'s last acknowledgement before the fault to its first in the new Region. '
        f"Neither Region served it for {max(leg.silences, default=0.0):.1f} s at most.</p>\n"
    )
    names = (
        "detect: until the first name server answers with the new Region",
        "DNS: until its resolver does",
        "notice: until it leaves",
        "reconnect: until it is acknowledged",
    )
    yield plots.legend({f"phase{number}": name for number, name in enumerate(names)})
    yield from plots.way(leg, result.drill)
    yield "<h3>Distribution by phase</h3>\n"
    yield from _group("phases", plots.phases(leg))


def _group(name: str, rows: Iterable[str]) -> Iterator[str]:
    yield f'<div class="{name}">'
    yield from rows
    yield "</div>\n"


def _rest(result: DrillResult, earlier: Mapping[str, float]) -> Iterator[str]:
    if earlier:
        yield "<h2>Compared with an earlier drill</h2>\n<table><thead><tr><th></th>"
        yield '<th class="number">earlier</th><th class="number">this one</th></tr></thead>'
        for one in compared(earlier, summary(result)):
            cells = "".join(f'<td class="number">{_number(value)}</td>' for value in (one.before, one.now))
            yield f"<tr><td>{escape(one.about)}</td>{cells}</tr>"
        yield "</table>\n"
    yield from _listed("Lag of replication", result.lag)
    yield from _listed("Not tested", result.untested)
    rows = {**result.settings, **{f"version of {name}": value for name, value in result.versions.items()}}
    yield "<h2>Settings and versions</h2>\n<table>"
    for name, value in rows.items():
        yield f'<tr><td>{escape(name)}</td><td class="name">{escape(value)}</td></tr>'
    yield "</table>\n<h2>Phases of the drill</h2>\n<table>"
    for phase, at in result.phases:
        yield f'<tr><td>{escape(phase)}</td><td class="number">{at:.1f} s</td></tr>'
    yield "</table>\n"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".")


def _listed(title: str, texts: Iterable[str]) -> Iterator[str]:
    yield f"<h2>{title}</h2>\n<ul>"
    yield from (f"<li>{escape(text)}</li>" for text in texts)
    yield "</ul>\n"
