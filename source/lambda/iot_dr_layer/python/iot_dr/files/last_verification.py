"""What the last verification of both Regions found, kept apart from what was read: other commands read anew."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from iot_dr.errors import ConfigurationError
from iot_dr.files.faults import disk_errors
from iot_dr.files.private import make_folder, opened_to_write
from iot_dr.model.status.status_parts import Drift


def keep(path: Path, found: Drift) -> None:
    """Keep it instead of the one before, whole or not at all.

    Raises:
        ConfigurationError: the disk is full, or the folder cannot be written.
    """
    part = path.with_suffix(".part")
    with disk_errors(path):
        make_folder(path.parent)
        with opened_to_write(part) as file:
            file.write(json.dumps(dataclasses.asdict(found)) + "\n")
        part.replace(path)


def kept(path: Path) -> Drift | None:
    """Return it; None if none came to its end. Nothing is made or written.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Drift(int(found["verified_at"]), int(found["differing"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"{path} is none that verify wrote; run `iot-dr verify` again") from error
