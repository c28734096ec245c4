"""What has to exist for a kind besides its row, file by file: CONTRIBUTING and docs/adding-a-kind.md name the same."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from awacs.aws import PolicyDocument
from hypothesis import HealthCheck, Phase, find, settings
from troposphere import encode_to_dict

from iot_dr.aws.registry import fleet_reader, reader, writer
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import REGISTRY_KINDS, ROW, KindRow, ends_of
from iot_dr.model.registry.read_calls import SUBJECTS, ReadCall
from templates.blocks import registry_permissions
from templates.replication_workflow import KINDS as BRANCHES
from tests.strategies import registries

PACKAGE = "source/lambda/iot_dr_layer/python/iot_dr/"


@dataclass(frozen=True)
class Tables:
    """Where the product, its templates and its tests have an entry for each kind."""

    kinds: Collection[str]
    entities: Collection[type[Any]]
    questions: Collection[str]
    subjects: Collection[str]
    rows: Mapping[Kind, KindRow]
    actions: Collection[str]
    described: Collection[str]
    listed: Collection[str]
    forms: Collection[str]
    writes: Collection[str]
    permitted: str
    branches: Collection[str]
    drawn: Collection[str]


@dataclass(frozen=True)
class Step:
    """One file that a new kind needs a line in, and what tells that it has it."""

    file: str
    is_done: Callable[[Tables, KindRow, Any], bool]


def _has_kind(tables: Tables, row: KindRow, sample: Any) -> bool:
    return row.kind in tables.kinds and row.key(*_names(row, sample)).kind == row.kind


def _has_class(tables: Tables, row: KindRow, sample: Any) -> bool:
    named = tuple(field.name for field in dataclasses.fields(row.entity)[: len(row.names)])
    frozen = row.entity.__dataclass_params__.frozen
    fixed = all(hasattr(sample, name) for name in row.fixed)
    return row.entity in tables.entities and named == row.names and frozen and fixed and sample.key == _key(row, sample)


def _has_calls(tables: Tables, row: KindRow, _sample: Any) -> bool:
    subject = row.described_by is None or row.described_by in tables.subjects
    return subject and set(_questions(row)) <= set(tables.questions)


def _has_row(tables: Tables, row: KindRow, sample: Any) -> bool:
    needed = row.needs(sample) if row.needs else ends_of(_key(row, sample))
    later = [one for one in needed if one.kind is not row.kind and tables.rows[one.kind].rank >= row.rank]
    reached = row.relation is not None or (row.listed_by is not None and row.arn_type != "")
    return tables.rows.get(row.kind) == row and not later and reached


def _has_rights(tables: Tables, row: KindRow, _sample: Any) -> bool:
    return _is_relation(row) or any(row.entity.__name__ in action for action in tables.actions)


def _is_read(tables: Tables, row: KindRow, _sample: Any) -> bool:
    return _is_relation(row) or (row.kind in tables.described and row.kind in tables.listed)


def _is_read_with_all_others(tables: Tables, row: KindRow, _sample: Any) -> bool:
    return set(_questions(row)) <= set(tables.forms)


def _is_written(tables: Tables, row: KindRow, _sample: Any) -> bool:
    return row.kind in tables.writes


def _is_permitted(tables: Tables, row: KindRow, _sample: Any) -> bool:
    calls = all(f"iot:{question}" in tables.permitted for question in _questions(row))
    return calls and (_is_relation(row) or f":{row.arn_type}/*" in tables.permitted)


def _has_branch(tables: Tables, row: KindRow, _sample: Any) -> bool:
    return row.kind in tables.branches


def _is_drawn(tables: Tables, row: KindRow, _sample: Any) -> bool:
    return row.kind in tables.drawn


STEPS = (
    Step(f"{PACKAGE}model/registry/keys.py", _has_kind),
    Step(f"{PACKAGE}model/registry/entities.py", _has_class),
    Step(f"{PACKAGE}model/registry/read_calls.py", _has_calls),
    Step(f"{PACKAGE}model/registry/kinds.py", _has_row),
    Step(f"{PACKAGE}aws/registry/role_aliases.py", _has_rights),
    Step(f"{PACKAGE}aws/registry/reader.py", _is_read),
    Step(f"{PACKAGE}aws/registry/fleet_reader.py", _is_read_with_all_others),
    Step(f"{PACKAGE}aws/registry/writer.py", _is_written),
    Step("templates/blocks/registry_permissions.py", _is_permitted),
    Step("templates/replication_workflow.py", _has_branch),
    Step("tests/strategies.py", _is_drawn),
)
"""In the order in which they are taken. The fifth is a file of the kind's own, here of a role alias."""


def unfinished(tables: Tables, row: KindRow, sample: Any) -> list[str]:
    """Return the files that still lack something of a kind, of which `sample` is one."""
    return [step.file for step in STEPS if not step.is_done(tables, row, sample)]


def tables_of_today() -> Tables:
    """Return the tables as they stand."""
    return Tables(
        kinds=frozenset(Kind),
        entities=get_args(Entity),
        questions=frozenset(ReadCall),
        subjects=frozenset(SUBJECTS),
        rows=ROW,
        actions=writer.REQUIRED_ACTIONS,
        described=frozenset(reader.DESCRIBED),
        listed=frozenset(reader.LISTED),
        forms=frozenset(fleet_reader.FORMS),
        writes=frozenset(writer.WRITES),
        permitted=_permitted(),
        branches=frozenset(BRANCHES),
        drawn=frozenset(kind for kind in REGISTRY_KINDS if a(kind)),
    )


@cache
def a(kind: Kind) -> Entity:
    """Return one of a kind that the strategies draw; hypothesis raises if they draw none."""
    # Any will do, so none is made smaller.
    quick = settings(
        max_examples=2000, database=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
    )
    drawn = find(registries(), lambda found: any(key.kind is kind for key in found), settings=quick)
    return next(entity for key, entity in drawn.items() if key.kind is kind)


def _permitted() -> str:
    """Return the statements about registries as JSON."""
    statements = (
        *registry_permissions.read_resources("", "region", "region"),
        *registry_permissions.write_resources("", "region", "region"),
        *registry_permissions.list_registries("region"),
    )
    return json.dumps(encode_to_dict(PolicyDocument(Statement=list(statements))))


def _is_relation(row: KindRow) -> bool:
    return row.relation is not None


def _questions(row: KindRow) -> Iterable[ReadCall]:
    return (question for question in (row.listed_by, row.described_by) if question is not None)


def _names(row: KindRow, sample: Any) -> tuple[str, ...]:
    return tuple(getattr(sample, name) for name in row.names)


def _key(row: KindRow, sample: Any) -> Key:
    return row.key(*_names(row, sample))
