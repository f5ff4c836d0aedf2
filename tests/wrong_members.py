"""Single mistakes in the members of an object: missing, unknown, misspelt, twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contract_walk import Node, json_type, required_rules, rule_of
from mistakes import Edit, with_value
from typos import distance, typos
from written_json import Pairs

__all__ = ["wrong_members"]


def wrong_members(node: Node, payload: Any) -> Iterator[Edit]:
    """Every way in which the members of one node may be wrong."""
    for make in (_members, _names, _conditions):
        yield from make(node, payload)


def _members(node: Node, payload: Any) -> Iterator[Edit]:
    for name, rule in required_rules(node.schema).items() if isinstance(node.value, dict) else ():
        path = (*node.path, name)
        without = with_value(payload, node.path, _without(node.value, name))
        yield Edit("missing", without, ((path, "object", frozenset({rule})),))
    if node.names is None:
        return
    rule = rule_of(node.schema, "additionalProperties")
    for name in ("extra", "", "a/b~c", "名前 é", "zzzzzzzz", '"', "X-Custom\n", "x" * 300):
        for value in (1, {"deep": [{"name": 1}]}):
            added = with_value(payload, (*node.path, name), value)
            yield Edit("extra member", added, (((*node.path, name), "key", frozenset({rule})),))
    for name, value in node.value.items():
        twice = Pairs([*node.value.items(), (name, value)])
        again = Edit(
            "duplicate name",
            with_value(payload, node.path, twice),
            (((*node.path, name), "key", frozenset({"json.duplicate_key"})),),
            is_json=False,
        )
        yield again
        at_once = Pairs(
            pair for member in node.value.items() for pair in [member] * (1 + (member[0] == name))
        )
        yield Edit(again.kind, with_value(payload, node.path, at_once), again.targets, is_json=False)


def _without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {member: value for member, value in members.items() if member != name}


def _names(node: Node, payload: Any) -> Iterator[Edit]:
    """Each member under a misspelt name, in its place."""
    if node.names is None:
        return
    rules = frozenset({rule_of(node.schema, "additionalProperties")})
    for name in node.value:
        for typo in typos(name, len(node.path)):
            if typo in node.names:
                continue
            renamed = {typo if member == name else member: value for member, value in node.value.items()}
            edit = with_value(payload, node.path, renamed)
            target = ((*node.path, typo), "key", rules)
            yield Edit(
                "misspelt name", edit, (target,), name if _is_nearest(name, typo, node.names) else None
            )


def _is_nearest(name: str, typo: str, names: tuple[str, ...]) -> bool:
    away = {known: distance(typo.lower(), known) for known in names}
    return all(away[name] < away[known] for known in names if known != name)


def _conditions(node: Node, payload: Any) -> Iterator[Edit]:
    """What a member asks of another one, where the schema has such a condition."""
    if "then" not in node.schema:
        return
    condition, then = node.schema["if"], node.schema["then"]
    assert all(node.value[name] == said["const"] for name, said in condition["properties"].items())
    rules = frozenset({rule_of(node.schema, "then")})
    for name in then["required"]:
        path = (*node.path, name)
        without = with_value(payload, node.path, _without(node.value, name))
        yield Edit("missing under a condition", without, ((path, "object", rules),))
        assert json_type(None) != then["properties"][name]["type"]
        yield Edit("null under a condition", with_value(payload, path, None), ((path, "value", rules),))
