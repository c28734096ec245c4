"""Whether a device could reach an endpoint from here."""

import socket

import pytest

from iot_dr.aws.devices.network import TcpNetwork
from iot_dr.errors import RegionUnavailable


def test_an_endpoint_that_listens_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        TcpNetwork().connect(f"127.0.0.1:{server.getsockname()[1]}")


def test_an_endpoint_that_nobody_listens_on_is_said_with_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(RegionUnavailable, match=f"port {port}"):
        TcpNetwork().connect(f"127.0.0.1:{port}")
