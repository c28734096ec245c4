"""What a name server of Route 53 answers, without a socket."""

from typing import Any

import pytest

from lab.route53.zones import Record, RecordSet, Reply, View, Zone, answer, chosen, record_set

ZONE = "example.com."
FLEET = "fleet.example.com."
P, S = "p-ats.iot.us-east-1.amazonaws.com.", "s-ats.iot.us-west-2.amazonaws.com."
START = "ns-1.awsdns-1.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
PRIMARY = RecordSet(FLEET, "CNAME", 3, (P,), failover="PRIMARY", check_id="p")
SECONDARY = RecordSet(FLEET, "CNAME", 3, (S,), failover="SECONDARY", check_id="s")
RECORDS = (
    RecordSet(ZONE, "SOA", 900, (START,)),
    RecordSet(ZONE, "NS", 172800, ("ns-1.awsdns-1.com.", "ns-2.awsdns-2.net.")),
    RecordSet("a.deep.example.com.", "A", 60, ("192.0.2.1", "192.0.2.2")),
    RecordSet("other.example.com.", "CNAME", 60, ("elsewhere.test.",)),
    SECONDARY,
    PRIMARY,
)
HOSTS = {"*.iot.us-east-1.amazonaws.com.": "127.0.1.1", "*.iot.us-west-2.amazonaws.com.": "127.0.1.2"}


def view(**verdicts: bool) -> View:
    return View((Zone("com.", ()), Zone(ZONE, RECORDS)), verdicts, HOSTS)


@pytest.mark.parametrize(
    ("primary", "secondary", "answered"),
    [(True, True, PRIMARY), (True, False, PRIMARY), (False, True, SECONDARY), (False, False, PRIMARY)],
)
def test_the_secondary_is_answered_only_while_it_is_healthy_and_the_primary_is_not(
    primary: bool, secondary: bool, answered: RecordSet
) -> None:
    verdicts = {"p": primary, "s": secondary}

    for records in ([PRIMARY, SECONDARY], [SECONDARY, PRIMARY]):
        assert chosen(records, lambda check_id: verdicts[check_id or ""]) == answered


@pytest.mark.parametrize("record", [PRIMARY, SECONDARY])
def test_who_is_alone_is_answered_even_if_it_is_unhealthy(record: RecordSet) -> None:
    assert chosen([record], lambda _: False) == record


def test_a_record_without_a_check_counts_as_healthy() -> None:
    unchecked = RecordSet(FLEET, "CNAME", 3, (S,), failover="SECONDARY")

    assert chosen([PRIMARY, unchecked], View(verdicts={"p": False}).healthy) == unchecked


@pytest.mark.parametrize(("well", "target", "address"), [(True, P, "127.0.1.1"), (False, S, "127.0.1.2")])
def test_the_alias_of_the_fleet_is_followed_to_the_address_of_its_endpoint(
    well: bool, target: str, address: str
) -> None:
    assert answer("Fleet.Example.COM", "A", view(p=well)) == Reply(
        answers=(Record(FLEET, "CNAME", 3, target), Record(target, "A", 60, address))
    )


def test_who_asks_for_the_alias_gets_it_alone() -> None:
    assert answer(FLEET, "CNAME", view()) == Reply(answers=(Record(FLEET, "CNAME", 3, P),))


def test_a_record_set_answers_with_all_its_values() -> None:
    assert [record.value for record in answer("a.deep.example.com", "A", view()).answers] == ["192.0.2.1", "192.0.2.2"]


def test_an_alias_that_leads_out_of_the_zones_is_answered_as_far_as_it_is_known() -> None:
    assert answer("other.example.com", "A", view()) == Reply(
        answers=(Record("other.example.com.", "CNAME", 60, "elsewhere.test."),)
    )


@pytest.mark.parametrize(("kind", "count"), [("SOA", 1), ("NS", 2)])
def test_the_zone_tells_its_name_servers_and_its_start(kind: str, count: int) -> None:
    reply = answer(ZONE, kind, view())

    assert [(record.type, record.name) for record in reply.answers] == [(kind, ZONE)] * count


@pytest.mark.parametrize(
    ("name", "kind", "rcode"),
    [
        ("nobody.example.com", "A", "NXDOMAIN"),
        ("deep.example.com", "A", "NOERROR"),
        ("a.deep.example.com", "AAAA", "NOERROR"),
    ],
)
def test_what_is_not_there_is_answered_with_the_start_of_the_zone(name: str, kind: str, rcode: str) -> None:
    assert answer(name, kind, view()) == Reply(rcode, authority=(Record(ZONE, "SOA", 900, START),))


@pytest.mark.parametrize("name", ["example.net", "badexample.com.au"])
def test_what_is_outside_the_zones_is_refused(name: str) -> None:
    assert answer(name, "A", view()) == Reply("REFUSED")


def test_an_alias_that_leads_to_itself_fails() -> None:
    looped = Zone(ZONE, (RecordSet(FLEET, "CNAME", 3, (FLEET,)),))

    assert answer(FLEET, "A", View((looped,))) == Reply("SERVFAIL")


def test_an_endpoint_has_an_address_and_no_other_record() -> None:
    assert answer(P, "A", view()) == Reply(answers=(Record(P, "A", 60, "127.0.1.1"),))
    assert answer(P, "AAAA", view()) == Reply()


def test_a_record_set_is_read_as_route_53_tells_of_it() -> None:
    told: dict[str, Any] = {
        "Name": "Fleet.example.com.",
        "Type": "CNAME",
        "TTL": 3,
        "ResourceRecords": [{"Value": P}],
        "SetIdentifier": "primary",
        "Failover": "PRIMARY",
        "HealthCheckId": "p",
    }

    assert record_set(told) == PRIMARY
