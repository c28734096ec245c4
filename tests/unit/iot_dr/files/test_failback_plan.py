"""A failback's plan on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.files import failback_plan
from iot_dr.files.failback_plan import SqliteFailbackPlan
from iot_dr.model.exact_json import parse
from iot_dr.model.failback.plan import Decision, FailbackVerdict, PlannedRow
from iot_dr.model.registry.entities import Entity, ThingPrincipal
from iot_dr.model.registry.keys import Kind, shadow_key, thing_key
from iot_dr.model.shadows.shadow import Shadow, document_of
from tests.builders import a_device, a_dynamic_group, a_group, a_thing, a_thing_type

ENTITIES = (*a_device(), a_thing_type(), a_group(parent="root"), a_dynamic_group())
SHADOW = Shadow(shadow_key("pump-17", "config"), document_of(parse('{"reported": {"n": 1.50}}')), 3, 1000)


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[SqliteFailbackPlan]:
    with SqliteFailbackPlan(tmp_path / "failback" / "plan.sqlite") as opened:
        yield opened


def a_row(
    leader: Entity | None, old: Entity | None = None, verdict: FailbackVerdict = FailbackVerdict.CREATE_OLD
) -> PlannedRow:
    one = leader or old
    assert one is not None
    return PlannedRow(one.key, Decision(verdict, "why"), leader, old, old)


@pytest.mark.parametrize("entity", [*ENTITIES, SHADOW], ids=lambda one: str(one.key.kind))
def test_a_row_of_any_kind_comes_back_as_it_was(plan: SqliteFailbackPlan, entity: Entity) -> None:
    plan.put([a_row(entity), a_row(a_thing("other"))])

    found = plan.row(entity.key)

    assert found == a_row(entity)
    assert found is not None
    assert getattr(found.leader, "version", 0) == getattr(entity, "version", 0)
    assert a_row(entity) in list(plan.rows(entity.key.kind))


def test_what_has_no_row_is_none_and_an_empty_plan_has_none(plan: SqliteFailbackPlan) -> None:
    assert plan.row(thing_key("pump-17")) is None
    assert (plan.numbers().total, list(plan.rows(Kind.THING))) == (0, [])


def test_rows_come_in_the_order_of_their_places_behind_a_key_however_many(
    plan: SqliteFailbackPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failback_plan, "CHUNK", 3)
    names = [f"pump-{number:02}" for number in range(10)]
    plan.put(a_row(a_thing(name)) for name in reversed(names))

    assert [row.key.name for row in plan.rows(Kind.THING)] == names
    assert [row.key.name for row in plan.rows(Kind.THING, thing_key("pump-06"))] == names[7:]


def test_relations_to_certificates_come_in_the_order_of_certificates(plan: SqliteFailbackPlan) -> None:
    one, other = ThingPrincipal("z", "a" * 64), ThingPrincipal("a", "b" * 64)
    plan.put([a_row(other), a_row(one)])

    assert [row.leader for row in plan.rows(Kind.THING_PRINCIPAL)] == [one, other]


def test_rows_are_counted_by_kind_and_verdict(plan: SqliteFailbackPlan) -> None:
    plan.put([a_row(a_thing("a")), a_row(a_thing("b")), a_row(None, SHADOW, FailbackVerdict.DELETE_OLD)])

    assert dict(plan.numbers().verdicts) == {
        (Kind.THING, FailbackVerdict.CREATE_OLD): 2,
        (Kind.SHADOW, FailbackVerdict.DELETE_OLD): 1,
    }


def test_the_digest_differs_whenever_a_row_does_and_not_for_what_a_region_counts(plan: SqliteFailbackPlan) -> None:
    one = a_row(a_thing("a"), a_thing("a", {"x": "1"}), FailbackVerdict.CONFLICT)
    others = (
        replace(one, leader=a_thing("a", {"x": "2"})),
        replace(one, old=a_thing("a", {"x": "3"})),
        replace(one, decision=Decision(FailbackVerdict.UPDATE_OLD, "why")),
        a_row(a_thing("b")),
    )
    found = set()
    for row in (one, *others):
        plan.clear()
        plan.put([row])
        found.add(plan.digest())
    assert len(found) == 1 + len(others)

    plan.clear()
    plan.put([replace(one, leader=replace(a_thing("a"), version=7))])
    assert plan.digest() in found


def test_facts_are_kept_for_the_next_process(plan: SqliteFailbackPlan, tmp_path: Path) -> None:
    plan.set_fact("accepted", "0a")

    with SqliteFailbackPlan(tmp_path / "failback" / "plan.sqlite") as again:
        assert (again.fact("accepted"), again.fact("other")) == ("0a", "")
        again.clear()
        assert again.fact("accepted") == ""


def test_a_file_that_is_no_plan_is_told(tmp_path: Path) -> None:
    (tmp_path / "plan.sqlite").write_text("not a database, but long enough to be read as one" * 9)

    with pytest.raises((ConfigurationError, sqlite3.Error)):
        SqliteFailbackPlan(tmp_path / "plan.sqlite")
