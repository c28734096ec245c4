"""The documentation says what the code offers: commands, variables, parameters, and no link leads nowhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from docs import operator_policies, reference, rights
from docs.site import conf

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "figures"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "source").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)
FENCED_OR_COMMENT = re.compile(r"```.*?```|<!--.*?-->|^    [^\n]*$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LONGEST_LINE = 120
FILE = re.compile(r"`([\w./-]+/[\w.-]+\.(?:py|toml|sh|yml|md))`")
PACKAGE = ROOT / "source" / "lambda" / "iot_dr_layer" / "python" / "iot_dr"
TO_COME = {
    "aws/registry/role_aliases.py",  # the made-up kind
    "source/lambda/NAME/handler.py",  # of any function
}


def test_the_reference_is_what_the_code_says_now() -> None:
    page = reference.PAGE.read_text()

    assert page == reference.rendered(page), "run: .venv/bin/python -m docs.reference"


def test_the_page_of_rights_is_what_the_templates_say_now() -> None:
    page = rights.PAGE.read_text()

    assert page == rights.rendered(reference.templates()), "run: .venv/bin/python -m docs.reference"


def test_the_page_of_policies_is_what_the_code_says_now() -> None:
    assert operator_policies.PAGE.read_text() == operator_policies.rendered(), "run: .venv/bin/python -m docs.reference"


def test_the_reference_has_every_part() -> None:
    parts = {found[2] for found in reference.PART.finditer(reference.PAGE.read_text())}

    assert parts == set(reference.PARTS)


def test_every_option_has_a_help_text() -> None:
    silent = [f"{command} {option.opts[0]}" for command, option in reference.options() if not option.help]

    assert silent == []


def test_every_described_variable_is_read_somewhere() -> None:
    assert set(reference.VARIABLES) == reference.readers().keys()


def test_links_within_the_repository_resolve() -> None:
    broken = [(str(page), target) for page in PAGES for target in links(page) if not resolves(page, target)]

    assert broken == []


def test_lines_fit_a_terminal() -> None:
    long = [
        f"{page}:{number}"
        for page in PAGES
        if FIGURES not in page.parents  # what a benchmark writes is as wide as its tables
        for number, line in enumerate(page.read_text().splitlines(), 1)
        if len(line) > LONGEST_LINE
    ]

    assert long == []


def test_every_file_that_a_page_names_is_there() -> None:
    folders = (ROOT, PACKAGE, ROOT / "tests", ROOT / "source" / "lambda")
    named = {(page, name) for page in PAGES if page.name != "CHANGELOG.md" for name in FILE.findall(page.read_text())}

    missing = sorted(name for _, name in named if not any((folder / name).exists() for folder in folders))

    assert missing == sorted(TO_COME)


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, ahead = set(), [ROOT / "docs" / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        found = ((page.parent / target.partition("#")[0]).resolve() for target in links(page))
        ahead.extend(other for other in found if other in PAGES and other not in reached)

    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} <= reached


def test_the_menu_of_the_site_has_every_page_of_the_documentation() -> None:
    menu = conf.menu((ROOT / "docs" / "README.md").read_text())

    listed = {ROOT / f"{name}.md" for names in menu.values() for name in names}

    missing = {page for page in PAGES if page.is_relative_to(ROOT / "docs")} - listed - {ROOT / "docs" / "README.md"}
    assert missing == set(), "docs/README.md links each page itself"


def test_what_troubleshooting_quotes_is_what_the_program_says() -> None:
    told = " ".join(
        node.value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    page = " ".join((ROOT / "docs" / "troubleshooting.md").read_text().split())
    quoted = {part.strip(" ,:") for quote in re.findall(r'"([^"]+)"', page) for part in quote.split("...")}

    assert quoted
    assert {quote for quote in quoted if quote not in told} == set()


def test_every_row_of_the_scope_says_how_it_stands() -> None:
    rows = [line for line in (ROOT / "docs" / "scope.md").read_text().splitlines() if re.match(r"\| [A-Z]\d+ \|", line)]

    assert {row.split("|")[3].strip() for row in rows} <= {"works", "partly", "not yet"}
    assert all(row.split("|")[4].strip() for row in rows if "not yet" not in row)


def test_the_table_of_roles_names_every_function() -> None:
    section = (ROOT / "SECURITY.md").read_text().partition("## Roles")[2].partition("\n## ")[0]

    named = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)

    assert sorted(named) == sorted(handler.parent.name for handler in (ROOT / "source" / "lambda").glob("*/handler.py"))


def links(page: Path) -> Iterator[str]:
    for inline, listed in LINK.findall(FENCED_OR_COMMENT.sub("", page.read_text())):
        target = inline or listed
        if "://" not in target and not target.startswith("mailto:"):
            yield target


def resolves(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    path = (page.parent / name).resolve() if name else page
    return path.exists() and (not anchor or anchor in anchors(path))


def anchors(page: Path) -> set[str]:
    """The anchors that the usual renderers give a page's headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in HEADING.findall(page.read_text())
    }
