"""Every kind of change reaches its own method of the writer."""

import pytest

from iot_dr.model.registry.changes import Action, Create, Delete, Update
from iot_dr.services.sync.single_writes import write_one
from tests.builders import a_thing


class Writer:
    def __init__(self) -> None:
        self.made: list[tuple[str, Action]] = []

    def create(self, change: Create) -> None:
        self.made.append(("create", change))

    def update(self, change: Update) -> None:
        self.made.append(("update", change))

    def delete(self, change: Delete) -> None:
        self.made.append(("delete", change))


@pytest.mark.parametrize(
    ("change", "made"),
    [
        (Create(a_thing(), "missing"), "create"),
        (Update(a_thing(), a_thing(), "differs"), "update"),
        (Delete(a_thing(), "gone"), "delete"),
    ],
)
def test_a_change_is_made_as_what_it_is(change: Action, made: str) -> None:
    writer = Writer()

    write_one(writer, change)

    assert writer.made == [(made, change)]
