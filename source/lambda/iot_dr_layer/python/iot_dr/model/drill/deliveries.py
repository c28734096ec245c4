"""What became of a client's numbered messages and of its shadow's counter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NumberRun:
    """Messages in a row that one Region acknowledged, by their first and last number."""

    first: int
    last: int
    region: str


@dataclass(frozen=True)
class ClientDelivery:
    """What became of one client's messages of QoS 1.

    Attributes:
        client: its name.
        acknowledged: how many a Region took responsibility for, by PUBACK.
        runs: which Region took which.
        lost: acknowledged, and seen by no subscriber in either Region.
        doubled: seen more than once, which QoS 1 admits.
        reordered: seen first after one with a higher number, which a message that is sent again is.
    """

    client: str
    acknowledged: int
    runs: tuple[NumberRun, ...] = ()
    lost: tuple[int, ...] = ()
    doubled: tuple[int, ...] = ()
    reordered: tuple[int, ...] = ()


def delivery(client: str, acknowledged: Mapping[int, str], arrived: Sequence[int]) -> ClientDelivery:
    """Compare what Regions acknowledged, by number, with what subscribers saw, in the order in which they saw it.

    >>> delivery("c", {1: "here", 2: "here", 3: "there"}, [1, 3, 3]).lost
    (2,)
    """
    times = Counter(arrived)
    return ClientDelivery(
        client,
        len(acknowledged),
        tuple(_runs(acknowledged)),
        lost=tuple(sorted(acknowledged.keys() - times.keys())),
        doubled=tuple(sorted(number for number, seen in times.items() if seen > 1)),
        reordered=tuple(sorted(_reordered(arrived))),
    )


def _runs(acknowledged: Mapping[int, str]) -> Iterator[NumberRun]:
    run: NumberRun | None = None
    for number, region in sorted(acknowledged.items()):
        if run and run.region == region and number == run.last + 1:
            run = NumberRun(run.first, number, region)
            continue
        if run:
            yield run
        run = NumberRun(number, number, region)
    if run:
        yield run


def _reordered(arrived: Iterable[int]) -> Iterator[int]:
    highest, seen = 0, set[int]()
    for number in arrived:
        if number not in seen and number < highest:
            yield number
        seen.add(number)
        highest = max(highest, number)


@dataclass(frozen=True)
class ShadowFound:
    """What a client found of its shadow in the new Region before it wrote there.

    Attributes:
        client: its name.
        acknowledged: the last count that the old Region acknowledged.
        found: the count that the new one had; 0 if none.
        behind: how many seconds before the last one the old Region had acknowledged what was found.
    """

    client: str
    acknowledged: int
    found: int
    behind: float


def shadow_found(client: str, acknowledged: Mapping[int, float], found: int) -> ShadowFound:
    """Compare a counter with when each count was acknowledged.

    >>> shadow_found("c", {1: 10.0, 2: 11.0, 3: 12.5}, 2).behind
    1.5
    """
    if not acknowledged:
        return ShadowFound(client, 0, found, 0.0)
    last = max(acknowledged)
    if found >= last:
        return ShadowFound(client, last, found, 0.0)
    there = max((count for count in acknowledged if count <= found), default=min(acknowledged))
    return ShadowFound(client, last, found, acknowledged[last] - acknowledged[there])
