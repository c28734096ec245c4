"""The sockets that the lab hands to the emulator."""

import socket
from contextlib import ExitStack

import pytest

from lab.emulator import bind_alike

ADDRESSES = ["127.0.1.1", "127.0.1.2"]


def test_addresses_of_one_name_listen_at_one_port() -> None:
    with ExitStack() as opened:
        bound = [opened.enter_context(each) for each in bind_alike(ADDRESSES)]
        assert [each.getsockname()[0] for each in bound] == ADDRESSES
        assert len({each.getsockname()[1] for each in bound}) == 1
        for each in bound:
            socket.create_connection(each.getsockname(), 5).close()


def test_a_socket_that_was_shut_down_refuses_keeps_its_port_and_listens_again() -> None:
    """The lab closes a Region's broker so; Linux would give the port of a socket away that was bound to any."""
    (bound,) = bind_alike(ADDRESSES[:1])
    with bound, socket.socket() as thief:
        place = bound.getsockname()
        bound.shutdown(socket.SHUT_RD)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place, 5)
        with pytest.raises(OSError, match="in use"):
            thief.bind(place)
        bound.listen()
        socket.create_connection(place, 5).close()
