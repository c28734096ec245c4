"""A test of the tests: a health check that loses one of its statements must not pass its own tests.

Each mutant is a copy of the package in which one statement is another, put before the checkout on the path.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "source" / "lambda" / "iot_dr_layer" / "python" / "iot_dr"


@dataclass(frozen=True)
class Mutation:
    """One statement of a module, what becomes of it, and the tests that must notice."""

    module: str
    statement: str
    replacement: str
    tests: str

    def apply(self, package: Path) -> None:
        path = package / self.module
        text = path.read_text(encoding="utf-8")
        assert text.count(self.statement) == 1, f"{self.module} no longer has this statement once: {self.statement}"
        path.write_text(text.replace(self.statement, self.replacement), encoding="utf-8")


HEALTH = "tests/unit/iot_dr/services/test_health.py"
MQTT = "tests/unit/iot_dr/aws/test_mqtt.py"

MUTATIONS = {
    "the nonce is not compared": Mutation("services/health.py", "if not same(received, nonce):", "if False:", HEALTH),
    "every secret is admitted": Mutation("services/health.py", "if not self._admitted(offered):", "if False:", HEALTH),
    "an empty secret opens": Mutation("services/health.py", "return bool(expected) and hmac", "return hmac", HEALTH),
    "the deadline is not kept": Mutation("services/health.py", "if left <= 0:", "if False:", HEALTH),
    "refused credentials are not read anew": Mutation(
        "services/health.py", "if renewed == credentials:", "if True:", HEALTH
    ),
    "a refused subscription goes unnoticed": Mutation(
        "aws/mqtt.py", "if any(code.is_failure for code in codes):", "if False:", MQTT
    ),
    "the client ID is the same for every probe": Mutation(
        "aws/mqtt.py", "unique = secrets.token_hex(8)", 'unique = "0" * 16', MQTT
    ),
}


def passes(tests: str, package_parent: Path) -> subprocess.CompletedProcess[str]:
    """Run tests with the package that lies in a folder, as a fresh process."""
    path = os.pathsep.join([str(package_parent), str(ROOT)])
    options = ["-q", "-x", "-p", "no:cacheprovider", "-o", f"pythonpath={package_parent} {ROOT}"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, tests],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def package(tmp_path: Path) -> Path:
    copy = tmp_path / "iot_dr"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.mark.parametrize("tests", [HEALTH, MQTT])
def test_a_copy_without_a_mutation_passes(package: Path, tests: str) -> None:
    result = passes(tests, package.parent)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutant_does_not_survive(package: Path, name: str) -> None:
    mutation = MUTATIONS[name]
    mutation.apply(package)

    result = passes(mutation.tests, package.parent)

    # 1: tests failed. Any other status would be a mutant that cannot even be imported, which proves nothing.
    assert result.returncode == 1, result.stdout + result.stderr
    assert " failed" in result.stdout
