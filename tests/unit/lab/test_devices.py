"""The lab's MQTT client: where it connects, and which name it checks."""

import threading

import pytest

from lab.devices import MqttDevice, Refused
from lab.emulator import bind_loopback


def test_the_address_is_asked_for_at_each_connection_and_the_name_goes_to_tls() -> None:
    asked: list[str] = []
    greetings: list[bytes] = []

    def resolve(name: str) -> str:
        asked.append(name)
        return "127.0.0.1"

    with bind_loopback() as server:

        def hang_up() -> None:
            for _ in range(2):
                client, _ = server.accept()
                with client:
                    greetings.append(client.recv(4096))

        thread = threading.Thread(target=hang_up)
        thread.start()
        device = MqttDevice(
            f"devices.fleet.test:{server.getsockname()[1]}", client_id="pump", identity=None, resolve=resolve
        )
        for _ in range(2):
            with pytest.raises(Refused):
                device.connect()
        thread.join(5)
    assert asked == ["devices.fleet.test"] * 2
    assert all(b"devices.fleet.test" in greeting for greeting in greetings)
