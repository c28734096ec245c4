"""A plan is shown resource by resource; what a terminal has no room for goes to a pager."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

import click
import pytest

from iot_dr.cli.view.plans import page_lines, plan_lines, resource_json
from iot_dr.model.registry.changes import Delete, Skip, Update
from iot_dr.model.registry.differences import Difference, Sigil
from iot_dr.model.sync.progress import Planned
from tests.builders import a_document, a_policy, a_thing


def an_update(name: str) -> Difference:
    old, new = a_thing(name, {"site": "south"}), a_thing(name, {"site": "north"})
    return Difference(new.key, Sigil.DIFFERENT, "attributes differs", Update(new, old, ""), new, old)


def planned(*differences: Difference) -> Planned:
    made = Planned(Counter())
    for one in differences:
        made.count(one)
    return made


def shown(*differences: Difference) -> list[str]:
    return [click.unstyle(line) for line in plan_lines(planned(*differences), differences)]


def test_resources_are_grouped_by_kind_with_old_and_new_values() -> None:
    gone, stays = a_thing("gone", {"site": "east"}), a_thing("stays")
    found = (
        an_update("pump-1"),
        Difference(gone.key, Sigil.SURPLUS, "absent in the primary", Delete(gone, ""), None, gone),
        Difference(stays.key, Sigil.SURPLUS, "replication did not create it", Skip(stays.key, ""), None, stays),
    )

    assert shown(*found) == [
        "Things: 1 update, 1 delete, 1 leave",
        "  update thing#pump-1",
        '      attributes.site: "south" -> "north"',
        "  delete thing#gone: absent in the primary",
        '      attributes.site: "east"',
        "  leave thing#stays: replication did not create it",
        "",
    ]


def test_a_policy_is_shown_as_a_diff() -> None:
    old, new = a_policy(document=a_document(action="iot:Connect")), a_policy(document=a_document(action="iot:Publish"))
    lines = shown(Difference(new.key, Sigil.DIFFERENT, "", Update(new, old, ""), new, old))

    assert lines[:5] == [
        "Policies: 1 update",
        "  update policy#pumps",
        "      document:",
        "      --- old",
        "      +++ new",
    ]
    assert '      -      "Action": "iot:Connect",' in lines
    assert '      +      "Action": "iot:Publish",' in lines


def test_a_script_gets_values_as_json_and_the_diff_of_a_document() -> None:
    old, new = a_policy(document=a_document(action="iot:Connect")), a_policy(document=a_document(action="iot:Publish"))
    told = json.loads(resource_json(Difference(new.key, Sigil.DIFFERENT, "why", Update(new, old, ""), new, old)))

    (document,) = told.pop("fields")
    assert told == {
        "resource": "policy#pumps",
        "kind": "policy",
        "name": "pumps",
        "other": "",
        "step": "update",
        "reason": "why",
    }
    assert document["new"]["Statement"][0]["Action"] == "iot:Publish"
    assert document["diff"].startswith("--- old\n+++ new\n@@")


def test_a_control_character_of_a_name_or_value_does_nothing() -> None:
    old, new = a_thing("\x1b[2J"), a_thing("\x1b[2J", {"a\x1b": "\x1b"})
    lines = list(plan_lines(Planned(), [Difference(new.key, Sigil.DIFFERENT, "", Update(new, old, ""), new, old)]))

    assert "\x1b[2J" not in "".join(map(click.unstyle, lines))


@pytest.mark.parametrize(("number", "paged"), [(3, False), (4, True)])
def test_what_a_terminal_has_no_room_for_is_paged_line_by_line(
    capsys: pytest.CaptureFixture[str], number: int, paged: bool
) -> None:
    handed: list[str] = []
    drawn = []

    def lines() -> Iterator[str]:
        for one in range(number):
            drawn.append(one)
            yield str(one)

    def pager(text: Iterable[str]) -> None:
        assert len(drawn) == 4  # no more is drawn than is needed to tell that there is no room
        handed.extend(text)

    page_lines(lines(), 3, pager)

    printed = [] if paged else ["0", "1", "2"]
    assert capsys.readouterr().out.splitlines() == printed
    assert handed == (["0\n", "1\n", "2\n", "3\n"] if paged else [])


def test_a_plan_is_drawn_as_it_is_printed_and_never_held() -> None:
    def endless() -> Iterator[Difference]:
        while True:
            yield an_update("pump-1")

    lines = plan_lines(Planned(steps=Counter()), endless())

    assert [click.unstyle(next(lines)).split()[0] for _ in range(3)] == ["Things:", "update", "attributes.site:"]
