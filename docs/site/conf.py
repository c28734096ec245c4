"""The static site: Sphinx with MyST reads the pages as they are in the repository, and `make site` builds them.

The index of the documentation is the site's front page, and its sections are the site's menu. A page that the index
does not link is missing there, which the build refuses.
"""

import posixpath
import re
from typing import Any

project = "Disaster recovery for AWS IoT"
html_title = project
root_doc = "docs/README"
include_patterns = ["*.md", "docs/**.md", "examples/*/README.md", "source/tools/README.md"]
extensions = ["myst_parser"]
myst_heading_anchors = 4
suppress_warnings = ["toc.multiple_toc_parents"]
highlight_language = "bash"  # what is indented on these pages is typed in a shell

html_theme = "furo"
html_extra_path = ["root"]  # leads from the folder itself to the front page
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_theme_options: dict[str, Any] = {"top_of_page_buttons": []}

_PAGE = re.compile(r"\]\(([\w./-]+)\.md(?:#[\w-]+)?\)")


def menu(front: str) -> dict[str, list[str]]:
    """Return the names of the pages that each section of the front page links, where it is linked first."""
    listed: dict[str, None] = {root_doc: None}
    sections: dict[str, list[str]] = {}
    for section in re.split(r"^## ", front, flags=re.MULTILINE)[1:]:
        linked = dict.fromkeys(map(_name, _PAGE.findall(section)))
        sections[section.partition("\n")[0]] = [name for name in linked if name not in listed]
        listed |= linked
    return sections


def setup(app: Any) -> None:
    """Have Sphinx call what adds the menu."""
    app.connect("source-read", _with_menu)


def _with_menu(_app: Any, page: str, source: list[str]) -> None:
    if page == root_doc:
        for caption, names in menu(source[0]).items():
            entries = "\n".join(f"/{name}" for name in names)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n"


def _name(target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(root_doc), target))
