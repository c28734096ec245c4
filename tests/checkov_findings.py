"""Compare what checkov finds in the generated templates with what is accepted; `make lint` runs it.

    .venv-checkov/bin/python -m tests.checkov_findings

It fails for a finding that is not accepted, for an accepted one that is not found any more, and for figures in
SECURITY.md that are not those of this run. checkov is used as a library: its command line loads rules for twenty other
languages first.
"""

from __future__ import annotations

import fnmatch
import gc
import logging
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "tests" / "golden"
ACCEPTED = TEMPLATES / "accepted-findings.toml"
PAGE = ROOT / "SECURITY.md"
FIGURES = re.compile(r"checkov: (\d+) checks passed, (\d+) failed")


@dataclass(frozen=True, order=True)
class Finding:
    """One rule that one resource of a template breaks."""

    rule: str
    resource: str
    template: str


@dataclass(frozen=True)
class Found:
    """What a run found."""

    passed: int
    failed: tuple[Finding, ...]


def complaints(found: Found, accepted: Mapping[str, Sequence[str]], page: str) -> list[str]:
    """Return what is wrong with a run: `accepted` maps rules to patterns of resources, `page` states its figures."""
    patterns = {(rule, pattern) for rule, resources in accepted.items() for pattern in resources}
    lines = [
        f"{finding.rule}: {finding.resource} in {finding.template}"
        for finding in sorted(found.failed)
        if not any(_matches(finding, rule, pattern) for rule, pattern in patterns)
    ]
    lines += [
        f"{rule} is not found any more in {pattern}; take it out of {ACCEPTED.name}"
        for rule, pattern in sorted(patterns)
        if not any(_matches(finding, rule, pattern) for finding in found.failed)
    ]
    told = f"checkov: {found.passed} checks passed, {len(found.failed)} failed"
    stated = FIGURES.search(" ".join(page.split()))
    if stated is None or stated[0] != told:
        lines.append(f'{PAGE.name} must say "{told}", and says "{stated[0] if stated else "nothing of it"}"')
    return lines


def accepted_findings() -> dict[str, list[str]]:
    """Read the accepted findings: the patterns of resources of each rule."""
    return {rule: entry["resources"] for rule, entry in tomllib.loads(ACCEPTED.read_text(encoding="utf-8")).items()}


def main() -> int:
    """Run checkov and print what is wrong."""
    found = _checked()
    wrong = complaints(found, accepted_findings(), PAGE.read_text(encoding="utf-8"))
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    return 1 if wrong else 0


def _matches(finding: Finding, rule: str, pattern: str) -> bool:
    return finding.rule == rule and fnmatch.fnmatchcase(finding.resource, pattern)


def _checked() -> Found:
    logging.disable(logging.CRITICAL)  # the library warns of what it does not read
    gc.disable()  # it makes some 300 MB and ends; going through all that is alive again and again frees little of it
    from checkov.cloudformation.runner import Runner  # noqa: PLC0415  # it lives in an environment of its own
    from checkov.runner_filter import RunnerFilter  # noqa: PLC0415  # as above

    with TemporaryDirectory() as folder:
        _write_tables(Path(folder))
        report = Runner().run(root_folder=str(TEMPLATES), runner_filter=RunnerFilter(framework=["cloudformation"]))
    failed = (Finding(check.check_id, check.resource, Path(check.file_path).name) for check in report.failed_checks)
    return Found(len(report.passed_checks), tuple(failed))


def _write_tables(folder: Path) -> None:
    """Write the tables of checkov's parser of JSONPath into a folder, and let the parser find them there.

    It asks for them by this name before it makes them anew, which it does for each of some 600 expressions; PLY takes
    no tables of another grammar.
    """
    import bc_jsonpath_ng.ext.parser  # noqa: PLC0415  # as above
    import ply.yacc  # noqa: PLC0415  # as above

    ply.yacc.yacc(
        module=bc_jsonpath_ng.ext.parser.ExtentedJsonPathParser(),
        start="jsonpath",
        tabmodule="parser_jsonpath_parsetab",
        outputdir=str(folder),
        debug=False,
        errorlog=ply.yacc.NullLogger(),
    )
    bc_jsonpath_ng.ext.__path__.append(str(folder))


if __name__ == "__main__":
    sys.exit(main())
