"""Marks tell who may be writing, and what a request may conclude from what it read."""

import pytest

from iot_dr.model.replication.marks import MARK_LIFETIME, Certainty, Mark, OtherWriters, dead, new_token

BEGAN = 1_000_000


def test_a_mark_knows_when_it_was_made() -> None:
    assert Mark(new_token(BEGAN, "a1"), frozenset()).at == BEGAN


def test_a_writer_counts_as_dead_once_nothing_of_it_can_arrive_any_more() -> None:
    tokens = {new_token(BEGAN - MARK_LIFETIME, "old"), new_token(BEGAN - MARK_LIFETIME + 1, "young")}

    assert dead(tokens, BEGAN) == {new_token(BEGAN - MARK_LIFETIME, "old")}


@pytest.mark.parametrize(
    ("standing", "certainty"),
    [
        (OtherWriters(), Certainty.SURE),
        (OtherWriters(open=frozenset({"own"})), Certainty.SURE),
        (OtherWriters(open=frozenset({new_token(BEGAN - 1, "other")})), Certainty.UNSURE),
        (OtherWriters(open=frozenset({new_token(BEGAN - MARK_LIFETIME, "dead")})), Certainty.SURE),
        (OtherWriters(closed_at=BEGAN - 1), Certainty.SURE),
        (OtherWriters(closed_at=BEGAN), Certainty.UNSURE),
        (OtherWriters(noted_at=BEGAN - 1), Certainty.SURE),
        (OtherWriters(noted_at=BEGAN), Certainty.OVERTAKEN),
        (OtherWriters(noted_at=BEGAN, closed_at=BEGAN), Certainty.OVERTAKEN),
        (OtherWriters(noted_at=1, noted_whole=True), Certainty.SURE),
    ],
)
def test_what_others_did_since_a_reading_began_says_what_follows_from_it(
    standing: OtherWriters, certainty: Certainty
) -> None:
    own = new_token(BEGAN + 1, "own")
    opened = frozenset(own if token == "own" else token for token in standing.open)
    standing = OtherWriters(opened, standing.noted_at, standing.closed_at, standing.checked_at, standing.noted_whole)

    assert standing.certainty(BEGAN, own) is certainty


def test_a_check_less_than_everything_says_nothing_of_what_one_at_everything_noted() -> None:
    assert OtherWriters(noted_at=1, noted_whole=True).certainty(BEGAN, whole=False) is Certainty.OVERTAKEN
