"""Wires the reading of a launch's settings: from a file, or from the bucket in which the launch wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from iot_dr.aws import clients
from iot_dr.aws.launch.settings_file import read_settings
from iot_dr.aws.snapshot_bucket import is_bucket
from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.toolsrc import LONGEST, parse


def read_toolsrc(source: str, profile: str = "") -> Mapping[str, str]:
    """Return the variables of a toolsrc, a file or `s3://bucket/key`.

    Raises:
        ConfigurationError: it cannot be read, or has what no launch writes.
    """
    if is_bucket(source):
        return parse(read_settings(clients.client("s3", session=clients.session(profile)), source), source)
    try:
        with Path(source).open(encoding="utf-8", errors="replace") as file:
            return parse(file.read(LONGEST + 1), source)
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read: {error.strerror}; name the launch's toolsrc") from error
