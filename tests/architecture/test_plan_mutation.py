"""A test of the tests: a plan, or what carries it out, that loses one of its statements must not pass its own tests."""

from pathlib import Path

import pytest

from tests.architecture.mutants import Mutation, copy_package, run_tests, survives

RECONCILE = "tests/unit/iot_dr/reconcile"
REPLICATE = "tests/unit/iot_dr/services/test_replicate.py"
SWEEP = "tests/unit/iot_dr/services/test_sweep.py"

MUTATIONS = {
    "what replication did not make is deleted": Mutation(
        "reconcile/plan.py", "if found.key not in owned:", "if False:", RECONCILE
    ),
    "unreadable counts as absent": Mutation(
        "reconcile/plan.py", "if key not in snapshot.entities and key not in snapshot.absent:", "if False:", RECONCILE
    ),
    "every mode deletes": Mutation("reconcile/plan.py", "if mode is not Mode.MIRROR:", "if False:", RECONCILE),
    "every mode updates": Mutation("reconcile/plan.py", "if mode is Mode.CREATE_ONLY:", "if False:", RECONCILE),
    "what is equal is written": Mutation(
        "reconcile/plan.py", "None if wanted == found else _difference", "_difference", RECONCILE
    ),
    "deletions come first": Mutation("reconcile/order.py", "return 10 - of_kind", "return -10 - of_kind", RECONCILE),
    "any share may be deleted": Mutation(
        "reconcile/safety.py", "deletes > existing * limits.deletes", "deletes > existing", RECONCILE
    ),
    "names that look like a region are moved": Mutation(
        "reconcile/translate.py", "if arn.region != regions.primary:", "if False:", RECONCILE
    ),
    "all conditions are moved": Mutation("reconcile/translate.py", '.startswith("Arn")', '.startswith("")', RECONCILE),
    "ownership is noted after the fact": Mutation("services/replicate.py", "if todo.creates:", "if False:", REPLICATE),
    "a deletion is not read again": Mutation("services/replicate.py", "if not todo.deletes:", "if True:", REPLICATE),
    "a conflict is the end": Mutation(
        "services/replicate.py",
        "except Conflict:\n                continue",
        "except Conflict:\n                raise",
        REPLICATE,
    ),
    "the sweep does not ask whether it is safe": Mutation(
        "services/sweep.py", "ensure_safe(found, len(actual.entities), limits)", "pass", SWEEP
    ),
}


@pytest.mark.parametrize("tests", [RECONCILE, REPLICATE, SWEEP])
def test_a_copy_without_a_mutation_passes(tmp_path: Path, tests: str) -> None:
    result = run_tests(tests, copy_package(tmp_path).parent)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutant_does_not_survive(tmp_path: Path, name: str) -> None:
    assert not survives(MUTATIONS[name], tmp_path)
