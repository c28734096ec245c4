"""Every kind that a registry lists has its list, and every question about a subject its kind."""

from iot_dr.model.registry.keys import SHADOW_KINDS, Kind
from iot_dr.model.registry.kinds import LISTS
from iot_dr.model.registry.read_calls import SEARCHES, SUBJECTS, ReadCall

RELATIONS = {Kind.GROUP_MEMBERSHIP, Kind.POLICY_ATTACHMENT, Kind.THING_PRINCIPAL}


def test_every_resource_that_stands_by_itself_has_a_list() -> None:
    assert set(LISTS.values()) == set(Kind) - SHADOW_KINDS - RELATIONS


def test_a_question_is_either_a_list_or_about_a_subject_or_a_search() -> None:
    assert sorted([*LISTS, *SUBJECTS, *SEARCHES]) == sorted(ReadCall)
