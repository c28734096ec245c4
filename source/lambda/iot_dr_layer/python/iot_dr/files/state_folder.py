"""The folder in which a comparison of two Regions is kept between one command and the next."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from iot_dr.errors import ConfigurationError
from iot_dr.files.faults import unusable
from iot_dr.files.private import make_folder
from iot_dr.model.regions import RegionPair

ROOT = ".iot-dr"
HISTORY = "history"


def default_folder(regions: RegionPair) -> Path:
    """Return where the state of a pair is kept if nobody says otherwise.

    >>> default_folder(RegionPair("us-east-1", "us-west-2")).as_posix()
    '.iot-dr/us-east-1-us-west-2'
    """
    return Path(ROOT) / f"{regions.primary}-{regions.secondary}"


def _name(what: str, part: str) -> str:
    return f"{what}-{part}.sqlite" if part else f"{what}.sqlite"


class StateFolder:
    """Held by one process at a time, for the length of a `with` block; the system lets go of it whatever happens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1

    def comparison(self, part: str = "") -> Path:
        """Return the file of what was read and found, of all or of a part of it."""
        return self.path / _name("comparison", part)

    def journal(self, part: str = "") -> Path:
        """Return the file of what was applied of that."""
        return self.path / _name("journal", part)

    @property
    def last_verification(self) -> Path:
        """Return the file of what the last verification of all found, which no other command touches."""
        return self.path / "last-verify.json"

    @property
    def history(self) -> Path:
        """Return the folder of the records of what was applied."""
        return self.path / HISTORY

    def __enter__(self) -> Self:
        try:
            make_folder(self.path)
            self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise ConfigurationError(
                f"another iot-dr is at work in {self.path}; wait for it, or give another folder by --state"
            ) from error
        except OSError as error:
            raise unusable(self.path, error) from error
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._lock)
