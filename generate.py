"""Write the CloudFormation templates, compare them with what was written before, or lint them.

Reads no network, clock or environment: the same commit, and the same zips if they are given, write the same bytes.
The Regions come from the SDK's data.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from botocore.loaders import Loader
from botocore.regions import EndpointResolver
from troposphere import Template

from templates import main_stack, primary_region, r53_health_checker, secondary_region
from templates.config import Config, InvalidConfig

ROOT = Path(__file__).resolve().parent
SOLUTION = "disaster-recovery-for-aws-iot"
GOLDEN = ROOT / "tests" / "golden"

MAIN = f"{SOLUTION}.template"
STACKS: Mapping[str, Callable[[Config], Template]] = {
    MAIN: main_stack.build,
    f"{SOLUTION}-primary-region.template": primary_region.build,
    f"{SOLUTION}-secondary-region.template": secondary_region.build,
    f"{SOLUTION}-r53-health-checker.template": r53_health_checker.build,
}

REGIONS_AT_ONCE = 4
"""Regions that cfn-lint checks in one pass: it tries them in every combination that a text may name them in."""

EXAMPLES = f"""\
examples:
  generate.py --output build --bucket-prefix acme-iot-dr --version v0.1.0
      write the four templates for buckets acme-iot-dr-reference and acme-iot-dr-<region>
  generate.py --check build --bucket-prefix acme-iot-dr --version v0.1.0
      print how they would differ from those in build/
  generate.py --check
      the same for {GOLDEN.relative_to(ROOT)}, which hold the templates for the default values
  generate.py --lint
      run cfn-lint on them for every Region that has AWS IoT Core

exit codes: 0 written, equal or clean; 1 different or with findings; 2 bad input
"""


class BadInput(Exception):
    """A request that cannot be done; the message says what to change."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.output is None and options.check is None and not options.lint:
        parser.error("nothing to do: give --output, --check or --lint")
    try:
        config = Config(options.bucket_prefix, options.solution_name, options.version, iot_regions())
        return _run(options, render(config, options.code), config.regions)
    except (InvalidConfig, BadInput) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def iot_regions() -> tuple[str, ...]:
    """Return every Region of every partition that has AWS IoT Core, by the data that the pinned SDK brings."""
    resolver = _endpoints()
    return tuple(
        sorted(
            region
            for partition in resolver.get_available_partitions()
            for region in resolver.get_available_endpoints("iot", partition)
        )
    )


def _endpoints() -> EndpointResolver:
    # The default search paths hold a folder of the user's, which would make the templates depend on it.
    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    return EndpointResolver(loader.load_data("endpoints"))


def render(config: Config, code: Path | None = None) -> dict[str, str]:
    """Return each template's text by its file name; the main one has the digests of all other files of the release.

    Raises:
        BadInput: the folder of the zips holds none, or cannot be read.
    """
    launched = {name: _text(build, config) for name, build in STACKS.items() if name != MAIN}
    if code is not None:
        files = {**_zips(code), **{name: text.encode() for name, text in launched.items()}}
        config = replace(
            config, digests=tuple((name, hashlib.sha256(content).hexdigest()) for name, content in files.items())
        )
    return {MAIN: _text(STACKS[MAIN], config), **launched}


def _text(build: Callable[[Config], Template], config: Config) -> str:
    text: str = build(config).to_json(indent=2, sort_keys=False)
    return text + "\n"


def _zips(folder: Path) -> dict[str, bytes]:
    try:
        found = {path.name: path.read_bytes() for path in sorted(folder.glob("*.zip"))}
    except OSError as error:
        raise BadInput(f"cannot read {folder}: {error.strerror}") from error
    if not found:
        raise BadInput(f"{folder} holds no zips; write them with deployment/build-s3-dist.sh")
    return found


def _run(options: argparse.Namespace, texts: Mapping[str, str], regions: Sequence[str]) -> int:
    if options.output is not None:
        _write(texts, options.output)
    different = options.check is not None and _differs(texts, options.check)
    findings = options.lint and _lint(texts, regions)
    return 1 if different or findings else 0


def _write(texts: Mapping[str, str], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror}") from error


def _differs(texts: Mapping[str, str], folder: Path) -> bool:
    if not folder.is_dir():
        raise BadInput(f"nothing to compare with: {folder} is not a folder; write it with --output {folder}")
    diff = [line for name, text in texts.items() for line in _diff(name, folder / name, text)]
    sys.stdout.writelines(diff)
    return bool(diff)


