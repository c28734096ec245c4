"""Name servers on loopback, asked by a DNS library that is not theirs."""

from collections.abc import Iterator

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from lab.route53.name_servers import NameServer, ask
from lab.route53.zones import Record, RecordSet, View, Zone

FLEET = "fleet.example.com."
START = RecordSet("example.com.", "SOA", 900, ("ns-1.awsdns-1.com. hostmaster.example.com. 1 7200 900 1209600 86400",))


def view(target: str) -> View:
    return View((Zone("example.com.", (START, RecordSet(FLEET, "CNAME", 3, (f"{target}.example.com.",)))),))


class Knowledge:
    """What the zones hold, for a test to change."""

    def __init__(self) -> None:
        self.now = view("primary")

    def __call__(self) -> View:
        return self.now


@pytest.fixture
def knowledge() -> Knowledge:
    return Knowledge()


@pytest.fixture
def server(knowledge: Knowledge) -> Iterator[NameServer]:
    made = NameServer(knowledge)
    with made.listener:
        yield made


def target(server: NameServer) -> str:
    (record,) = ask(FLEET, "CNAME", ("127.0.0.1", server.port)).answers
    return record.value


@pytest.mark.parametrize("send", [dns.query.udp, dns.query.tcp])
def test_it_answers_with_authority_over_udp_and_tcp(send: object, server: NameServer) -> None:
    assert callable(send)
    reply = send(dns.message.make_query(FLEET, "CNAME", use_edns=True), "127.0.0.1", port=server.port, timeout=2)

    assert reply.flags & dns.flags.AA
    (answered,) = reply.answer
    assert (answered.ttl, answered[0].to_text()) == (3, "primary.example.com.")


def test_a_name_that_is_not_there_comes_with_the_start_of_the_zone(server: NameServer) -> None:
    reply = dns.query.udp(dns.message.make_query("no.example.com", "A"), "127.0.0.1", port=server.port, timeout=2)

    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert [rrset.rdtype.name for rrset in reply.authority] == ["SOA"]


def test_a_change_is_answered_at_once(server: NameServer, knowledge: Knowledge) -> None:
    assert target(server) == "primary.example.com."

    knowledge.now = view("secondary")

    assert target(server) == "secondary.example.com."


def test_a_frozen_name_server_does_not_learn_of_a_change_until_it_thaws(
    server: NameServer, knowledge: Knowledge
) -> None:
    server.freeze()
    knowledge.now = view("secondary")
    assert target(server) == "primary.example.com."

    server.thaw()

    assert target(server) == "secondary.example.com."


def test_a_silent_name_server_answers_nothing_until_it_speaks_again(server: NameServer) -> None:
    server.silent = True
    with pytest.raises(TimeoutError):
        ask(FLEET, "CNAME", ("127.0.0.1", server.port), seconds=0.2)

    server.silent = False

    assert target(server) == "primary.example.com."


def test_two_name_servers_have_ports_of_their_own(server: NameServer, knowledge: Knowledge) -> None:
    with NameServer(knowledge).listener as other:
        assert other.port != server.port


def test_nobody_answers_after_the_end(knowledge: Knowledge) -> None:
    with NameServer(knowledge).listener as listener:
        port = listener.port
    with pytest.raises(OSError, match="refused"):
        ask(FLEET, "CNAME", ("127.0.0.1", port), tcp=True)


def test_what_it_asks_itself_is_read_as_it_was_answered(server: NameServer) -> None:
    reply = ask(FLEET, "CNAME", ("127.0.0.1", server.port), tcp=True)

    assert reply.answers == (Record(FLEET, "CNAME", 3, "primary.example.com."),)
