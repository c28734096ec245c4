"""The SDK's side of the device, without a server: what it says when nobody answers, and that it can be closed."""

from __future__ import annotations

from pathlib import Path
from queue import SimpleQueue

import pytest

from examples.device.connection import SdkConnection, Settings, Unusable
from examples.device.events import Disconnected, Event
from lab.emulator import bind_loopback
from lab.fleet import make_identity


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A device's own, for a port where nobody listens."""
    identity = make_identity("pump-17")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "private.key"
    certificate.write_text(identity.certificate_pem)
    key.write_text(identity.key_pem)
    with bind_loopback() as bound:
        port = bound.getsockname()[1]
    return Settings("pump-17", "devices/pump-17/data", certificate, key, port=port)


def test_a_server_that_refuses_is_told_with_the_connections_number_until_the_connection_is_closed(
    settings: Settings,
) -> None:
    events: SimpleQueue[Event] = SimpleQueue()
    connection = SdkConnection(7, "localhost", settings, events.put)

    told = events.get(timeout=10)
    connection.close()

    assert isinstance(told, Disconnected)
    assert told.connection == 7
    assert told.why.startswith("cannot connect: ")


def test_a_key_that_is_none_is_unusable(settings: Settings) -> None:
    settings.key_file.write_text("no key")

    with pytest.raises(Unusable):
        SdkConnection(1, "localhost", settings, lambda event: None)
