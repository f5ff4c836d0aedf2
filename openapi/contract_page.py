"""Fills the derived table into docs/contract.md, between its two markers."""

from __future__ import annotations

from typing import Any

from loracle_contracts.texts import expected_text

Json = Any
BEGIN = "<!-- derived: rules -->"
END = "<!-- end of what is derived -->"


def contract_page(page: str, rules: dict[str, Json], document: dict[str, Json]) -> bytes:
    """The page with a fresh table of every rule: field, rule id, rule, source.

    Raises ValueError where a marker is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"docs/contract.md needs the markers {BEGIN} and {END}")
    lines = ["| where | rule id | rule | source |", "|---|---|---|---|"]
    for rule, entry in rules.items():
        places = sorted({_place(place) for place in entry["places"]}) or [rule.partition(".")[0]]
        expected = entry.get("expected") or " / ".join(
            sorted({expected_text(place["keyword"], place["value"]) for place in entry["places"]})
        )
        sources = [place["source"] for place in entry["places"]] or [entry["x-source"]]
        told = list(dict.fromkeys(_source(source) for source in sources))
        lines.append(
            f"| {'<br>'.join(_cell(f'`{p}`') for p in places)} | `{rule}` | {_cell(expected)} "
            f"| {_cell('<br>'.join(told))} |"
        )
    pages = [f"- **{name}**: {title}" for name, title in document["x-pages"].items()]
    table = "\n".join([*lines, "", "The pages that the table names:", "", *pages])
    return f"{before}{BEGIN}\n{table}\n{END}{after}".encode()


def _place(place: dict[str, Json]) -> str:
    pointer: str = place["pointer"]
    return str(place["schema"]) + pointer.replace("/properties", "").replace("/items", "/*")


def _source(source: dict[str, Json]) -> str:
    note = f"; {source['note']}" if "note" in source else ""
    return f"{source['kind']}: {source['page']}{note}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
