"""The plots of a drill's page: rows of a label and a bar that stretches, so that text keeps its size on any screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from iot_dr.model.drill.deliveries import ClientDelivery
from iot_dr.model.drill.results import AnswerChange, DrillResult, Leg, percentile
from iot_dr.model.drill.traces import PHASES

MOST_ROWS = 60
"""Rows of a plot with one for each client; the page says what it leaves out, and its JSON leaves nothing out."""

_WIDTH, _HEIGHT = 1000.0, 14
"""Units of a bar, however wide it is drawn."""


@dataclass(frozen=True)
class Bar:
    """A part of a row, by its share of the whole: from, to, how it is painted, and what a pointer over it tells."""

    since: float
    until: float
    paint: str
    title: str


def row(label: str, bars: Iterable[Bar], value: str = "") -> str:
    """Draw one row."""
    drawn = "".join(map(_drawn, bars))
    return (
        f'<div class="row"><span class="label">{escape(label)}</span><svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT}" '
        f'preserveAspectRatio="none" role="img" aria-label="{escape(label)} {escape(value)}">{drawn}</svg>'
        f'<span class="value">{escape(value)}</span></div>\n'
    )


def _drawn(bar: Bar) -> str:
    x = _WIDTH * min(1.0, max(0.0, bar.since))
    # What takes a moment is to be seen too.
    width = max(1.5, _WIDTH * (min(1.0, bar.until) - max(0.0, bar.since)))
    place = f'x="{x:.1f}" y="0" width="{width:.1f}" height="{_HEIGHT}"'
    return f'<rect class="{bar.paint}" {place}><title>{escape(bar.title)}</title></rect>'


def axis(end: float, unit: str = "s", start: float = 0.0) -> str:
    """Draw what the rows above are measured by."""
    ticks = (start + (end - start) * share / 4 for share in range(5))
    texts = "".join(f"<span>{tick:,.0f} {unit}</span>" for tick in ticks)
    empty = '<span class="label"></span>', '<span class="value"></span>'
    return f'<div class="row axis">{empty[0]}<span class="ticks">{texts}</span>{empty[1]}</div>\n'


def legend(paints: Mapping[str, str]) -> str:
    """Say what each paint means."""
    keys = (
        f'<span class="pair"><span class="key {paint}"></span>{escape(name)}</span> ' for paint, name in paints.items()
    )
    return f'<p class="keys">{"".join(keys)}</p>\n'


def way(leg: Leg, drill: str) -> Iterator[str]:
    """Draw the time line of each client from its last PUBACK before the fault to its first after, slowest first."""
    served = sorted((one for one in leg.lines if one.rto is not None), key=lambda one: -(one.rto or 0))
    longest = max(leg.rtos, default=1.0) or 1.0
    for line in served[:MOST_ROWS]:
        bars, since = [], 0.0
        for phase, seconds in line.split(leg.first_answer).items():
            bars.append(_part(phase, since / longest, (since + seconds) / longest, seconds))
            since += seconds
        yield row(line.client.removeprefix(f"{drill}-"), bars, f"{line.rto or 0:.1f} s")
    yield axis(longest)
    if len(served) > MOST_ROWS:
        yield f'<p class="note">The {MOST_ROWS} slowest of {len(served):,} clients; the JSON has all.</p>\n'
    missing = [one.client.removeprefix(f"{drill}-") for one in leg.lines if one.rto is None]
    if missing:
        names = escape(", ".join(missing[:MOST_ROWS]))
        yield f'<p class="note bad-text">Not served in {escape(leg.target)}: {names}</p>\n'


def phases(leg: Leg) -> Iterator[str]:
    """Draw how the seconds of each phase are distributed: a mark a client, darker where there are many."""
    found = {**leg.phases(), "RTO": leg.rtos}
    longest = max(leg.rtos, default=1.0) or 1.0
    for phase, seconds in found.items():
        marks = [
            Bar(one / longest - 0.003, one / longest + 0.003, f"mark {_paint(phase)}", f"{one:.2f} s")
            for one in seconds
        ]
        told = "  ".join(f"{name} {percentile(seconds, share):.1f}" for name, share in _TOLD.items())
        yield row(phase, marks, told)
    yield axis(longest)


_TOLD = {"p50": 0.5, "p95": 0.95, "max": 1.0}


def _part(phase: str, since: float, until: float, seconds: float) -> Bar:
    return Bar(since, until, _paint(phase), f"{phase}: {seconds:.2f} s")


def _paint(phase: str) -> str:
    return f"phase{PHASES.index(phase)}" if phase in PHASES else "same"


def reconnects(result: DrillResult) -> Iterator[str]:
    """Draw how many connections were accepted in each second, and the quota."""
    end = max(result.seconds, 1.0)
    most = max(result.reconnects.values(), default=0)
    top = max(most * 1.15, 1.0)
    drawn = []
    for second, number in result.reconnects.items():
        height = 100 * number / top
        place = f'x="{_WIDTH * second / end:.1f}" y="{100 - height:.1f}" width="{max(1.5, _WIDTH / end):.1f}"'
        drawn.append(
            f'<rect class="same" {place} height="{height:.1f}"><title>{number} in second {second}</title></rect>'
        )
    quota = 100 - 100 * result.quota / top if result.quota <= top else 1.0
    drawn.append(f'<line class="limit" x1="0" x2="{_WIDTH:.0f}" y1="{quota:.1f}" y2="{quota:.1f}"/>')
    above = "" if result.quota <= top else ", which is above this scale"
    yield (
        f'<div class="row tall"><span class="label">{most} a second at most</span><svg viewBox="0 0 {_WIDTH:.0f} 100" '
        f'preserveAspectRatio="none" role="img" aria-label="Connections a second">{"".join(drawn)}</svg>'
        '<span class="value"></span></div>\n'
    )
    yield axis(end)
    yield (
        f'<p class="note">The dashed line is the quota of CONNECT requests, {result.quota:,.0f} a second in '
        f"{escape(result.secondary)}{above}.</p>\n"
    )


def answers(result: DrillResult) -> Iterator[str]:
    """Draw what each name server answered, from the first look to the end."""
    end = max((leg.at for leg in result.legs), default=0.0)
    end = max([end, *(one.at for leg in result.legs for one in leg.answers)], default=0.0) + 5
    start = min((one.at for leg in result.legs for one in leg.answers), default=0.0)
    changes = sorted({one for leg in result.legs for one in leg.answers}, key=lambda one: one.at)
    for server in sorted({one.server for one in changes}):
        own = [one for one in changes if one.server == server]
        yield row(server, _answered(own, start, end, result), own[-1].says)
    for leg in result.legs:
        share = (leg.at - start) / (end - start)
        yield row(f"to {leg.target}", [Bar(share - 0.002, share + 0.002, "bad", leg.cause)], f"{leg.at:.1f} s")
    yield axis(end, start=start)


def _answered(own: Sequence[AnswerChange], start: float, end: float, result: DrillResult) -> Iterator[Bar]:
    until = [one.at for one in own[1:]] + [end]
    paints = {result.primary: "region0", result.secondary: "region1"}
    for one, last in zip(own, until, strict=True):
        share = (one.at - start) / (end - start), (last - start) / (end - start)
        yield Bar(*share, paints.get(one.says, "bad"), f"{one.says} from {one.at:.1f} s")


def strips(result: DrillResult) -> Iterator[str]:
    """Draw the messages of each client by number: who acknowledged them, and what became of some."""
    shown = sorted(result.deliveries, key=lambda one: (-len(one.lost), one.client))[:MOST_ROWS]
    last = max((run.last for one in shown for run in one.runs), default=1)
    for one in shown:
        found = f"{one.acknowledged}" + (f", {len(one.lost)} lost" if one.lost else "")
        yield row(one.client.removeprefix(f"{result.drill}-"), _strip(one, last, result), found)
    yield axis(last, unit="")
    if len(shown) < len(result.deliveries):
        yield f'<p class="note">{len(shown)} of {len(result.deliveries):,} clients; the JSON has all.</p>\n'


def _strip(one: ClientDelivery, last: int, result: DrillResult) -> Iterator[Bar]:
    for run in one.runs:
        paint = "region0" if run.region == result.primary else "region1"
        yield Bar((run.first - 1) / last, run.last / last, paint, f"{run.first} to {run.last}: {run.region}")
    for paint, name, numbers in (
        ("doubled", "doubled", one.doubled),
        ("reordered", "reordered", one.reordered),
        ("bad", "lost", one.lost),
    ):
        for number in numbers:
            yield Bar((number - 1) / last, number / last, paint, f"{number}: {name}")
