"""Shows what there is of a launch, what was removed, and what is left with its commands and its cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from iot_dr.cli.view.texts import say
from iot_dr.services.launch.start_launch import Leftover
from iot_dr.services.launch.uninstall import RemovalPlan, Uninstalled


def print_plan(plan: RemovalPlan, costs: Iterable[str], command: str) -> None:
    """Print what would be removed; `command` removes it."""
    if not plan.found:
        say("Nothing of this launch is there.")
    else:
        say("Would be removed, in this order; buckets only with --empty-buckets:")
        _numbered(plan.found)
    if plan.fleet_name:
        say(f"\nDevices that connect to {plan.fleet_name} will find nothing: its records and domains go too.")
    _print_rest(plan, costs)
    if plan.found:
        say(f"\nNothing was changed. To remove it, run `{command}`.")


def print_removal(plan: RemovalPlan, done: Uninstalled, costs: Iterable[str]) -> None:
    """Print what was removed and what is left."""
    say("Removed:" if done.removed else "Nothing was removed.")
    for resource in done.removed:
        say(f"  {resource}")
    if done.left:
        say("\nLeft; remove it in this order:")
        _numbered(done.left)
    _print_rest(plan, costs)


def _numbered(found: Iterable[Leftover]) -> None:
    for number, leftover in enumerate(found, 1):
        doubt = f" (could not be checked: {leftover.unreadable})" if leftover.unreadable else ""
        say(f"  {number}. {leftover.resource}{doubt}")
        say(f"     {leftover.removal}")


def _print_rest(plan: RemovalPlan, costs: Iterable[str]) -> None:
    if plan.afterwards:
        say("\nRemove last, if the main stack is to go as well:")
        for line in plan.afterwards:
            say(f"  {line}")
    say("\nCosts money afterwards, or may:")
    for line in costs:
        say(f"  {line}")
    say("\nThe fleet's things, certificates, policies and shadows stay in both Regions.")


def as_json(plan: RemovalPlan, done: Uninstalled, costs: Iterable[str], *, applied: bool) -> dict[str, Any]:
    """Return everything for scripts."""
    return {
        "applied": applied,
        "removed": [str(resource) for resource in done.removed],
        "left": [
            {"resource": str(one.resource), "command": one.removal, "unreadable": one.unreadable} for one in done.left
        ],
        "afterwards": list(plan.afterwards),
        "fleet_name": plan.fleet_name,
        "costs": list(costs),
        "failure": done.failure,
    }
