"""What a run made is written down first, is removed in order, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.real_account.made import PREFIX, Journal, Kind, Made, Removal

REGION = "eu-west-1"
NAME = f"{PREFIX}try-1"


class Registry:
    """Answers the calls that remove, and keeps what was asked."""

    def __init__(self, refuse: dict[str, list[str]] | None = None, attached: tuple[str, ...] = ()) -> None:
        self.asked: list[str] = []
        self._refuse = refuse or {}
        self._attached = attached

    def __call__(self, _service: str, _region: str) -> Registry:
        return self

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.asked.append(operation)
            if codes := self._refuse.get(operation):
                raise ClientError({"Error": {"Code": codes.pop(0), "Message": "no"}}, operation)
            return {
                "certificateDescription": {"certificateArn": "arn"},
                "thingTypeMetadata": {"deprecated": "deprecate_thing_type" in self.asked},
            }

        return call

    def get_paginator(self, operation: str) -> Any:
        registry = self

        class Pages:
            def paginate(self, **_request: str) -> Iterator[dict[str, Any]]:
                yield {
                    "principals": [],
                    "targets": [],
                    "policies": [],
                    "things": list(registry._attached),
                }

        return Pages()


def tries(most: int) -> Callable[[Callable[[], bool], float], bool]:
    def until(request: Callable[[], bool], _seconds: float) -> bool:
        return any(request() for _ in range(most))

    return until


def test_what_is_made_is_on_the_disk_before_it_is_made(tmp_path: Path) -> None:
    journal, made = Journal(tmp_path / "folder" / "run.jsonl"), Made(Kind.SHADOW, REGION, NAME, "config")

    journal.note(made)
    journal.note(made)

    assert Journal(journal.path).made() == [made]


def test_a_name_that_is_none_of_a_run_is_not_made(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run.jsonl")

    with pytest.raises(ValueError, match="pump-17"):
        journal.note(Made(Kind.THING, REGION, "pump-17"))

    assert journal.made() == []


def test_things_go_before_their_certificates_and_types_last() -> None:
    registry = Registry()
    made = [Made(kind, REGION, NAME) for kind in reversed(Kind)]

    assert Removal(registry, tries(1)).remove(made) == {}

    deletions = [name.removeprefix("delete_") for name in registry.asked if name.startswith("delete_")]
    order = ["thing_shadow", "thing", "certificate", "policy", "thing_group", "billing_group", "thing_type"]
    assert deletions == order


def test_what_is_gone_already_counts_as_removed() -> None:
    registry = Registry({"delete_thing": ["ResourceNotFoundException"]})

    assert Removal(registry, tries(1)).remove([Made(Kind.THING, REGION, NAME)]) == {}


def test_a_type_is_deprecated_once_and_tried_until_aws_deletes_it() -> None:
    registry = Registry({"delete_thing_type": ["InvalidRequestException", "InvalidRequestException"]})

    assert Removal(registry, tries(3)).remove([Made(Kind.THING_TYPE, REGION, NAME)]) == {}

    assert registry.asked.count("deprecate_thing_type") == 1
    assert registry.asked.count("delete_thing_type") == 3


def test_what_cannot_be_removed_is_told_with_the_reason_and_the_rest_goes() -> None:
    registry = Registry({"delete_policy": ["DeleteConflictException"] * 2})
    policy, group = Made(Kind.POLICY, REGION, NAME), Made(Kind.THING_GROUP, REGION, NAME)

    left = Removal(registry, tries(2)).remove([policy, group])

    assert list(left) == [policy]
    assert "DeleteConflictException" in left[policy]
    assert "delete_thing_group" in registry.asked


def test_a_certificate_that_somebody_elses_thing_has_stays() -> None:
    registry = Registry(attached=("pump-17",))
    certificate = Made(Kind.CERTIFICATE, REGION, "0123abc")

    left = Removal(registry, tries(1)).remove([certificate])

    assert "pump-17" in left[certificate]
    assert not {"update_certificate", "delete_certificate", "detach_thing_principal"} & set(registry.asked)
