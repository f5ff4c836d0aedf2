"""Every link of a Markdown page to another file leads to a committed one, and to a heading that is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]
COMMITTED = subprocess.run(
    ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
).stdout.splitlines()
FOLDERS = {str(folder) for name in COMMITTED for folder in PurePosixPath(name).parents}
PAGES = [name for name in COMMITTED if name.endswith(".md")]


def headings(page: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    text = re.sub(
        r"^```.*?^```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


def broken(page: str, text: str) -> list[str]:
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        place = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
        name = str(PurePosixPath(place.relative_to(ROOT.resolve()))) if place.is_relative_to(ROOT) else ""
        if name not in COMMITTED and name not in FOLDERS:
            found.append(f"{link}: no such file")
        elif anchor and anchor not in headings(name):
            found.append(f"{link}: no such heading")
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    assert broken(page, (ROOT / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("link", ["nowhere.md", "docs/nowhere.md", "docs/faults.md#nowhere", "../outside.md"])
def test_a_link_to_nowhere_is_found(link: str) -> None:
    assert len(broken("README.md", f"[good](docs/faults.md) and [bad]({link})")) == 1
