"""What name servers answer, and when that counts."""

from __future__ import annotations

import pytest

from iot_dr.model.failover.names import NameAnswer, NameAnswers, host_of
from iot_dr.model.status.status_parts import Unread

HERE, THERE, SILENT = NameAnswer("here", 30), NameAnswer("there", 60), Unread("silent")


@pytest.mark.parametrize(
    ("answers", "most", "all_"),
    [
        ([HERE, HERE, HERE, HERE], True, True),
        ([HERE, HERE, HERE, SILENT], True, True),
        ([HERE, HERE, HERE, THERE], True, False),
        ([HERE, HERE, SILENT, SILENT], False, False),
        ([HERE, HERE, THERE, THERE], False, False),
        ([SILENT], False, False),
        ([], False, False),
    ],
)
def test_more_than_half_of_all_must_say_so_and_for_all_nobody_anything_else(
    answers: list[NameAnswer | Unread], most: bool, all_: bool
) -> None:
    found = NameAnswers({f"ns-{number}": one for number, one in enumerate(answers)})

    assert (found.most_say("here"), found.all_say("here")) == (most, all_)


def test_a_resolver_may_keep_the_answer_that_holds_longest() -> None:
    assert NameAnswers({"ns-1": HERE, "ns-2": THERE, "ns-3": SILENT}).ttl == 60
    assert NameAnswers().ttl == 0


@pytest.mark.parametrize("endpoint", ["a.iot.amazonaws.com", "A.iot.AMAZONAWS.com.", "a.iot.amazonaws.com:8883"])
def test_an_endpoint_is_compared_as_name_servers_tell_it(endpoint: str) -> None:
    assert host_of(endpoint) == "a.iot.amazonaws.com"
