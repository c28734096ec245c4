"""The page on a second emulator's opinion says what the tests found."""

from __future__ import annotations

from tests.contract import second_opinion, test_registry


def test_the_page_is_what_the_tests_found() -> None:
    assert second_opinion.PAGE.read_text() == second_opinion.page(), "run python -m tests.contract.second_opinion"


def test_every_difference_names_tests_of_the_contract_and_corrections_of_the_lab() -> None:
    assert {name for name in second_opinion.FAILING if not hasattr(test_registry, name)} == set()
    named = {name for one in second_opinion.DIFFERENCES for name in one.corrections}
    assert named <= second_opinion.corrections().keys()
