"""How a run of the workflow ended, for the looks that it was given."""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.model.looks import Look


@dataclass(frozen=True)
class Run:
    """The looks that are to come again.

    Attributes:
        again: each when it is due.
        busy: Lambda had no room for the worker, so nothing was looked at.
        failed: the worker failed as a whole, by its time-out for example; any of its looks may be to blame.
        error: what it failed with.
    """

    again: tuple[Look, ...] = ()
    busy: bool = False
    failed: bool = False
    error: str = ""
