"""What a name server of Route 53 answers from record sets and the state of health checks; the rules, without a socket.

Simple and failover records are known. Of records with another routing policy the first is answered.
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-private-hosted-zones.html
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_LONGEST_CHAIN = 8

HOST_TTL = 60
"""Seconds for which the address of a host outside the zones may be kept."""

Healthy = Callable[[str | None], bool]


@dataclass(frozen=True)
class RecordSet:
    """One record set; `name` is in lower case with the dot at its end."""

    name: str
    type: str
    ttl: int
    values: tuple[str, ...]
    failover: str | None = None
    check_id: str | None = None


@dataclass(frozen=True)
class Zone:
    """A hosted zone and its record sets."""

    name: str
    records: tuple[RecordSet, ...]


@dataclass(frozen=True)
class Record:
    """One record of an answer."""

    name: str
    type: str
    ttl: int
    value: str


@dataclass(frozen=True)
class Reply:
    """What a name server answers."""

    rcode: str = "NOERROR"
    answers: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()


@dataclass(frozen=True)
class View:
    """What a name server knows at one moment."""

    zones: tuple[Zone, ...] = ()
    verdicts: Mapping[str, bool] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Addresses of hosts outside the zones, by name; `*.` stands for any one label."""

    def healthy(self, check_id: str | None) -> bool:
        """Whether what depends on a health check may be answered."""
        return self.verdicts.get(check_id or "", True)

    def address(self, name: str) -> str | None:
        """The address of a host outside the zones."""
        return self.hosts.get(name) or self.hosts.get(f"*.{name.partition('.')[2]}")


def canonical(name: str) -> str:
    """A name as zones have it."""
    return name.lower().rstrip(".") + "."


def record_set(told: Mapping[str, Any]) -> RecordSet:
    """A record set as `ListResourceRecordSets` tells of it."""
    return RecordSet(
        name=canonical(told["Name"]),
        type=told["Type"],
        ttl=int(told.get("TTL", 0)),
        values=tuple(record["Value"] for record in told.get("ResourceRecords", ())),
        failover=told.get("Failover"),
        check_id=told.get("HealthCheckId"),
    )


def chosen(records: Sequence[RecordSet], healthy: Healthy) -> RecordSet:
    """The record set of a name and type that is answered.

    | primary   | secondary | answered  |
    |-----------|-----------|-----------|
    | healthy   | any       | primary   |
    | unhealthy | healthy   | secondary |
    | unhealthy | unhealthy | primary   |
    | unhealthy | none      | primary   |
    | none      | any       | secondary |
    """
    by_role = {record.failover: record for record in reversed(records)}
    primary, secondary = by_role.get("PRIMARY"), by_role.get("SECONDARY")
    if primary is None or secondary is None:
        return records[0]
    fails_over = not healthy(primary.check_id) and healthy(secondary.check_id)
    return secondary if fails_over else primary


def answer(name: str, kind: str, view: View) -> Reply:
    """The reply to a question; an alias name is followed as far as these zones and hosts go."""
    asked, answers = canonical(name), list[Record]()
    for _ in range(_LONGEST_CHAIN):
        found = _found(asked, kind, view)
        answers += found.answers
        alias = found.answers[0].value if found.answers and found.answers[0].type == "CNAME" != kind else None
        if alias is None:
            # What lies beyond the zones is for the resolver to find; the part that is known is a good answer.
            rcode = "NOERROR" if answers and found.rcode == "REFUSED" else found.rcode
            return Reply(rcode, tuple(answers), found.authority)
        asked = canonical(alias)
    return Reply("SERVFAIL")


def _found(name: str, kind: str, view: View) -> Reply:
    address = view.address(name)
    if address:
        return Reply(answers=(Record(name, "A", HOST_TTL, address),) if kind == "A" else ())
    zone = _zone_of(name, view.zones)
    if zone is None:
        return Reply("REFUSED")
    own = [record for record in zone.records if record.name == name]
    matching = [record for record in own if record.type == kind] or [r for r in own if r.type == "CNAME"]
    if matching:
        return Reply(answers=tuple(_records([chosen(matching, view.healthy)])))
    exists = any(record.name == name or record.name.endswith(f".{name}") for record in zone.records)
    start = [record for record in zone.records if record.type == "SOA" and record.name == zone.name]
    return Reply("NOERROR" if exists else "NXDOMAIN", authority=tuple(_records(start)))


def _zone_of(name: str, zones: Iterable[Zone]) -> Zone | None:
    """The zone with the longest name that the name stands in."""
    around = [zone for zone in zones if name == zone.name or name.endswith(f".{zone.name}")]
    return max(around, key=lambda zone: len(zone.name), default=None)


def _records(record_sets: Iterable[RecordSet]) -> Iterable[Record]:
    for one in record_sets:
        for value in one.values:
            yield Record(one.name, one.type, one.ttl, value)
