"""`iot-dr publish`: make the buckets of a distribution, upload what changed, print the quick-create link."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as ProgressBar

from iot_dr.cli.command import Command
from iot_dr.cli.options import output_format
from iot_dr.cli.options import profile as profile_option
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.bars import Watch, draws_bars
from iot_dr.cli.view.tables import Screen
from iot_dr.cli.view.texts import say
from iot_dr.model.launch.distribution import Bucket, Distribution, Upload
from iot_dr.model.regions import RegionPair
from iot_dr.runtime.commands.launch.publish import publish_build
from iot_dr.services.launch.publish import Publication

_EPILOG = """
\b
Example, after deployment/build-s3-dist.sh:
  iot-dr publish --bucket-prefix my-iot-dr --solution-name disaster-recovery-for-aws-iot \\
    --version v0.1.0 --primary-region us-east-1 --secondary-region us-west-2
"""


@click.command("publish", cls=Command, params=[profile_option(), output_format()], epilog=_EPILOG)
@click.option("--bucket-prefix", required=True, help="BUCKET_NAME_PREFIX of the build.")
@click.option("--solution-name", required=True, help="SOLUTION_NAME of the build.")
@click.option("--version", required=True, help="VERSION of the build, vX.Y.Z.")
@click.option(
    "--primary-region",
    "--primary",
    "primary_region",
    required=True,
    help="Region of the fleet; the main stack is launched there.",
)
@click.option(
    "--secondary-region", "--secondary", "secondary_region", required=True, help="Region that becomes the copy."
)
@click.option(
    "--assets",
    type=click.Path(path_type=Path),
    default=Path("deployment"),
    show_default=True,
    help="Folder with the output of build-s3-dist.sh.",
)
def command(  # noqa: PLR0913, PLR0917  # one per option
    bucket_prefix: str,
    solution_name: str,
    version: str,
    primary_region: str,
    secondary_region: str,
    assets: Path,
    profile: str,
    output: str,
) -> None:
    """Publish a build to S3 and print the link that launches it.

    Creates PREFIX-reference and PREFIX-<region> if they are missing, and uploads only files that changed. Exits 0 if
    all is published, 2 if it cannot run.
    """
    distribution = Distribution(bucket_prefix, solution_name, version)
    regions = RegionPair(primary_region, secondary_region)
    with PublishWatch() as watcher:
        publication = publish_build(distribution, regions, assets, watcher, profile)
    say(as_json(publication) if output == "json" else as_text(publication))


class PublishWatch(Watch):
    """Shows the upload on standard error: bytes, rate, time left."""

    def __init__(self) -> None:
        screen = Screen(stderr=True)
        super().__init__(
            ProgressBar(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=screen,
                disable=not draws_bars(screen),
            )
        )
        self._task = self._bar.add_task("Preparing buckets", total=None, pace="bytes")

    def comparing(self, bucket: Bucket) -> None:
        """Name the bucket that is being compared."""
        self._bar.update(self._task, description=f"Comparing {bucket.name}")

    def uploading(self, uploads: Sequence[Upload]) -> None:
        """Begin to count."""
        description = f"Uploading {files(len(uploads))}" if uploads else "Nothing to upload"
        self._bar.update(self._task, description=description, total=sum(upload.size for upload in uploads))
        if self.says_lines:
            say(description, err=True)

    def sent(self, size: int) -> None:
        """Move the bar."""
        self._bar.advance(self._task, size)


def as_text(publication: Publication) -> str:
    """Say what changed, and end with the link."""
    lines = [f"made bucket {bucket.name} in {bucket.region}" for bucket in publication.buckets if bucket.made]
    lines += [f"uploaded {name}" for name in publication.uploaded]
    lines += [
        f"{files(len(publication.uploaded))} uploaded, {publication.unchanged} unchanged.",
        "",
        "Launch it (review the form, then create the stack):",
        publication.quick_create_link,
    ]
    return "\n".join(lines)


def as_json(publication: Publication) -> str:
    """Return the same for scripts."""
    return answer_text(dataclasses.asdict(publication))


def files(count: int) -> str:
    """Return the number with its noun."""
    return "1 file" if count == 1 else f"{count} files"
