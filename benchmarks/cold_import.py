"""Measure how long each built function takes to import in a fresh interpreter, as a cold start on Lambda does.

    python benchmarks/cold_import.py [--assets deployment] [--runs 9]

Nothing but the unpacked zips, the standard library and boto3 is importable. boto3 is measured with its bytecode, since
it belongs to the runtime; the layer and the function without, since the zips carry none and Lambda mounts them
read-only, so that each cold start compiles them. One column shows what is left with bytecode beside them too. The
interpreter's own start is not counted.
"""

from __future__ import annotations

import argparse
import compileall
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SERVICES = frozenset(
    {
        "cloudformation",
        "codebuild",
        "dynamodb",
        "iot",
        "iot-data",
        "lambda",
        "s3",
        "secretsmanager",
        "service-quotas",
        "sqs",
        "stepfunctions",
        "sts",
    }
)
SDK = ("boto3", "botocore", "jmespath", "python_dateutil", "s3transfer", "six", "urllib3")
"""What Lambda's Python runtime brings: https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html."""

OWN_REGION, OTHER_REGION = "us-west-2", "us-east-1"

PROGRAM = """
import importlib, json, sys, time
handler, *folders = sys.argv[1:]
sys.path[:0] = folders
wall, cpu = time.perf_counter(), time.process_time()
module = importlib.import_module(handler)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
files = [each.__file__ for each in sys.modules.values() if getattr(each, "__file__", None)]
print(json.dumps({"wall": wall, "cpu": cpu, "files": files, "callable": callable(module.lambda_handler)}))
"""


@dataclass(frozen=True)
class Unpacked:
    """The zips of one build, each in a folder of its own."""

    layer: Path
    functions: Mapping[str, Path]
    sdk: Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, default=ROOT / "deployment", help="folder of build-s3-dist.sh's output")
    parser.add_argument("--runs", type=int, default=9, help="fresh interpreters for each figure")
    options = parser.parse_args(arguments)
    environments = environments_of(options.assets / "global-s3-assets")
    with tempfile.TemporaryDirectory() as folder:
        without = unpack(options.assets / "regional-s3-assets", Path(folder) / "without")
        compileall.compile_dir(without.sdk, quiet=1)
        compiled = unpack(options.assets / "regional-s3-assets", Path(folder) / "compiled")
        compileall.compile_dir(Path(folder) / "compiled", quiet=1)
        print(
            f"Python {platform.python_version()}, {platform.machine()}, median of {options.runs} fresh interpreters\n"
        )
        print("| function | cold import | its CPU time | CPU time with bytecode | modules |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for name in sorted(without.functions):
            cold = [import_handler(without, name, environments[name]) for _ in range(options.runs)]
            warm = [import_handler(compiled, name, environments[name]) for _ in range(options.runs)]
            times = " | ".join((median(cold, "wall"), median(cold, "cpu"), median(warm, "cpu")))
            print(f"| {name} | {times} | {len(cold[0]['files'])} |")
    return 0


def unpack(zips: Path, folder: Path) -> Unpacked:
    """Unpack the layer, every function, and the SDK out of the launcher's wheels."""
    functions = {}
    for path in sorted(zips.glob("*.zip")):
        target = folder / path.stem
        if path.name == "iot-dr-solution.zip":
            _unpack_sdk(path, folder / "sdk")
            continue
        with zipfile.ZipFile(path) as archive:
            archive.extractall(target)
        if path.name != "iot_dr_layer.zip":
            functions[path.stem] = target
    return Unpacked(folder / "iot_dr_layer" / "python", functions, folder / "sdk")


def _unpack_sdk(solution: Path, target: Path) -> None:
    with zipfile.ZipFile(solution) as archive:
        for name in archive.namelist():
            if name.startswith("wheels/") and name.removeprefix("wheels/").split("-")[0] in SDK:
                with archive.open(name) as content, zipfile.ZipFile(content) as wheel:
                    # The descriptions of the services that nothing here calls are most of botocore's size.
                    wheel.extractall(target, [each for each in wheel.namelist() if _is_needed(each)])


def _is_needed(name: str) -> bool:
    parts = name.split("/")
    return parts[:2] != ["botocore", "data"] or len(parts) == 3 or parts[2] in SERVICES


def environments_of(templates: Path) -> dict[str, dict[str, str]]:
    """Return the variables that each function's template sets, made up where AWS would fill them in."""
    environments = {}
    for path in sorted(templates.glob("*.template")):
        template = json.loads(path.read_text())
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Lambda::Function":
                properties = resource["Properties"]
                variables = properties.get("Environment", {}).get("Variables", {})
                name = properties["Handler"].split(".")[0]
                filled = {key: _value(value, template) for key, value in variables.items()}
                # What a function is there for that no launch has by itself is not left empty then.
                made_up = OTHER_REGION if "Condition" in resource else ""
                environments[name] = {key: value or made_up for key, value in filled.items()}
    return environments


def _value(value: Any, template: Mapping[str, Any]) -> str:
    if not isinstance(value, dict):
        return str(value)
    parameter = template.get("Parameters", {}).get(value.get("Ref", ""), {})
    return str(parameter.get("Default", OTHER_REGION))


def import_handler(
    unpacked: Unpacked, name: str, environment: Mapping[str, str], *, keep: bool = False
) -> dict[str, Any]:
    """Import one handler in a fresh interpreter; return the seconds, and the files of all modules then loaded.

    With `keep` what is compiled stays, and the next import takes less; in Lambda nothing stays.
    """
    folders = (unpacked.functions[name], unpacked.layer, unpacked.sdk)
    answer = subprocess.run(
        # Isolated, without site-packages, writing no bytecode.
        [sys.executable, "-I", "-S", *([] if keep else ["-B"]), "-c", PROGRAM, f"{name}.handler", *map(str, folders)],
        env={
            "AWS_REGION": OWN_REGION,
            "AWS_DEFAULT_REGION": OWN_REGION,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise RuntimeError(f"{name} cannot be imported from its zip:\n{answer.stderr}")
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def median(runs: Sequence[Mapping[str, Any]], clock: str) -> str:
    """Return the median of one clock."""
    return f"{statistics.median(run[clock] for run in runs) * 1000:.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
