"""A test of the tests: a health check that loses one of its statements must not pass its own tests."""

from pathlib import Path

import pytest

from tests.architecture.mutants import Mutation, copy_package, run_tests, survives

HEALTH = "tests/unit/iot_dr/services/test_health.py"
MQTT = "tests/unit/iot_dr/aws/devices/test_mqtt.py"

MUTATIONS = {
    "the nonce is not compared": Mutation("services/health.py", "if not same(received, nonce):", "if False:", HEALTH),
    "every secret is admitted": Mutation("services/health.py", "if not self._admitted(offered):", "if False:", HEALTH),
    "an empty secret opens": Mutation("services/health.py", "return bool(expected) and hmac", "return hmac", HEALTH),
    "the deadline is not kept": Mutation("services/health.py", "if left <= 0:", "if False:", HEALTH),
    "refused credentials are not read anew": Mutation(
        "services/health.py", "if renewed == credentials:", "if True:", HEALTH
    ),
    "a refused subscription goes unnoticed": Mutation(
        "aws/devices/mqtt.py", "if any(code.is_failure for code in codes):", "if False:", MQTT
    ),
    "the client ID is the same for every probe": Mutation(
        "aws/devices/mqtt.py", "unique = secrets.token_hex(8)", 'unique = "0" * 16', MQTT
    ),
}


@pytest.mark.parametrize("tests", [HEALTH, MQTT])
def test_a_copy_without_a_mutation_passes(tmp_path: Path, tests: str) -> None:
    result = run_tests(tests, copy_package(tmp_path).parent)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutant_does_not_survive(tmp_path: Path, name: str) -> None:
    assert not survives(MUTATIONS[name], tmp_path)
