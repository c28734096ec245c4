"""Package the Lambda code and the launcher into zips whose bytes depend on the commit and the pinned packages alone.

`deployment/build-s3-dist.sh` runs this: `check` before anything is touched, `zips` into its work folder, and `replace`
at the end. Only the standard library and the package's own naming rules are imported, since `check` runs before a
virtual environment exists.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAMBDA = ROOT / "source" / "lambda"
LAYER_PACKAGES = LAMBDA / "iot_dr_layer" / "python"
TOOLS = ROOT / "source" / "tools"
BUILDSPEC = ROOT / "source" / "launch-solution.yml"
REQUIREMENTS = ROOT / "requirements"

OUTPUT_FOLDERS = ("global-s3-assets", "regional-s3-assets")

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of every file in every zip: the first that the format can tell."""
SOURCE_DATE_EPOCH = "315532800"
"""The same time for setuptools, https://reproducible-builds.org/specs/source-date-epoch/."""

LAMBDA_PYTHON = "3.13"
LAMBDA_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux2014_aarch64")
"""Amazon Linux 2023 on Graviton has glibc 2.34: https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html."""
OLDEST_PYTHON = "3.11"
"""What setup.cfg asks for; the launcher's wheels must suit every newer one too."""

LAMBDA_LIMIT = 250 * 1024 * 1024
"""A function and its layers unpacked: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""

NEEDS_THE_TOOLS = ("cli",)
"""Sub-packages of iot_dr that stay out of the layer: they import click and rich, which no function has."""


class PipFailed(Exception):
    """A package cannot be had, or is not the pinned one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step; faults that the caller can mend end with one line and exit 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    check = steps.add_parser("check", help="refuse names that S3 would refuse")
    for name in ("bucket_prefix", "solution_name", "version"):
        check.add_argument(name)
    steps.add_parser("zips", help="write every zip into a folder").add_argument("work", type=Path)
    replace = steps.add_parser("replace", help="put finished output folders in the place of the old ones")
    replace.add_argument("work", type=Path)
    replace.add_argument("deployment", type=Path)
    options = parser.parse_args(arguments)
    if options.step == "check":
        return check_names(options.bucket_prefix, options.solution_name, options.version)
    if options.step == "zips":
        try:
            return write_zips(options.work)
        except PipFailed as failure:
            report(f"error: {failure}; nothing was replaced")
            return 1
    return replace_output(options.work, options.deployment)


def check_names(bucket_prefix: str, solution_name: str, version: str) -> int:
    """Return 2, with the reason on standard error, for arguments that could never be published."""
    # The checkout's package, not an installed one: the build must not depend on what is installed.
    sys.path.insert(0, str(LAYER_PACKAGES))
    from iot_dr.errors import ConfigurationError  # noqa: PLC0415  # found by the line above
    from iot_dr.model.launch.distribution import Distribution  # noqa: PLC0415  # as above

    try:
        Distribution(bucket_prefix, solution_name, version)
    except ConfigurationError as error:
        report(f"error: {error}")
        return 2
    return 0


def write_zips(work: Path) -> int:
    """Write the layer, one zip per function and the launcher's zip to `work/regional-s3-assets`."""
    output = work / "regional-s3-assets"
    output.mkdir(parents=True)
    layer = layer_entries(work)
    largest = max(
        write_zip(output / f"{name}.zip", folder_entries(LAMBDA / name, name + "/")) for name in function_names()
    )
    unpacked = largest + write_zip(output / "iot_dr_layer.zip", layer)
    write_zip(output / "iot-dr-solution.zip", solution_entries(work))
    if unpacked > LAMBDA_LIMIT:
        report(f"error: layer and function unpack to {readable(unpacked)}; Lambda allows {readable(LAMBDA_LIMIT)}")
        return 1
    for path in sorted(output.iterdir()):
        report(f"  {path.name:<28}{readable(path.stat().st_size):>10}")
    report(f"  layer and largest function unpacked: {readable(unpacked)} of {readable(LAMBDA_LIMIT)}")
    return 0


def replace_output(work: Path, deployment: Path) -> int:
    """Move the finished folders in.

    Both old ones leave before either new one comes, so that whatever interrupts this, no mixture of two builds is left.
    """
    for name in OUTPUT_FOLDERS:
        if (deployment / name).exists():
            (deployment / name).rename(work / f"old-{name}")
    for name in OUTPUT_FOLDERS:
        # A rename onto a folder with content fails: the output of a build that ended meanwhile stays whole.
        (work / name).rename(deployment / name)
    return 0


def function_names() -> tuple[str, ...]:
    """Return the folders of source/lambda that hold a handler."""
    return tuple(sorted(path.parent.name for path in LAMBDA.glob("*/handler.py")))


