"""Collects the rules that the schemas of a profile carry, by their stable ids."""

from __future__ import annotations

from typing import Any

Json = Any

ASSERTIONS = (
    "type", "enum", "const", "minimum", "exclusiveMinimum", "maximum", "minLength", "maxLength",
    "pattern", "format", "minItems", "maxItems", "additionalProperties", "then",
)  # fmt: skip


def rule_table(validation: dict[str, Json], other_rules: dict[str, Json]) -> dict[str, Json]:
    """Every rule of a validation document: id -> source, keyword, advice and where it applies.

    One id may stand in several places, each with its own keyword, value and source. Raises ValueError
    where an assertion has no source.
    """
    table: dict[str, Json] = {
        rule: {"keyword": None, **entry, "places": []} for rule, entry in other_rules.items()
    }
    for name, schema in validation["$defs"].items():
        _collect(schema, name, "", validation["$defs"], table)
    return {rule: table[rule] for rule in sorted(table)}


def _collect(node: Json, name: str, pointer: str, definitions: Json, table: dict[str, Json]) -> None:
    if not isinstance(node, dict):
        return
    if "x-rule" in node:
        for keyword in ASSERTIONS:
            # A schema for unknown members is not a rule; only their prohibition is.
            if keyword in node and not (keyword == "additionalProperties" and node[keyword] is not False):
                if keyword == "then" and "then" not in node["x-source"]:
                    continue
                _add(node, keyword, node[keyword], name, pointer, table)
    for member in node.get("required", ()):
        child = node.get("properties", {}).get(member)
        if child is not None and pointer.rpartition("/")[2] != "if":
            target = definitions[child["$ref"].rpartition("/")[2]] if "$ref" in child else child
            if "x-rule" in target:
                _add(target, "required", member, name, f"{pointer}/properties/{member}", table)
    for keyword in ("properties", "allOf", "items", "additionalProperties"):
        children = node.get(keyword)
        if keyword == "properties" and isinstance(children, dict):
            for member, child in children.items():
                _collect(child, name, f"{pointer}/properties/{member}", definitions, table)
        elif isinstance(children, dict):
            _collect(children, name, f"{pointer}/{keyword}", definitions, table)


def _add(node: Json, keyword: str, value: Json, name: str, pointer: str, table: dict[str, Json]) -> None:
    source = node["x-source"].get(keyword)
    if source is None:
        raise ValueError(f"{name}{pointer}: the keyword {keyword} has no x-source")
    rule = source.get("rule", f"{node['x-rule']}.{keyword}")
    entry = table.setdefault(
        rule,
        {
            "keyword": keyword,
            "x-source": _source(source),
            **{k: source[k] for k in ("advice", "expected") if k in source},
            "places": [],
        },
    )
    place = {
        "schema": name,
        "pointer": pointer,
        "keyword": keyword,
        "value": None if keyword == "then" else value,
        "source": _source(source),
    }
    if place not in entry["places"]:
        entry["places"].append(place)


def _source(source: dict[str, Json]) -> dict[str, Json]:
    return {k: source[k] for k in ("kind", "page", "note") if k in source}
