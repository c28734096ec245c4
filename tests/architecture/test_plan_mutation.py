"""A test of the tests: a plan, or what carries it out, that loses one of its statements must not pass its own tests."""

from pathlib import Path

import pytest

from tests.architecture.mutants import Mutation, copy_package, run_tests, survives

RECONCILE = "tests/unit/iot_dr/reconcile"
REPLICATE = "tests/unit/iot_dr/services/replication/test_replicate.py"
GROUPS = "tests/unit/iot_dr/services/replication/test_replicate_groups.py"
JUST_IN_TIME = "tests/unit/iot_dr/services/replication/test_replicate_just_in_time.py"
UNREACHABLE = "tests/unit/iot_dr/services/replication/test_replicate_unreachable.py"
OVERTAKEN = (
    "tests/unit/iot_dr/services/replication/test_replicate_overtaken.py::"
    "test_whatever_comes_between_two_calls_the_regions_end_equal_by_what_the_ledger_has_noted"
    "[an-attached-policy-is-detached-again]"
)
SWEEP = "tests/unit/iot_dr/services/test_sweep.py"
SUITES = (RECONCILE, REPLICATE, GROUPS, JUST_IN_TIME, UNREACHABLE, OVERTAKEN, SWEEP)

MUTATIONS = {
    "what replication did not make is deleted": Mutation(
        "reconcile/plan.py",
        "if found.key not in owned:\n        return Skip(found.key",
        "if False:\n        return Skip(found.key",
        RECONCILE,
    ),
    "what replication did not make is made anew": Mutation(
        "reconcile/plan.py",
        "if found.key not in owned:\n        return Skip(wanted.key",
        "if False:\n        return Skip(wanted.key",
        RECONCILE,
    ),
    "unreadable counts as absent": Mutation(
        "reconcile/plan.py", "if key not in snapshot.entities and key not in snapshot.absent:", "if False:", RECONCILE
    ),
    "what something of others is attached to is deleted": Mutation(
        "reconcile/plan.py", "if not isinstance(change, Delete) or change.key not in holders:", "if True:", RECONCILE
    ),
    "what is equal is written": Mutation("reconcile/plan.py", "elif wanted != found and ", "elif ", RECONCILE),
    "deletions come first": Mutation("reconcile/order.py", "(2 * _LAST_RANK - ", "(-2 * _LAST_RANK - ", RECONCILE),
    "nothing makes room": Mutation(
        "reconcile/order.py",
        "case Delete() if change.key.kind in RELATIONS:\n            return (0, 0)",
        "case Delete() if change.key.kind in RELATIONS:\n            return (9, 0)",
        RECONCILE,
    ),
    "things are made in what goes": Mutation(
        "reconcile/plan.py", "if missing.isdisjoint(needs(change)):", "if True:", RECONCILE
    ),
    "unregistered certificates are copied": Mutation(
        "services/replication/replicate.py", "if self._just_in_time:", "if False:", JUST_IN_TIME
    ),
    "what an event carries is applied, however old": Mutation(
        "services/replication/replicate.py",
        "0 < carried.version - known_version",
        "carried.version - known_version",
        UNREACHABLE,
    ),
    "what an event carries is applied, however far ahead": Mutation(
        "services/replication/replicate.py", "known_version <= FAR_AHEAD", "known_version", UNREACHABLE
    ),
    "what is older than its event is believed": Mutation(
        "services/replication/replicate.py", "if 0 < told.version - found.version <= FAR_AHEAD:", "if False:", REPLICATE
    ),
    "a policy that is too long is written": Mutation(
        "reconcile/plan.py", 'reason := "" if wanted == found else too_long(wanted)', 'reason := ""', RECONCILE
    ),
    "what needs a policy that is too long is made": Mutation(
        "reconcile/plan.py", "if lacks else change", "if False else change", RECONCILE
    ),
    "any version is believed": Mutation(
        "reconcile/shadows.py", "return event.version <= note.version + FAR_AHEAD", "return True", RECONCILE
    ),
    "what the rule took later is taken for older": Mutation(
        "reconcile/shadows.py", "event.accepted_at - note.source_at >= LATE", "False", RECONCILE
    ),
    "another state of the same version is taken for a repetition": Mutation(
        "reconcile/shadows.py", "if other or _accepted_later", "if _accepted_later", RECONCILE
    ),
    "what an event carries of another thing is applied": Mutation(
        "services/replication/replicate.py", "known_id == carried.thing_id and ", "", UNREACHABLE
    ),
    "any share may be deleted": Mutation(
        "reconcile/safety.py", "deletes > existing * limits.deletes", "deletes > existing", RECONCILE
    ),
    "names that look like a region are moved": Mutation(
        "reconcile/translate.py", "if not _admits(arn.region, direction.source.region):", "if False:", RECONCILE
    ),
    "patterns of both regions are moved": Mutation(
        "reconcile/translate.py", " and not _admits(field, of_target)", "", RECONCILE
    ),
    "all conditions are moved": Mutation("reconcile/translate.py", '.startswith("Arn")', '.startswith("")', RECONCILE),
    "ownership is not noted": Mutation(
        "services/replication/replicate.py",
        "            made,\n            work.noted_at,",
        "            [],\n            work.noted_at,",
        REPLICATE,
    ),
    "a deletion is not read again": Mutation(
        "services/replication/replicate.py",
        "case Delete():\n            return True",
        "case Delete():\n            return False",
        REPLICATE,
    ),
    "a write rests on a reading that another request has overtaken": Mutation(
        "services/replication/replicate.py",
        "            began=work.began,\n            unless_gone",
        "            unless_gone",
        OVERTAKEN,
    ),
    "a conflict is the end": Mutation(
        "services/replication/replicate.py",
        "except Conflict:\n                work.overtaken = True\n                continue",
        "except Conflict:\n                raise",
        REPLICATE,
    ),
    "what a query of the secondary finds is taken for a difference": Mutation(
        "services/replication/scopes.py", "if group is not None and group.dynamic:", "if False:", GROUPS
    ),
    "what a write was refused for want of is not read": Mutation(
        "services/replication/replicate.py", "needs = True", "needs = False", GROUPS
    ),
    "the sweep does not ask whether it is safe": Mutation(
        "services/sweep.py", "ensure_few(deletes, both.number[Side.TARGET], limits, SWEEP_OVERRIDE)", "pass", SWEEP
    ),
}


@pytest.mark.parametrize("tests", SUITES)
def test_a_copy_without_a_mutation_passes(tmp_path: Path, tests: str) -> None:
    result = run_tests(tests, copy_package(tmp_path).parent)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutant_does_not_survive(tmp_path: Path, name: str) -> None:
    assert not survives(MUTATIONS[name], tmp_path)
