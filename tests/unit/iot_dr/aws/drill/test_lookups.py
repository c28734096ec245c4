"""The resolvers of a drill's devices."""

from __future__ import annotations

import dns.resolver
import pytest

from iot_dr.aws.drill.lookups import SystemNameLookup, ZoneNameLookup
from iot_dr.errors import RegionUnavailable
from tests.builders import PRIMARY, SECONDARY
from tests.failover_fakes import ENDPOINTS, FLEET, ScriptedNameServers, Time
from tests.name_server import NameServer


def test_an_answer_is_kept_for_its_time_to_live_and_no_longer() -> None:
    names, time = ScriptedNameServers({"ns-1": ENDPOINTS[PRIMARY]}, ttl=30), Time()
    lookup = ZoneNameLookup(FLEET, names, ("ns-1",), time.stopwatch, lambda servers: servers[0])

    assert lookup.target() == ENDPOINTS[PRIMARY]
    names.by_server["ns-1"] = ENDPOINTS[SECONDARY]
    time.pause(29.9)
    assert lookup.target() == ENDPOINTS[PRIMARY]
    time.pause(0.2)
    assert lookup.target() == ENDPOINTS[SECONDARY]


def test_a_server_that_does_not_answer_tells_nothing_and_the_next_look_asks_again() -> None:
    names = ScriptedNameServers({"ns-1": RegionUnavailable("no answer")})
    lookup = ZoneNameLookup(FLEET, names, ("ns-1",), Time().stopwatch, lambda servers: servers[0])

    assert lookup.target() is None
    names.by_server["ns-1"] = ENDPOINTS[PRIMARY]
    assert lookup.target() == ENDPOINTS[PRIMARY]


def test_the_systems_resolver_is_asked_for_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    with NameServer(FLEET, "A1.iot.us-east-1.amazonaws.com.") as server:

        def resolver() -> dns.resolver.Resolver:
            made = _Resolver(configure=False)
            made.nameservers, made.port = ["127.0.0.1"], server.port
            return made

        monkeypatch.setattr(dns.resolver, "Resolver", resolver)
        assert SystemNameLookup(FLEET).target() == "a1.iot.us-east-1.amazonaws.com"
        server.target = None
        assert SystemNameLookup(FLEET).target() is None


_Resolver = dns.resolver.Resolver