def layer_entries(work: Path) -> dict[str, Path]:
    """Return what the layer holds: the package, and its pinned dependencies as Lambda's platform needs them."""
    packages = work / "layer"
    pip(
        "install",
        "--no-compile",
        *locked("lambda.txt"),
        *(f"--platform={platform}" for platform in LAMBDA_PLATFORMS),
        f"--python-version={LAMBDA_PYTHON}",
        "--implementation=cp",
        f"--target={packages}",
    )
    entries = {
        name: path
        for name, path in folder_entries(packages, "python/").items()
        if not (name.startswith("python/bin/") or is_installation_record(path))
    }
    without = tuple(f"python/iot_dr/{name}/" for name in NEEDS_THE_TOOLS)
    own = folder_entries(LAYER_PACKAGES, "python/")
    return entries | {name: path for name, path in own.items() if not name.startswith(without)}


def solution_entries(work: Path) -> dict[str, Path]:
    """Return what CodeBuild's source holds: buildspec, tools, and every wheel that they need."""
    wheels = work / "wheels"
    # `any` and no ABI admit pure Python alone, so the same wheels serve every machine that runs the launcher.
    pip(
        "download",
        *locked("tools.txt"),
        "--platform=any",
        "--abi=none",
        f"--python-version={OLDEST_PYTHON}",
        "--implementation=py",
        f"--dest={wheels}",
    )
    build_wheel(work, wheels)
    entries = folder_entries(wheels, "wheels/") | folder_entries(TOOLS, "tools/")
    return entries | {"launch-solution.yml": BUILDSPEC, "requirements.txt": REQUIREMENTS / "tools.txt"}


def build_wheel(work: Path, wheels: Path) -> None:
    """Build the wheel of iot_dr from a copy: setuptools writes beside the sources, and keeps their modes."""
    copy = work / "iot_dr"
    sources = {name: ROOT / name for name in ("LICENSE", "pyproject.toml", "setup.cfg")}
    sources |= folder_entries(LAYER_PACKAGES, f"{LAYER_PACKAGES.relative_to(ROOT)}/")
    for name, path in sources.items():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o644)
    pip("wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={wheels}", str(copy))


def locked(requirements: str) -> tuple[str, ...]:
    """Return pip's options for exactly the pinned wheels of one requirements file, each checked by its hash."""
    # --no-deps, as the files name everything: pip would judge markers by this interpreter, not by Lambda's.
    return ("--no-deps", "--require-hashes", "--only-binary=:all:", f"--requirement={REQUIREMENTS / requirements}")


def pip(command: str, *arguments: str) -> None:
    """Run pip of this interpreter.

    Raises:
        PipFailed: pip has said why.
    """
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH}
    words = (sys.executable, "-m", "pip", command, *quiet, *arguments)
    run = subprocess.run(words, check=False, env=environment)  # noqa: S603  # our own words, and no shell
    if run.returncode:
        raise PipFailed(f"pip {command} failed, see above")


def folder_entries(folder: Path, prefix: str) -> dict[str, Path]:
    """Map the name in the zip to the file, for every file of a folder that belongs to the product."""
    return {prefix + path.relative_to(folder).as_posix(): path for path in product_files(folder)}


def product_files(folder: Path) -> Iterator[Path]:
    """Yield a folder's files but hidden ones and what Python or an editable installation leaves beside the sources."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == "__pycache__" or path.suffix in {".pyc", ".egg-info"}:
            continue
        if path.is_dir():
            yield from product_files(path)
        else:
            yield path


def is_installation_record(path: Path) -> bool:
    """Tell whether pip wrote the file to say how and from where it installed, which differs from machine to machine."""
    return path.parent.suffix == ".dist-info" and path.name in {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}


def write_zip(target: Path, entries: Mapping[str, Path]) -> int:
    """Write a zip that depends on names and contents alone; return its unpacked size."""
    size = 0
    with zipfile.ZipFile(target, "w") as archive:
        for name, path in sorted(entries.items()):
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.create_system = 3  # Unix: Lambda takes the mode from the entry
            entry.external_attr = (0o755 if os.access(path, os.X_OK) else 0o644) << 16
            # A wheel is a zip already.
            entry.compress_type = zipfile.ZIP_STORED if path.suffix == ".whl" else zipfile.ZIP_DEFLATED
            content = path.read_bytes()
            archive.writestr(entry, content, compresslevel=9)
            size += len(content)
    return size


def readable(size: int) -> str:
    """Return a size for people.

    >>> readable(1536), readable(3 * 1024 * 1024)
    ('1.5 kB', '3.0 MB')
    """
    kilobytes = size / 1024
    return f"{kilobytes:.1f} kB" if kilobytes < 1024 else f"{kilobytes / 1024:.1f} MB"


def report(text: str) -> None:
    """Tell the person at the terminal; standard output stays free for the shell."""
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
