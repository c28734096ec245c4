"""The caching resolver, under a clock that the test moves."""

from dataclasses import dataclass, field

import dns.message
import dns.query
import dns.rcode
import pytest

from lab.route53.resolver import CachingResolver, Unresolved
from lab.route53.zones import Record, Reply

FLEET = "fleet.example.com."
FIRST, SECOND = ("127.0.0.1", 1), ("127.0.0.1", 2)


def reply(target: str, address: str) -> Reply:
    return Reply(answers=(Record(FLEET, "CNAME", 3, target), Record(target, "A", 60, address)))


PRIMARY, SECONDARY = reply("p.test.", "127.0.1.1"), reply("s.test.", "127.0.1.2")


@dataclass
class World:
    """Name servers, and a clock."""

    now: float = 0.0
    answers: Reply = PRIMARY
    down: set[tuple[str, int]] = field(default_factory=set)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def ask(self, _name: str, _kind: str, server: tuple[str, int]) -> Reply:
        self.asked.append(server)
        if server in self.down:
            raise TimeoutError
        return self.answers

    def resolver(self) -> CachingResolver:
        return CachingResolver([FIRST, SECOND], clock=lambda: self.now, ask=self.ask)


def test_an_answer_is_kept_as_long_as_its_shortest_ttl() -> None:
    world = World()
    resolver = world.resolver()
    assert resolver.address(FLEET) == "127.0.1.1"
    world.answers = SECONDARY

    world.now = 2.9
    assert resolver.address("Fleet.example.com") == "127.0.1.1"
    world.now = 3.0
    assert resolver.address(FLEET) == "127.0.1.2"
    assert len(world.asked) == 2


def test_ttls_grow_shorter_with_age() -> None:
    world = World()
    resolver = world.resolver()
    resolver.lookup(FLEET)

    world.now = 2.0

    assert [record.ttl for record in resolver.lookup(FLEET).answers] == [1, 58]


def test_a_stale_resolver_gives_what_it_kept_until_the_lie_is_over() -> None:
    world = World()
    resolver = world.resolver()
    resolver.address(FLEET)
    world.answers = SECONDARY

    resolver.stale_for(300)
    world.now = 299.0
    assert resolver.address(FLEET) == "127.0.1.1"
    assert resolver.lookup(FLEET).answers[0].ttl == 0
    world.now = 300.0
    assert resolver.address(FLEET) == "127.0.1.2"


def test_a_stale_resolver_asks_for_what_it_has_not_kept() -> None:
    world = World()
    resolver = world.resolver()
    resolver.stale_for(300)

    assert resolver.address(FLEET) == "127.0.1.1"


def test_a_failing_resolver_answers_servfail_even_to_what_it_kept_and_mends() -> None:
    world = World()
    resolver = world.resolver()
    resolver.address(FLEET)

    resolver.failing = True
    assert resolver.lookup(FLEET) == Reply("SERVFAIL")
    with pytest.raises(Unresolved, match="SERVFAIL"):
        resolver.address(FLEET)

    resolver.failing = False
    assert resolver.address(FLEET) == "127.0.1.1"


def test_the_second_name_server_is_asked_when_the_first_is_silent() -> None:
    world = World(down={FIRST})

    assert world.resolver().address(FLEET) == "127.0.1.1"
    assert world.asked == [FIRST, SECOND]


def test_without_any_name_server_it_fails_and_remembers_no_failure() -> None:
    world = World(down={FIRST, SECOND})
    resolver = world.resolver()
    assert resolver.lookup(FLEET) == Reply("SERVFAIL")

    world.down.clear()

    assert resolver.address(FLEET) == "127.0.1.1"


def test_a_name_that_does_not_exist_has_no_address_and_is_asked_for_again() -> None:
    world = World(answers=Reply("NXDOMAIN"))
    resolver = world.resolver()
    with pytest.raises(Unresolved, match="NXDOMAIN"):
        resolver.address(FLEET)

    world.answers = PRIMARY

    assert resolver.address(FLEET) == "127.0.1.1"


def test_what_it_forgot_it_asks_for() -> None:
    world = World()
    resolver = world.resolver()
    resolver.address(FLEET)
    world.answers = SECONDARY

    resolver.forget()

    assert resolver.address(FLEET) == "127.0.1.2"


def test_a_program_can_ask_it_by_dns() -> None:
    resolver = World().resolver()
    with resolver.serve() as listener:
        question = dns.message.make_query(FLEET, "A")
        answered = dns.query.udp(question, "127.0.0.1", port=listener.port, timeout=2)
        resolver.failing = True
        failed = dns.query.udp(question, "127.0.0.1", port=listener.port, timeout=2)

    assert [rrset[0].to_text() for rrset in answered.answer] == ["p.test.", "127.0.1.1"]
    assert failed.rcode() == dns.rcode.SERVFAIL
