"""How far a plan may go."""

from __future__ import annotations

import enum


class Mode(enum.StrEnum):
    """`mirror` makes both equal, `upsert` deletes nothing, `create_only` touches nothing that is there."""

    MIRROR = "mirror"
    UPSERT = "upsert"
    CREATE_ONLY = "create_only"
