"""A kind is complete, or a test names the files that still lack something of it."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from iot_dr.model.registry.keys import SHADOW_KINDS, Key, Kind
from iot_dr.model.registry.kinds import ROW, KindRow
from iot_dr.model.registry.read_calls import ReadCall
from tests.kinds import PACKAGE, STEPS, Tables, a, tables_of_today, unfinished

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "adding-a-kind.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"


class MadeUpKind(enum.StrEnum):
    """The kind of the page's example, which the product does not replicate."""

    ROLE_ALIAS = "role_alias"


class MadeUpCall(enum.StrEnum):
    """Its calls."""

    ROLE_ALIASES = "ListRoleAliases"
    ROLE_ALIAS = "DescribeRoleAlias"


def role_alias_key(name: str) -> Key:
    return Key(cast(Kind, MadeUpKind.ROLE_ALIAS), name)


@dataclass(frozen=True)
class RoleAlias:
    name: str
    role_arn: str = ""
    credential_seconds: int = 3600

    @property
    def key(self) -> Key:
        return role_alias_key(self.name)


ROLE_ALIAS = KindRow(
    cast(Kind, MadeUpKind.ROLE_ALIAS),
    RoleAlias,
    role_alias_key,
    rank=1,
    listed_by=cast(ReadCall, MadeUpCall.ROLE_ALIASES),
    described_by=cast(ReadCall, MadeUpCall.ROLE_ALIAS),
    arn_type="rolealias",
)
SAMPLE = RoleAlias("cameras", "arn:aws:iam::123456789012:role/cameras")


def finished(tables: Tables) -> Mapping[str, Any]:
    """Return, by the file of each step, the tables with what the step adds."""
    calls = frozenset(MadeUpCall)
    kind = {ROLE_ALIAS.kind}
    granted = '"iot:ListRoleAliases", "iot:DescribeRoleAlias", "arn:aws:iot:region:account:rolealias/*"'
    return {
        f"{PACKAGE}model/registry/keys.py": {"kinds": {*tables.kinds, *kind}},
        f"{PACKAGE}model/registry/entities.py": {"entities": {*tables.entities, RoleAlias}},
        f"{PACKAGE}model/registry/read_calls.py": {
            "questions": {*tables.questions, *calls},
            "subjects": {*tables.subjects, MadeUpCall.ROLE_ALIAS},
        },
        f"{PACKAGE}model/registry/kinds.py": {"rows": {**tables.rows, ROLE_ALIAS.kind: ROLE_ALIAS}},
        f"{PACKAGE}aws/registry/role_aliases.py": {"actions": {*tables.actions, "iot:CreateRoleAlias"}},
        f"{PACKAGE}aws/registry/reader.py": {
            "described": {*tables.described, *kind},
            "listed": {*tables.listed, *kind},
        },
        f"{PACKAGE}aws/registry/fleet_reader.py": {"forms": {*tables.forms, *calls}},
        f"{PACKAGE}aws/registry/writer.py": {"writes": {*tables.writes, *kind}},
        "templates/blocks/registry_permissions.py": {"permitted": tables.permitted + granted},
        "templates/replication_workflow.py": {"branches": {*tables.branches, *kind}},
        "tests/strategies.py": {"drawn": {*tables.drawn, *kind}},
    }


@pytest.fixture(scope="module", name="today")
def tables_as_they_stand() -> Tables:
    return tables_of_today()


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in SHADOW_KINDS])
def test_a_kind_has_all_that_its_row_promises(kind: Kind, today: Tables) -> None:
    assert unfinished(today, ROW[kind], a(kind)) == []


def test_a_new_row_lacks_a_line_in_every_file_of_the_page(today: Tables) -> None:
    assert unfinished(today, ROLE_ALIAS, SAMPLE) == [step.file for step in STEPS]


@pytest.mark.parametrize("file", [step.file for step in STEPS])
def test_a_kind_is_not_complete_while_one_file_is_left_out(file: str, today: Tables) -> None:
    added = {name: value for of, more in finished(today).items() if of != file for name, value in more.items()}

    assert unfinished(replace(today, **added), ROLE_ALIAS, SAMPLE) == [file]


def test_a_kind_is_complete_when_every_file_has_its_line(today: Tables) -> None:
    added = {name: value for more in finished(today).values() for name, value in more.items()}

    assert unfinished(replace(today, **added), ROLE_ALIAS, SAMPLE) == []


def test_what_is_made_before_what_it_needs_is_not_complete(today: Tables) -> None:
    early = replace(ROW[Kind.THING], rank=0)
    sample = replace(cast(Any, a(Kind.THING)), type_name="pump")

    assert unfinished(replace(today, rows={**today.rows, Kind.THING: early}), early, sample) == [
        f"{PACKAGE}model/registry/kinds.py"
    ]


def test_the_page_has_a_step_for_each_file_in_this_order_and_at_most_eight_are_of_the_package() -> None:
    told = re.findall(r"^## \d+\. `([^`]+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert [_whole(file) for file in told] == [step.file for step in STEPS]
    assert len([step for step in STEPS if step.file.startswith(PACKAGE)]) <= 8


def test_contributing_names_the_same_files_in_the_same_order() -> None:
    text = CONTRIBUTING.read_text(encoding="utf-8")
    section = text[text.index("## Add a kind") : text.index("## Tests")]
    steps = [re.search(r"`([^`]+\.py)`", line) for line in re.findall(r"^\d+\. .*$", section, re.MULTILINE)]
    own = f"{PACKAGE}aws/registry/role_aliases.py"

    told = [_whole(found.group(1)) for found in steps if found]
    assert told == [step.file.replace(own, f"{PACKAGE}aws/registry/<kind>.py") for step in STEPS]


def _whole(file: str) -> str:
    return file if file.startswith(("templates/", "tests/")) else PACKAGE + file
