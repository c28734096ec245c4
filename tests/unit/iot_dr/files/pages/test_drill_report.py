"""The page of a drill needs nothing else, tells the verdict first, and shows whatever a name may hold."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.files.pages import drill_plots
from iot_dr.files.pages.drill_report import read_earlier, write_drill_report
from iot_dr.model.drill.deliveries import delivery
from iot_dr.model.drill.results import DrillResult
from iot_dr.model.drill.traces import ClientLine
from iot_dr.model.drill.verdicts import summary
from tests.unit.iot_dr.model.drill.test_verdicts import GONE, THERE, WELL, P, S

FULL = replace(
    WELL,
    reconnects={3: 2, 14: 1},
    quota=500.0,
    phases=(("make", 0.0), ("remove", 50.0)),
    settings={"fault": "drain"},
    versions={"iot-dr": "0.1.0"},
    lag=("thing: 0.9 s",),
    untested=("The fence of the secondary.",),
)


class DrillPage(HTMLParser):
    """What a browser finds in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.document = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.document += data
        elif self._inside != "style":
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def painted(self, paint: str) -> int:
        """Count the bars of one paint."""
        return sum(1 for tag, attributes in self.tags if tag == "rect" and attributes.get("class") == paint)


def a_page(tmp_path: Path, result: DrillResult = FULL, earlier: dict[str, float] | None = None) -> DrillPage:
    path = tmp_path / "drill.html"
    write_drill_report(path, result, earlier or {})
    return DrillPage(path.read_text(encoding="utf-8"))


def test_the_verdict_comes_first_and_everything_is_told(tmp_path: Path) -> None:
    text = a_page(tmp_path).text

    order = [
        *("Objectives met", "RTO to us-west-2", f"To {S}: drain", "Distribution by phase", f"To {P}: drain"),
        *("What each name server answered", "Connections a second", "Messages by their numbers"),
        *("Lag of replication", "The fence of the secondary.", "Settings and versions", "Phases of the drill"),
    ]
    places = [text.index(one) for one in order]
    assert places == sorted(places)


def test_whether_the_fleet_went_along_is_told(tmp_path: Path) -> None:
    alone = a_page(tmp_path)
    along = a_page(tmp_path, replace(FULL, fleet=replace(GONE, before="2 things", plan="0123: nothing differs")))

    assert "The fleet was not touched." in alone.text
    assert "The fleet went along: devices.example.com; connected before: 2 things" in along.text
    assert "fleet is back in us-east-1" in along.text


def test_it_needs_nothing_from_anywhere_else(tmp_path: Path) -> None:
    page = a_page(tmp_path)

    assert not [tag for tag, attributes in page.tags if {"src", "href"} & attributes.keys()]
    assert not re.search(r"url\(|@import|https?://", (tmp_path / "drill.html").read_text())


def test_what_is_inside_is_what_stands_beside_it(tmp_path: Path) -> None:
    page = a_page(tmp_path)

    beside = json.loads((tmp_path / "drill.html.json").read_text())
    assert json.loads(page.document) == beside
    assert beside["legs"][0]["lines"][0]["client"] == "d-0001"


def test_both_files_are_their_owners_alone(tmp_path: Path) -> None:
    a_page(tmp_path)

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_each_client_has_a_bar_of_each_phase_on_each_way(tmp_path: Path) -> None:
    page = a_page(tmp_path)

    assert [page.painted(f"phase{number}") for number in range(4)] == [4, 4, 4, 4]
    assert [page.painted(f"mark phase{number}") for number in range(4)] == [4, 4, 4, 4]


def test_an_objective_that_is_missed_is_told(tmp_path: Path) -> None:
    lost = delivery("d-0001", dict.fromkeys(range(1, 5), P), [1, 3, 2, 2])

    page = a_page(tmp_path, replace(FULL, deliveries=(lost,)))

    assert "Objectives missed" in page.text
    assert "1 of 4 acknowledged messages" in page.text
    strips = {paint: page.painted(paint) for paint in ("doubled", "reordered")}
    assert strips == {"doubled": 1, "reordered": 1}


def test_of_many_clients_the_slowest_are_drawn_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drill_plots, "MOST_ROWS", 2)
    lines = tuple(ClientLine(f"d-{one:04}", before=9.0, left=11.0, puback=11.0 + one) for one in range(1, 6))

    page = a_page(tmp_path, replace(FULL, legs=(replace(THERE, lines=lines),)))

    assert "The 2 slowest of 5 clients" in page.text
    assert page.painted("phase3") == 2
    assert page.text.index("0005") < page.text.index("0004")


def test_who_was_not_served_is_named(tmp_path: Path) -> None:
    lines = (*THERE.lines, ClientLine("d-0009", before=9.0))

    assert f"Not served in {S}: 0009" in a_page(tmp_path, replace(FULL, legs=(replace(THERE, lines=lines),))).text


def test_a_drill_that_found_nothing_is_drawn_too(tmp_path: Path) -> None:
    nothing = replace(
        FULL, legs=(replace(THERE, lines=(), answers=()),), deliveries=(), reconnects={}, shadows=None, late_thing=None
    )

    assert "Objectives missed" in a_page(tmp_path, nothing).text


def test_the_quota_is_drawn_where_it_is_or_said_to_be_above(tmp_path: Path) -> None:
    assert "500 a second in us-west-2, which is above this scale" in a_page(tmp_path).text
    assert "above this scale" not in a_page(tmp_path, replace(FULL, quota=2.0)).text


def test_two_drills_are_compared_on_the_page_of_the_later(tmp_path: Path) -> None:
    a_page(tmp_path)
    earlier = read_earlier(tmp_path / "drill.html.json")

    assert earlier == summary(FULL)
    page = a_page(tmp_path, earlier={**earlier, "messages lost": 1234.5})
    assert "1,234.5" in page.text
    assert "Compared with an earlier drill" not in a_page(tmp_path).text


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "</script><b>", "a&b\"'", "\ud800"])
def test_no_text_is_taken_for_more_than_text(tmp_path: Path, text: str) -> None:
    page = a_page(tmp_path, replace(FULL, left=(text,), settings={text: text}, lag=(text,)))

    assert [tag for tag, _ in page.tags].count("script") == 1
    assert json.loads(page.document)["left"] == [text]


def test_a_page_that_cannot_be_written_is_refused_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="another file by --report"):
        write_drill_report(tmp_path / "missing" / "drill.html", FULL, {})


def test_an_earlier_drill_that_cannot_be_read_is_refused_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="earlier drill by --against"):
        read_earlier(tmp_path / "missing.json")
