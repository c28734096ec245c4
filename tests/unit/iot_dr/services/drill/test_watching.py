"""What each name server answered, as it was seen."""

from __future__ import annotations

from iot_dr.errors import RegionUnavailable
from iot_dr.model.drill.results import AnswerChange
from iot_dr.services.drill.watching import SILENT, NameWatch
from tests.builders import PRIMARY, SECONDARY
from tests.failover_fakes import ENDPOINTS, FLEET, ScriptedNameServers, Time


def test_only_changes_are_noted_each_with_its_time() -> None:
    names, time = ScriptedNameServers({"ns-1": ENDPOINTS[PRIMARY], "ns-2": ENDPOINTS[PRIMARY]}), Time()
    watch = NameWatch(FLEET, ("ns-1", "ns-2"), names, ENDPOINTS, time.stopwatch)
    watch.look()
    time.pause(3)
    names.by_server["ns-2"] = ENDPOINTS[SECONDARY]
    watch.look()
    watch.look()

    assert watch.changes == [
        AnswerChange("ns-1", 0.0, PRIMARY),
        AnswerChange("ns-2", 0.0, PRIMARY),
        AnswerChange("ns-2", 3.0, SECONDARY),
    ]
    assert not watch.all_say(SECONDARY)


def test_a_time_is_told_with_what_was_answered_before_it() -> None:
    watch = NameWatch(FLEET, ("ns-1",), ScriptedNameServers(), ENDPOINTS, Time().stopwatch)
    watch.changes = [AnswerChange("ns-1", at, says) for at, says in ((1.0, "a"), (2.0, "b"), (4.0, "c"), (9.0, "d"))]

    assert [one.says for one in watch.between(3.0, 9.0)] == ["b", "c"]


def test_a_silent_server_is_told_and_says_no_region() -> None:
    names = ScriptedNameServers({"ns-1": RegionUnavailable("no answer")})
    watch = NameWatch(FLEET, ("ns-1",), names, ENDPOINTS, Time().stopwatch)

    watch.look()

    assert watch.changes == [AnswerChange("ns-1", 0.0, SILENT)]
    assert not watch.all_say(PRIMARY)
