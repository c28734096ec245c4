"""What the command line tells of a disk that refuses."""

from __future__ import annotations

from iot_dr.files.faults import failure_of

__all__ = ["failure_of"]
