"""What of the primary's settings the secondary lacks."""

from collections.abc import Mapping
from typing import Any

import pytest

from iot_dr.model.sites import Side
from iot_dr.model.status.checks import Check, Level
from iot_dr.model.status.parity import Family, Settings
from iot_dr.services.doctor import parity
from tests.builders import PAIR


class Region:
    """One Region's settings of every family."""

    def __init__(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        self._settings = settings

    def read(self, family: Family) -> Settings:
        return self._settings


def compared(primary: Settings, secondary: Settings, *, needed: bool = False) -> Check:
    readers = {Side.SOURCE: Region(primary), Side.TARGET: Region(secondary)}
    (check,) = parity.compare(Family.TOPIC_RULES, PAIR, readers, needed=needed)
    return check


def test_what_is_alike_is_counted() -> None:
    assert compared({"a": {"sql": "1"}}, {"a": {"sql": "1"}}).found == "1 alike in us-west-2"
    assert compared({}, {}).found == "none"


def test_what_is_missing_and_what_differs_is_a_warning_with_names_fields_and_mend() -> None:
    check = compared({"a": {"sql": "1"}, "b": {"sql": "1"}}, {"b": {"sql": "2"}})

    assert check.level is Level.WARNING
    assert check.found == "1 missing in us-west-2: a; 1 different: b (sql)"
    assert check.names == ("a", "b")
    assert "create-topic-rule" in check.mend


@pytest.mark.parametrize(
    ("secondary", "level"), [({}, Level.FAILURE), ({"a": {"sql": "2"}}, Level.WARNING), ({"a": {"sql": "1"}}, Level.OK)]
)
def test_what_replication_itself_needs_is_a_failure_where_it_lacks(secondary: Settings, level: Level) -> None:
    assert compared({"a": {"sql": "1"}}, secondary, needed=True).level is level


@pytest.mark.parametrize("family", Family)
def test_every_family_has_its_mend(family: Family) -> None:
    assert parity.NEEDED_FOR[family]
