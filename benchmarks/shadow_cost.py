"""What 1,000 updates of shadows cost, beside an execution of a Standard workflow for each of them.

The work is counted by `benchmarks.shadows` on the local pair and recorded here; a test holds the table of docs/cost.md
to it and to the price list. What an update costs by itself in the primary, replicated or not, is not in it.

    .venv/bin/python -m benchmarks.shadow_cost
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace
from types import MappingProxyType

from docs import prices

UPDATES = 1_000
HALF, TENTH = 0.5, 0.1
"""Shares of the control's price that the two kinds of load may cost at most."""

TRANSITIONS_OF_AN_EXECUTION = 1
"""Of the smallest workflow that does the same: one Task state, which has the function bring one shadow across.

AWS counts "a state transition each time a step of your workflow is executed". https://aws.amazon.com/step-functions/pricing/
"""


@dataclass(frozen=True)
class Work:
    """What 1,000 updates made AWS do.

    Attributes:
        events: write units of the events' table in the primary: an item per update, of 1 KB at most here.
        invocations: of the functions.
        gigabyte_seconds: of the functions.
        transitions: of Standard workflows.
        reads: strongly consistent reads of the ledger and of the control item, 4 KB each at most.
        writes: writes of the ledger, 1 KB each at most.
        shadow_reads: GetThingShadow, in both Regions.
        shadow_writes: UpdateThingShadow in the secondary.
        log_bytes: of the functions.
    """

    events: int
    invocations: int
    gigabyte_seconds: float
    transitions: int
    reads: int
    writes: int
    shadow_reads: int
    shadow_writes: int
    log_bytes: int

    @property
    def dollars(self) -> dict[str, float]:
        """The price of each part."""
        return {
            # A rule that is triggered, and its one action.
            "rules": 2 * self.events * prices.RULE,
            # The item, its replica, and the replicated deletion when its time has come.
            "events": 3 * self.events * prices.DYNAMODB_WRITE,
            "transitions": self.transitions * prices.STANDARD_TRANSITION,
            "functions": self.invocations * prices.LAMBDA_REQUEST + self.gigabyte_seconds * prices.LAMBDA_GB_SECOND,
            "ledger": self.reads * prices.DYNAMODB_READ + self.writes * prices.DYNAMODB_WRITE,
            "shadows": (self.shadow_reads + self.shadow_writes) * prices.SHADOW_OPERATION,
            "logs": self.log_bytes / 1e9 * prices.LOG_GB,
        }

    @property
    def price(self) -> float:
        """The price of all."""
        return sum(self.dollars.values())

    def times(self, factor: int) -> Work:
        """Return as many times the work."""
        return Work(*(factor * amount for amount in astuple(self)))


ONCE, OFTEN, ALONE = "1,000 shadows once", "10 shadows 100 times", "1,000 updates one by one"
"""The loads: all at once, without and with something to coalesce, and each update after the last has crossed."""

RECORDED: Mapping[str, Work] = MappingProxyType(
    {
        ONCE: Work(
            events=1000,
            invocations=8,
            gigabyte_seconds=18.0,
            transitions=0,
            reads=1008,
            writes=2000,
            shadow_reads=1000,
            shadow_writes=1000,
            log_bytes=18702,
        ),
        OFTEN: Work(
            events=1000,
            invocations=21,
            gigabyte_seconds=4.4,
            transitions=0,
            reads=220,
            writes=398,
            shadow_reads=199,
            shadow_writes=199,
            log_bytes=12819,
        ),
        ALONE: Work(
            events=1000,
            invocations=1000,
            gigabyte_seconds=63.0,
            transitions=0,
            reads=2000,
            writes=2000,
            shadow_reads=1000,
            shadow_writes=1000,
            log_bytes=525990,
        ),
    }
)
"""Of the last run of `benchmarks.shadows`, by load."""


def an_execution_each(alone: Work) -> Work:
    """Return the control: each update by itself, which takes an invocation each, and an execution around that."""
    return replace(alone, transitions=UPDATES * TRANSITIONS_OF_AN_EXECUTION)


def columns(recorded: Mapping[str, Work] = RECORDED) -> dict[str, Work]:
    """Return the two loads that are priced, and the control."""
    return {
        ONCE: recorded[ONCE],
        OFTEN: recorded[OFTEN],
        "an execution each": an_execution_each(recorded[ALONE]),
    }


def table(recorded: Mapping[str, Work] = RECORDED) -> str:
    """Return the table of docs/cost.md."""
    works = columns(recorded)
    rows: tuple[tuple[str, str, Callable[[Work], str]], ...] = (
        ("Rules and actions", "rules", lambda work: f"{2 * work.events:,}"),
        ("Events: item, replica, deletion", "events", lambda work: f"{3 * work.events:,}"),
        ("State transitions", "transitions", lambda work: f"{work.transitions:,}"),
        ("Invocations; GB-seconds", "functions", lambda work: f"{work.invocations:,}; {work.gigabyte_seconds:.0f}"),
        ("Ledger: reads; writes", "ledger", lambda work: f"{work.reads:,}; {work.writes:,}"),
        ("Shadows: reads; writes", "shadows", lambda work: f"{work.shadow_reads:,}; {work.shadow_writes:,}"),
        ("Logs, KB", "logs", lambda work: f"{work.log_bytes / 1e3:.0f}"),
    )
    lines = [f"| | {' | '.join(f'{name} | USD' for name in works)} |", f"|---|{'---:|---:|' * len(works)}"]
    for title, part, count in rows:
        cells = (f"{count(work)} | {work.dollars[part]:.4f}" for work in works.values())
        lines.append(f"| {title} | {' | '.join(cells)} |")
    lines.append(f"| **Sum** | {' | '.join(f'| **{work.price:.4f}**' for work in works.values())} |")
    shares = (f"| {share(work, recorded):.0%}" for work in works.values())
    lines.append(f"| Share of an execution each | {' | '.join(shares)} |")
    return "\n".join(lines)


def share(work: Work, recorded: Mapping[str, Work] = RECORDED) -> float:
    """Return a price as a share of the control's."""
    return work.price / an_execution_each(recorded[ALONE]).price


def main() -> None:
    """Print the table."""
    print(table())


if __name__ == "__main__":
    main()