def _diff(name: str, path: Path, text: str) -> list[str]:
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {error}") from error
    return list(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            text.splitlines(keepends=True),
            fromfile=f"{name} (in {path.parent})",
            tofile=f"{name} (as generated)",
        )
    )


def _lint(texts: Mapping[str, str], regions: Sequence[str]) -> bool:
    # Findings name their Region: where there are any, every Region is linted, so that each is named.
    standing = stand_ins([type_of for text in texts.values() for type_of in _types(text)], regions)
    lines = _findings(texts, standing) and _findings(texts, regions)
    print("\n".join(lines) or f"cfn-lint found nothing in {len(texts)} templates for {len(regions)} Regions")
    return bool(lines)


def stand_ins(types: Iterable[str], regions: Sequence[str]) -> list[str]:
    """Return the Regions to lint: of those of which cfn-lint knows the same, the one with the longest name.

    What it knows of a Region is the partition and the schema of each type. The longest name is the hardest case where a
    text that holds the Region's name has a limit. Some rules know more, all of it about what no template has:
    SnapStart, instance types, the ARN of a layer written out.
    """
    endpoints, known = _endpoints(), _schemas(sorted(set(types)), regions)
    alike: dict[tuple[str, ...], list[str]] = {}
    for region in regions:
        alike.setdefault((endpoints.get_partition_for_region(region), *known[region]), []).append(region)
    return [max(group, key=len) for group in alike.values()]


def _schemas(types: Sequence[str], regions: Sequence[str]) -> dict[str, list[str]]:
    """Return, for each Region, the name of the first one that has the same schema of a type, for each type there."""
    try:
        from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # noqa: PLC0415  # see `lint`
    except ImportError as error:
        raise BadInput("cfn-lint is not installed; `make setup` installs it") from error
    known: dict[str, list[str]] = {region: [] for region in regions}
    for each in types:
        for alike, _ in PROVIDER_SCHEMA_MANAGER.get_resource_schemas_by_regions(each, regions):
            for region in alike:
                known[region].append(f"{each} {alike[0]}")
    return known


def _types(text: str) -> list[str]:
    return [str(resource["Type"]) for resource in json.loads(text)["Resources"].values()]


def _findings(texts: Mapping[str, str], regions: Sequence[str]) -> list[str]:
    slices = [regions[start : start + REGIONS_AT_ONCE] for start in range(0, len(regions), REGIONS_AT_ONCE)]
    tasks = [(name, text, part) for name, text in texts.items() for part in slices]
    with ProcessPoolExecutor() as pool:
        found = pool.map(lint, [text for _, text, _ in tasks], [part for _, _, part in tasks])
        # What is wrong in every Region is told once.
        return list(
            dict.fromkeys(f"{name}: {line}" for (name, _, _), part in zip(tasks, found, strict=True) for line in part)
        )


def lint(text: str, regions: Sequence[str]) -> list[str]:
    """Return cfn-lint's findings for a template, informational ones too, for these Regions in one pass."""
    import cfnlint.api  # noqa: PLC0415  # a build writes templates without the linter installed

    settings = {"include_checks": ["I"], "regions": list(regions)}
    found = cfnlint.api.lint(text, config=settings)
    return [f"line {match.linenumber}: {match.rule.id} {match.message}" for match in found]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="generate.py",
        description="Write the CloudFormation templates of the disaster recovery solution for AWS IoT Core.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what to do (at least one)")
    what.add_argument("--output", type=Path, metavar="DIR", help="write the templates into DIR")
    what.add_argument(
        "--check",
        type=Path,
        nargs="?",
        const=GOLDEN,
        metavar="DIR",
        help="print a unified diff against those in DIR (default: the golden files) and exit 1 if there is any",
    )
    what.add_argument("--lint", action="store_true", help="run cfn-lint for every Region that has AWS IoT Core")
    what_for = parser.add_argument_group("what for")
    what_for.add_argument(
        "--bucket-prefix", default="iot-dr-example", metavar="PREFIX", help="how the buckets' names begin (%(default)s)"
    )
    what_for.add_argument(
        "--solution-name", default=SOLUTION, metavar="NAME", help="first part of the S3 keys (%(default)s)"
    )
    what_for.add_argument(
        "--version", default="v0.0.0", metavar="VERSION", help="second part of the S3 keys (%(default)s)"
    )
    what_for.add_argument(
        "--code", type=Path, metavar="DIR", help="folder with the release's zips, whose digests the main template gets"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
