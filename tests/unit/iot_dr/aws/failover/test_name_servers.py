"""Name servers over their own protocol, on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import dns.exception
import pytest
from dnslib import CNAME, QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

from iot_dr.aws.failover.name_servers import DnsNameServers, listed
from iot_dr.errors import ConfigurationError, NotReadyYet, RegionUnavailable
from iot_dr.model.failover.names import NameAnswer, NameAnswers, host_of
from iot_dr.model.status.status_parts import Unread
from iot_dr.services.failover.naming import ask_all

NAME = "devices.example.com"
TARGET = "a1b2-ats.iot.us-west-2.amazonaws.com"


class Zone(BaseResolver):
    """A zone that answers what a test says."""

    def __init__(self, *records: RR, rcode: int = RCODE.NOERROR) -> None:
        self.records, self.rcode = records, rcode
        self.asked: list[DNSRecord] = []

    def resolve(self, request: DNSRecord, _handler: DNSHandler) -> DNSRecord:
        self.asked.append(request)
        reply = request.reply()
        reply.header.rcode = self.rcode
        for record in self.records:
            reply.add_answer(record)
        return reply


@contextmanager
def served(zone: Zone, *, tcp: bool = False) -> Iterator[str]:
    quiet = DNSLogger("-request,-reply,-truncated,-error", prefix=False)
    server = DNSServer(zone, port=0, address="127.0.0.1", logger=quiet)
    port = server.server.server_address[1]
    second = DNSServer(zone, port=port, address="127.0.0.1", tcp=True, logger=quiet) if tcp else None
    running = [one for one in (server, second) if one]
    for one in running:
        one.start_thread()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        for one in running:
            one.stop()
            one.server.server_close()


def a_cname(target: str = TARGET, ttl: int = 30) -> RR:
    return RR(NAME, QTYPE.CNAME, rdata=CNAME(target), ttl=ttl)


def test_the_target_of_the_name_is_told_with_its_time_to_live() -> None:
    zone = Zone(a_cname(f"{TARGET.upper()}."), RR(TARGET, QTYPE.A, rdata=A("192.0.2.1"), ttl=60))

    with served(zone) as server:
        assert DnsNameServers().answer(server, NAME) == NameAnswer(TARGET, 30)
    (asked,) = zone.asked
    assert asked.header.rd == 0, "a server is asked for what it knows itself"


def test_a_name_that_is_an_address_itself_is_told_as_that() -> None:
    with served(Zone(RR(NAME, QTYPE.A, rdata=A("192.0.2.1"), ttl=5))) as server:
        assert DnsNameServers().answer(server, NAME) == NameAnswer("192.0.2.1", 5)


def test_an_answer_that_is_too_long_for_a_datagram_is_asked_for_again() -> None:
    others = [RR(NAME, QTYPE.A, rdata=A(f"192.0.2.{number}"), ttl=5) for number in range(250)]

    with served(Zone(*others, a_cname()), tcp=True) as server:
        assert DnsNameServers().answer(server, NAME).target == TARGET


def test_a_name_that_is_not_there_is_said_so() -> None:
    with served(Zone(rcode=RCODE.NXDOMAIN)) as server, pytest.raises(NotReadyYet, match="NXDOMAIN"):
        DnsNameServers().answer(server, NAME)


def test_a_server_that_is_silent_is_not_waited_for() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{deaf.getsockname()[1]}"

        with pytest.raises(RegionUnavailable, match=server):
            DnsNameServers(seconds=0.05).answer(server, NAME)


def test_a_server_without_an_address_is_told_as_one_that_does_not_answer() -> None:
    with pytest.raises(RegionUnavailable, match="does not answer"):
        DnsNameServers(seconds=0.05).answer("no-such-host.invalid", NAME)


def test_the_setting_names_the_servers() -> None:
    assert DnsNameServers("ns-1.example.com, 127.0.0.1:5353").servers(NAME) == ("ns-1.example.com", "127.0.0.1:5353")


def test_without_a_setting_the_resolver_names_them() -> None:
    found = DnsNameServers(lookup=lambda name: (f"ns.{name}",))

    assert found.servers(NAME) == (f"ns.{NAME}",)


def test_a_resolver_that_does_not_know_them_is_told_with_the_mend() -> None:
    def unknown(name: str) -> tuple[str, ...]:
        raise dns.exception.Timeout(name)

    with pytest.raises(NotReadyYet, match="name them in NAME_SERVERS"):
        DnsNameServers(lookup=unknown).servers(NAME)


@pytest.mark.parametrize("setting", ["ns-1;ns-2", "http://ns-1", "ns-1:port"])
def test_a_setting_that_names_no_host_is_refused(setting: str) -> None:
    with pytest.raises(ConfigurationError, match="no host"):
        listed(setting)


def test_each_server_answers_for_itself() -> None:
    with served(Zone(a_cname())) as good, served(Zone(rcode=RCODE.SERVFAIL)) as bad:
        found = ask_all(DnsNameServers(f"{good},{bad}"), NAME)

    assert found.by_server[good] == NameAnswer(TARGET, 30)
    assert isinstance(found.by_server[bad], Unread)
    assert not found.most_say(TARGET), "one of two is not more than half"


def test_nobody_says_anything_by_no_answers() -> None:
    assert not NameAnswers().most_say(TARGET)
    assert NameAnswers().ttl == 0


def test_an_endpoint_is_compared_without_its_port_and_in_small_letters() -> None:
    assert host_of(f"{TARGET.upper()}.:8883") == TARGET
