"""Leaves out late looks whose change a later reading has seen: under a backlog the next change comes before the look.

It needs a reading that began after the event and took in as much as the look would. What that reading came to is in the
ledger, with another look noted wherever it was not sure, so nothing is owed to the older look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.replication.outcomes import LastRead
from iot_dr.model.replication.requests import Depth, Look
from iot_dr.ports.ledger import Ledger

BACKLOG = 5000
"""Milliseconds after its event from which a look is late: then another may well have seen its change, and asking the
ledger, which costs one call for all that are handed out together, is worth it.
"""

MARGIN = 1000
"""Milliseconds that the clock of an event and ours may be apart; a trail tells whole seconds only."""

_NEVER = LastRead()


def last_reads(looks: Iterable[Look], ledger: Ledger, now: int) -> Mapping[Key, LastRead]:
    """Ask the ledger when what late looks are for was read last; nothing is asked where none is late."""
    keys = sorted({look.key for look in looks if _is_late(look, now)})
    return ledger.last_reads(keys) if keys else {}


def without_superseded(looks: Sequence[Look], read: Mapping[Key, LastRead]) -> tuple[Look, ...]:
    """Return the looks that are still to be taken, by what `last_reads` returned for them."""
    return tuple(look for look in looks if not _has_been_seen(look, read.get(look.key, _NEVER)))


def _is_late(look: Look, now: int) -> bool:
    return _is_first(look) and now - look.occurred_at > BACKLOG


def _is_first(look: Look) -> bool:
    """Tell whether it is an event's first look, and not one that waits for attachments, of which no event tells."""
    awaits_attachments = look.created and look.key.kind is Kind.THING
    return look.occurred_at > 0 and look.looks == look.tries == 0 and not awaits_attachments


def _has_been_seen(look: Look, read: LastRead) -> bool:
    began = read.began if look.depth is Depth.OWN else read.whole_began
    return _is_first(look) and began > look.occurred_at + MARGIN
