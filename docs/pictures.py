"""Makes the pictures of reports in docs/figures: `python -m docs.pictures --browser CHROMIUM`.

The reports are those of a small fleet on the local Region pair, of which two devices differ on purpose. What a command
prints becomes an SVG; of a page the browser, a headless Chromium, makes a PNG. Without one, pages are left out. With
`--drill .lab/drill.html` nothing is launched, and the page of the last `make drill` is pictured.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from lab.fleet import Fleet
from lab.lag import LagWatch
from lab.operators import operator_environ
from lab.pair import Pair, launched
from lab.progress import ConsoleProgress
from lab.shadows import Shadows

FIGURES = Path(__file__).parent / "figures"
COLUMNS = 110
"""Characters of a line: a terminal of an operator, and readable on a page."""

VERIFY_PAGE, DRILL_PAGE = (1080, 1250), (1080, 1560)
"""Pixels of a page's picture: its verdict, its counts and the beginning of what is below."""

_PRINTED: Mapping[str, tuple[str, ...]] = {
    "doctor": ("doctor", "--unpaced"),
    "status": ("status",),
    "prove": ("prove", "-n", "1"),
}
_THEME = TerminalTheme(
    (255, 255, 255),
    (31, 35, 40),
    [
        (31, 35, 40),
        (180, 35, 24),
        (17, 99, 41),
        (122, 77, 0),
        (9, 82, 165),
        (110, 56, 164),
        (0, 110, 120),
        (90, 96, 104),
    ],
)
_FONT_OF_ANOTHER_HOST = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def main() -> None:
    """Make what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--browser", help="a headless Chromium")
    parser.add_argument("--drill", type=Path, help="picture only this page of a drill")
    options = parser.parse_args()
    if options.drill:
        photograph(options.browser, options.drill, FIGURES / "drill.png", DRILL_PAGE)
    else:
        picture_a_launch(options.browser)


def picture_a_launch(browser: str | None) -> None:
    """Launch the pair, run the commands, write the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        progress = ConsoleProgress(Console(stderr=True))
        with launched(Path(folder) / "pair", progress, fleet_name=True) as pair, pair.route53.evaluating():
            fill(pair)
            environ = {**operator_environ(pair), "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
            for name, command in _PRINTED.items():
                picture(f"iot-dr {name}", printed(command, environ, folder), FIGURES / f"{name}.svg")
            differ(pair)
            report = Path(folder) / "verified.html"
            text = printed(("verify", "--unpaced", "--report", report.name), environ, folder)
            picture("iot-dr verify --report verified.html", text, FIGURES / "verify.svg")
            if browser:
                photograph(browser, report, FIGURES / "verify.png", VERIFY_PAGE)


def fill(pair: Pair) -> None:
    """Make a fleet of twelve with shadows, and wait until it has crossed."""
    fleet = Fleet(pair.client("iot", pair.primary), region=pair.primary, account=pair.account)
    fleet.prepare("pump", "valve")
    shadows = Shadows(pair.client("iot-data", pair.primary))
    with LagWatch(pair.client("iot", pair.secondary)) as watch:
        for number in range(12):
            kind = "valve" if number % 3 else "pump"
            device = fleet.provision(f"{kind}-{number:02}", thing_type=kind, attributes={"site": "harbour"})
            shadows.update(device.thing_name, {"desired": {"interval": 60}, "reported": {"interval": 30}})
            watch.made(device)
        watch.wait(60)


def differ(pair: Pair) -> None:
    """Have somebody change two devices of the secondary Region by hand."""
    there = pair.client("iot", pair.secondary)
    there.update_thing(thingName="pump-03", attributePayload={"attributes": {"site": "mill"}})
    principal = there.list_thing_principals(thingName="valve-04")["principals"][0]
    there.detach_thing_principal(thingName="valve-04", principal=principal)


def printed(command: tuple[str, ...], environ: Mapping[str, str], folder: str) -> str:
    """Return what a command prints on its standard output, with its colours."""
    line = [sys.executable, "-m", "iot_dr.cli", *command]
    ran = subprocess.run(line, env=dict(environ), cwd=folder, text=True, check=False, stdout=subprocess.PIPE)  # noqa: S603  # ours
    return ran.stdout.replace(f"{folder}/", "")


def picture(title: str, text: str, file: Path) -> None:
    """Write what was printed as a terminal would show it; no font is fetched for it."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(text.rstrip()), "")
    svg = console.export_svg(title=title, theme=_THEME, unique_id=file.stem)
    file.write_text(_FONT_OF_ANOTHER_HOST.sub("", svg), encoding="utf-8")


def photograph(browser: str, page: Path, file: Path, pixels: tuple[int, int]) -> None:
    """Have the browser show the top of a page and write what it looks like."""
    width, height = pixels
    options = ("--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={width},{height}")
    subprocess.run([browser, *options, f"--screenshot={file}", page.resolve().as_uri()], check=True)  # noqa: S603  # whose runs it names the browser


if __name__ == "__main__":
    main()
