"""Translating rewrites the Region field of ARNs, where a policy has ARNs, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_dr.model.registry.documents import canonical
from iot_dr.model.sites import Direction
from iot_dr.reconcile.translate import translate_document
from tests.builders import PRIMARY, REGIONS, SECONDARY
from tests.strategies import documents

Path = tuple[str | int, ...]


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Walk a document; array positions count, members are named."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _leaves(member, (*path, name))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from _leaves(one, (*path, place))
    else:
        yield path, value


def _may_hold_arns(path: Path) -> bool:
    names = [step for step in path if isinstance(step, str)]
    if names[0] != "Statement" or len(names) < 2:
        return False
    in_condition = names[1] == "Condition" and "Arn" in names[2]
    return names[1] in ("Resource", "NotResource") or in_condition


def _expected(path: Path, text: Any) -> Any:
    fields = str(text).split(":", 5)
    if not _may_hold_arns(path) or len(fields) < 6 or fields[0] != "arn" or fields[3] != PRIMARY:
        return text
    return ":".join((*fields[:3], SECONDARY, *fields[4:]))


@pytest.mark.row("R6")
@given(documents)
def test_only_the_region_field_of_arns_in_their_places_changes(document: str) -> None:
    moved = json.loads(translate_document(document, REGIONS))

    assert dict(_leaves(moved)) == {path: _expected(path, text) for path, text in _leaves(json.loads(document))}


@pytest.mark.row("R6")
@given(documents)
def test_the_shape_of_a_document_stays(document: str) -> None:
    moved = json.loads(translate_document(document, REGIONS))

    assert type(moved["Statement"]) is type(json.loads(document)["Statement"])
    assert [path for path, _ in _leaves(moved)] == [path for path, _ in _leaves(json.loads(document))]


@pytest.mark.row("R6")
@given(documents)
def test_translating_twice_changes_nothing_more(document: str) -> None:
    once = translate_document(document, REGIONS)

    assert translate_document(once, REGIONS) == once


@given(documents)
def test_a_document_of_other_regions_stays(document: str) -> None:
    elsewhere = document.replace(PRIMARY, "eu-west-1")

    assert translate_document(elsewhere, REGIONS) == elsewhere


@given(documents)
def test_failback_gives_the_primary_its_own_document_back(document: str) -> None:
    of_the_primary = document.replace(SECONDARY, PRIMARY)

    there = translate_document(of_the_primary, REGIONS)

    assert translate_document(there, Direction(REGIONS.target, REGIONS.source)) == of_the_primary


@given(documents, st.integers(0, 4))
def test_how_a_document_was_written_makes_no_difference(document: str, indent: int) -> None:
    written = json.dumps(json.loads(document), indent=indent, ensure_ascii=True)

    assert canonical(written) == document
    assert translate_document(written, REGIONS) == translate_document(document, REGIONS)
