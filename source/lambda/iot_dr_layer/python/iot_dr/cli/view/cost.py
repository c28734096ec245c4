"""Shows a month's cost by rows, the price list's date and source, and what would make it cheaper."""

from __future__ import annotations

import dataclasses
from typing import Any

from iot_dr.cli.view.tables import console, table
from iot_dr.cli.view.texts import say
from iot_dr.model.cost.estimate import Estimate, days_of_a_round
from iot_dr.model.cost.work import Part
from iot_dr.services.cost import AccountFigures


def print_estimate(read: AccountFigures, found: Estimate) -> None:
    """Print everything."""
    screen = console()
    rows = table("A month", "Work", "USD", numbers=frozenset({"USD"}))
    for part in Part:
        priced = [one for one in found.rows if one.row.part is part]
        if not priced:
            continue
        rows.add_row(f"{part}:", "", "")
        for one in priced:
            rows.add_row(f"  {one.row.name}", one.row.how, f"{one.usd:,.2f}")
        rows.add_row("", "together", f"{sum(one.usd for one in priced):,.2f}", end_section=True)
    rows.add_row("Sum", "", f"{found.usd:,.2f}")
    screen.print(rows)
    say(f"\nPrices of {found.prices.date}: {found.prices.source}.")
    if read.fleet.sweep_slice:
        days = days_of_a_round(read.fleet)
        say(f"Running times are assumed. Every device is checked fully once in {days:.1f} days.")
    for note in read.notes:
        say(f"Note: {note}.")
    if found.savings:
        cheaper = table("Cheaper by", "USD", "But", numbers=frozenset({"USD"}))
        for saving in found.savings:
            cheaper.add_row(saving.what, f"{saving.usd:,.2f}", saving.loses)
        say("")
        screen.print(cheaper)


def as_json(read: AccountFigures, found: Estimate) -> dict[str, Any]:
    """Return everything for scripts."""
    return {
        "fleet": dataclasses.asdict(read.fleet),
        "notes": list(read.notes),
        "prices": {"date": found.prices.date, "source": found.prices.source},
        "rows": [
            {
                "part": str(one.row.part),
                "name": one.row.name,
                "how": one.row.how,
                "work": {str(unit): amount for unit, amount in one.row.work.items()},
                "usd": round(one.usd, 4),
            }
            for one in found.rows
        ],
        "usd_a_month": round(found.usd, 2),
        "savings": [{"what": one.what, "usd": round(one.usd, 2), "loses": one.loses} for one in found.savings],
    }
