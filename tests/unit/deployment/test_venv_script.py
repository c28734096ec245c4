"""The virtual environment gets pinned packages alone, pip itself included where Python comes without ensurepip."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

PYTHON = """\
#!/bin/sh
echo "$*" >> LOG
case "$*" in
  *"import ensurepip"*) exit 1 ;;
  *"-m venv"*) for folder in "$@"; do :; done; mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python" ;;
esac
"""
"""A python3 that has pip and no ensurepip, as Debian's, and notes what it is asked to do."""


def test_pip_is_pinned_by_its_hash_where_python_has_no_ensurepip(tmp_path: Path) -> None:
    log, python = tmp_path / "log", tmp_path / "python3"
    python.write_text(PYTHON.replace("LOG", shlex.quote(str(log))))
    python.chmod(0o755)

    subprocess.run(
        [str(ROOT / "deployment" / "venv.sh"), str(python), str(tmp_path / "venv"), "packages.txt"], check=True
    )

    (asked,) = [line for line in log.read_text().splitlines() if "--python" in line]
    assert "--require-hashes" in asked
    requirements = Path(shlex.split(asked)[-1])
    assert requirements.resolve() == ROOT / "requirements" / "pip.txt"
    assert re.match(r"pip==[\d.]+ \\\n +--hash=sha256:[0-9a-f]{64}\n", requirements.read_text())
