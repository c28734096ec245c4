"""Wires the verification: a comparison, what it finds, and the page that tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from iot_dr import __version__
from iot_dr.files import last_verification
from iot_dr.files.pages.html_report import Report, write_report
from iot_dr.ports.progress import ReadingObserver
from iot_dr.runtime.clock import now, utc_text
from iot_dr.runtime.commands.comparison import ComparisonSettings, open_comparison
from iot_dr.services.verify import VerifyRun


@contextmanager
def open_verification(settings: ComparisonSettings, progress: ReadingObserver) -> Iterator[VerifyRun]:
    """Open a verification; raises what `open_comparison` does."""
    with open_comparison(settings, progress) as opened:
        keep = partial(last_verification.keep, settings.folder.last_verification)
        yield VerifyRun(opened.reading, opened.verification, opened.direction, keep)


def write_page(run: VerifyRun, path: Path) -> None:
    """Write the page of a verification whose differences were drawn.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    report = Report(
        primary=run.direction.source.region,
        secondary=run.direction.target.region,
        began=utc_text(run.began),
        ended=utc_text(now()),
        numbers=run.numbers(),
        calls=run.calls,
        notes=run.notes(),
        account=run.direction.target.account,
        release=__version__,
    )
    write_report(path, report, run.noted())
