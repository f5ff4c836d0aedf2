"""Writes the tables of docs/faults.md from the contract, the catalogue and the scenarios.

    python docs/generate.py [--check]

With --check nothing is written; the exit code is 1 where the page is not as it would be written.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from loracle_contracts import spec
from loracle_mockserver.fault_catalogue import CATALOGUE
from loracle_mockserver.fault_rules import conditions
from loracle_mockserver.faults import scenarios

__all__ = ["main", "page"]

PAGE = Path(__file__).parent / "faults.md"


def page(text: str) -> str:
    """The page with each derived part, which stands between two comments, written anew."""
    for name, table in _tables().items():
        begin, end = f"<!-- derived: {name} -->\n", f"<!-- end: {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"{PAGE.name} has no place for the table {name!r}")
        text = pattern.sub(lambda _, whole=f"{begin}{table}\n{end}": whole, text)
    return text


def _tables() -> dict[str, str]:
    tables = {
        family: _table(
            ("name", "what happens", "the request takes effect", "a good client"),
            [
                (f"`{kind.name}`", kind.summary, "yes" if kind.is_handled else "no", kind.good_client)
                for kind in CATALOGUE.values()
                if kind.family == family
            ],
        )
        for family in ("network", "body")
    }
    tables["task"] = _table(
        ("name", "what happens", "a good client"),
        [
            (f"`{kind.name}`", kind.summary, kind.good_client)
            for kind in CATALOGUE.values()
            if kind.family == "task"
        ],
    )
    tables["scenarios"] = _table(
        ("scenario", "what happens", "a good client"),
        [(f"`@{name}`", found["summary"], found["good_client"]) for name, found in scenarios().items()],
    )
    tables["conditions"] = ", ".join(f"`{condition}`" for condition in conditions())
    tables["operations"] = _table(
        ("operation", "what is called"),
        [(f"`{known.id}`", f"`{known.method} {known.path}`") for known in spec.operations().values()],
    )
    tables["errors"] = _table(
        ("status", "reason", "what it says", "operations"),
        [(str(known["code"]), f"`{name}`", known["message"], _where(name)) for name, known in _errors()],
    )
    return tables


def _errors() -> list[tuple[str, dict[str, Any]]]:
    return sorted(spec.errors().items(), key=lambda item: item[1]["code"])


def _where(reason: str) -> str:
    """The operations that document an error, as short as it can be said."""
    known = spec.operations()
    having = {
        id_ for id_, operation in known.items() if any(reason in of for of in operation.errors.values())
    }
    if having == set(known):
        return "all"
    if having == {id_ for id_, operation in known.items() if operation.authenticated}:
        return "all but `putUpload`"
    return ", ".join(f"`{id_}`" for id_ in known if id_ in having)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.strip() for cell in line)} |" for line in lines)


def main(arguments: list[str]) -> int:
    """Writes the page, or with --check only compares it. Answers the exit code."""
    before = PAGE.read_text(encoding="utf-8")
    after = page(before)
    if before == after:
        return 0
    if "--check" in arguments:
        print(f"{PAGE.name} is not as it would be written; run python docs/generate.py", file=sys.stderr)
        return 1
    PAGE.write_text(after, encoding="utf-8")
    print(f"writes: docs/{PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
