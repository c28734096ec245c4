"""A test of the tests: a plan, or what carries it out, that loses one of its statements must not pass its own tests."""

from pathlib import Path

import pytest

from tests.architecture.mutants import Mutation, copy_package, run_tests, survives

RECONCILE = "tests/unit/iot_dr/reconcile"
REPLICATE = "tests/unit/iot_dr/services/test_replicate.py"
GROUPS = "tests/unit/iot_dr/services/test_replicate_groups.py"
JUST_IN_TIME = "tests/unit/iot_dr/services/test_replicate_just_in_time.py"
UNREACHABLE = "tests/unit/iot_dr/services/test_replicate_unreachable.py"
TWO_WORKERS = "tests/unit/iot_dr/services/test_replicate_two_workers.py"
OLD_STATE = f"{TWO_WORKERS}::test_an_old_state_is_never_put_back_over_a_newer_one"
OLD_STATUS = f"{TWO_WORKERS}::test_an_old_status_which_no_version_guards_is_never_left_over_a_newer_one"
SWEEP = "tests/unit/iot_dr/services/test_sweep.py"
SUITES = (RECONCILE, REPLICATE, GROUPS, JUST_IN_TIME, UNREACHABLE, OLD_STATE, OLD_STATUS, SWEEP)

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
    "every mode deletes": Mutation(
        "reconcile/plan.py",
        "if mode is not Mode.MIRROR:\n        return Skip(found.key",
        "if False:\n        return Skip(found.key",
        RECONCILE,
    ),
    "what something of others is attached to is deleted": Mutation(
        "reconcile/plan.py", "if not isinstance(change, Delete) or change.key not in holders:", "if True:", RECONCILE
    ),
    "every mode updates": Mutation("reconcile/plan.py", "if mode is Mode.CREATE_ONLY:", "if False:", RECONCILE),
    "what is equal is written": Mutation("reconcile/plan.py", "elif wanted != found and ", "elif ", RECONCILE),
    "deletions come first": Mutation("reconcile/order.py", "(2 * _LAST_RANK - ", "(-2 * _LAST_RANK - ", RECONCILE),
    "nothing makes room": Mutation(
        "reconcile/order.py",
        "case Delete(actual=PolicyAttachment() | ThingPrincipal() | GroupMembership()):\n            return (0, 0)",
        "case Delete(actual=PolicyAttachment() | ThingPrincipal() | GroupMembership()):\n            return (9, 0)",
        RECONCILE,
    ),
    "things are made in what goes": Mutation(
        "reconcile/plan.py", "if missing.isdisjoint(_needs(change)):", "if True:", RECONCILE
    ),
    "unregistered certificates are copied": Mutation(
        "services/replicate.py", "if self._just_in_time:", "if False:", JUST_IN_TIME
    ),
    "what an event carries is applied, however old": Mutation(
        "services/replicate.py", "carried.version > known_version", "True", UNREACHABLE
    ),
    "what an event carries of another thing is applied": Mutation(
        "services/replicate.py", "known_id == carried.thing_id and ", "", UNREACHABLE
    ),
    "any share may be deleted": Mutation(
        "reconcile/safety.py", "deletes > existing * limits.deletes", "deletes > existing", RECONCILE
    ),
    "names that look like a region are moved": Mutation(
        "reconcile/translate.py", "if not _admits(arn.region, regions.primary):", "if False:", RECONCILE
    ),
    "patterns of both regions are moved": Mutation(
        "reconcile/translate.py", " and not _admits(field, of_secondary)", "", RECONCILE
    ),
    "all conditions are moved": Mutation("reconcile/translate.py", '.startswith("Arn")', '.startswith("")', RECONCILE),
    "ownership is noted after the fact": Mutation("services/replicate.py", "if todo.creates:", "if False:", REPLICATE),
    "a deletion is not read again": Mutation(
        "services/replicate.py",
        "case Delete():\n            return True",
        "case Delete():\n            return False",
        REPLICATE,
    ),
    "an unguarded update is not read again": Mutation(
        "services/replicate.py", "return isinstance(change, Update)", "return False", OLD_STATUS
    ),
    "a conflict is the end": Mutation(
        "services/replicate.py",
        "except Conflict:\n                continue",
        "except Conflict:\n                raise",
        REPLICATE,
    ),
    "the version that guards a write is read last": Mutation(
        "services/scopes.py",
        "SIDES = (Side.SECONDARY, Side.PRIMARY)",
        "SIDES = (Side.PRIMARY, Side.SECONDARY)",
        OLD_STATE,
    ),
    "what a query of the secondary finds is taken for a difference": Mutation(
        "services/scopes.py", "if group is not None and group.dynamic:", "if False:", GROUPS
    ),
    "what a write was refused for want of is not read": Mutation(
        "services/replicate.py", "needs = True", "needs = False", GROUPS
    ),
    "the sweep does not ask whether it is safe": Mutation(
        "services/sweep.py", "ensure_few(deletes, both.number[Side.SECONDARY], limits, SWEEP_OVERRIDE)", "pass", SWEEP
    ),
}


@pytest.mark.parametrize("tests", SUITES)
def test_a_copy_without_a_mutation_passes(tmp_path: Path, tests: str) -> None:
    result = run_tests(tests, copy_package(tmp_path).parent)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutant_does_not_survive(tmp_path: Path, name: str) -> None:
    assert not survives(MUTATIONS[name], tmp_path)
