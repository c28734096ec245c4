"""The page of a verification needs nothing else, and shows whatever a name or a reason may hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.files.pages.html_report import Report, write_report
from iot_dr.model.registry.differences import NotedDifference, Numbers, Sigil
from iot_dr.model.registry.field_changes import FieldChange
from iot_dr.model.registry.keys import Kind, group_membership_key, policy_key, thing_key

NUMBERS = {Kind.THING: Numbers(3, 2, {Sigil.SAME: 1, Sigil.MISSING: 1, Sigil.DIFFERENT: 1})}


class Page(HTMLParser):
    """What a browser finds in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self._in_rows = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_rows = dict(attrs).get("id") == "rows"

    def handle_data(self, data: str) -> None:
        if self._in_rows:
            self.rows += [json.loads(line) for line in data.strip().splitlines()]

    def handle_endtag(self, tag: str) -> None:
        self._in_rows = False


def a_page(tmp_path: Path, *rows: NotedDifference, notes: tuple[str, ...] = ()) -> tuple[str, Page]:
    path = tmp_path / "report.html"
    calls = {"us-east-1": {"ListThings": 1}}
    report = Report("us-east-1", "us-west-2", "then", "now", NUMBERS, calls, notes, "123456789012", "0.1.0")
    write_report(path, report, iter(rows))
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


def test_every_difference_is_a_row_of_its_own(tmp_path: Path) -> None:
    _, page = a_page(
        tmp_path,
        NotedDifference(thing_key("pump-1"), Sigil.MISSING, "missing in the secondary"),
        NotedDifference(group_membership_key("site", "pump-2"), Sigil.DIFFERENT, "why"),
    )

    assert page.rows == [
        ["+", "thing", "pump-1", "missing in the secondary", ""],
        ["*", "group_membership", "site pump-2", "why", ""],
    ]


def test_a_row_has_the_values_of_the_fields_that_differ_and_a_documents_diff(tmp_path: Path) -> None:
    fields = (FieldChange("attributes.site", '"south"', '"north"'), FieldChange("type_name", None, '"pump"'))
    document = FieldChange("document", '{"Version":"2"}', '{"Version":"1"}')
    _, page = a_page(
        tmp_path,
        NotedDifference(thing_key("pump-1"), Sigil.DIFFERENT, "differs", fields),
        NotedDifference(policy_key("pumps"), Sigil.DIFFERENT, "differs", (document,)),
    )

    assert page.rows[0][4].splitlines() == [
        'attributes.site: primary "north", secondary "south"',
        'type_name: primary "pump", secondary has none',
    ]
    assert page.rows[1][4].splitlines()[2:] == ["@@ -1,3 +1,3 @@", " {", '-  "Version": "2"', '+  "Version": "1"', " }"]


def test_a_name_can_neither_end_the_script_nor_become_part_of_the_page(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"

    text, page = a_page(tmp_path, NotedDifference(thing_key(evil), Sigil.MISSING, "<b>"), notes=("<i>note</i>",))

    assert page.rows == [["+", "thing", evil, "<b>", ""]]
    assert "alert(1)</script>" not in text
    assert "<i>note</i>" not in text


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    text, page = a_page(tmp_path)

    assert not [tag for tag, attributes in page.tags if attributes.keys() & {"src", "href"}]
    assert not re.search(r"https?://|@import|url\(", text)


def test_counts_and_plots_say_what_was_found(tmp_path: Path) -> None:
    text, page = a_page(tmp_path)

    assert "2 differences" in text
    assert [
        attributes["class"] for tag, attributes in page.tags if (attributes.get("class") or "").startswith("bar ")
    ] == [
        "bar same",
        "bar missing",
        "bar different",
        "bar same",
    ]
    assert "us-east-1  ListThings" in text


def test_the_heading_names_the_account_and_the_release(tmp_path: Path) -> None:
    assert "Account 123456789012, verified by release 0.1.0." in a_page(tmp_path)[0]


def test_each_number_says_what_it_is_for_a_screen_that_has_no_room_for_a_head(tmp_path: Path) -> None:
    _, page = a_page(tmp_path)

    labels = [attributes["data-label"] for tag, attributes in page.tags if tag == "td" and "data-label" in attributes]
    assert labels == ["primary", "secondary", "= same", "+ missing", "- surplus", "* different", "! unreadable"]


def test_rows_are_written_as_they_come(tmp_path: Path) -> None:
    def rows() -> Iterator[NotedDifference]:
        for number in range(50_000):
            yield NotedDifference(thing_key(f"pump-{number}"), Sigil.MISSING)
            if number == 49_999:
                written.append((tmp_path / "report.html").stat().st_size)

    written: list[int] = []
    write_report(tmp_path / "report.html", Report("a", "b", "", "", NUMBERS), rows())

    assert written[0] > 1_000_000


def test_a_page_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_report(tmp_path / "none" / "report.html", Report("a", "b", "", "", {}), ())
