"""Servers that refuse a value which a rule permits: one for each bound, choice and kind of value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from contract_walk import Node, nodes
from mistakes import with_value

from broken_servers.defect import Corpus
from broken_servers.right_bodies import CREATES, STYLE, SUBJECT, UPLOAD, plain
from broken_servers.scripts import posted
from broken_servers.wire import Answer, Change, Forward, Request, operation_of, planted, refuse_right
from loracle_contracts import validate

__all__ = ["CASES"]

CASES = Corpus()
_SHORT = {SUBJECT: "", STYLE: "style.", UPLOAD: "upload."}
_IS_TEXT_OF_A_NUMBER = re.compile("[0-9]")


class Permitted(NamedTuple):
    """A kind of value that a rule permits: a slug, whether a node has it, and such a value."""

    slug: str
    is_meant: Callable[[Node], bool]
    value: Any


def _equal(value: Any) -> Callable[[Node], bool]:
    return lambda node: type(node.value) is type(value) and node.value == value


def _permitted(node: Node, turn: int) -> Iterator[Permitted]:
    for make in (_numbers, _texts, _choices, _containers):
        yield from make(node)
    # The many members that may be null and may be absent take turns.
    is_setting = node.path[:1] == ("expert_setting",)
    if "null" in node.types and (turn % 2 or not is_setting):
        yield Permitted("null", lambda found: found.value is None, None)


def _numbers(node: Node) -> Iterator[Permitted]:
    schema = node.schema
    if "exclusiveMinimum" in schema:
        yield Permitted("tiny", lambda found: _is_number(found) and 0 < found.value < 1e-7, 1e-9)
    for bound in ("minimum", "maximum"):
        if bound in schema:
            most = schema[bound]
            yield Permitted(bound, lambda found, most=most: _is_number(found) and found.value == most, most)
    if "integer" in node.types and schema["maximum"] > 10**6:
        yield Permitted("without-fraction", lambda found: isinstance(found.value, float), 512.0)
    if "boolean" in node.types:
        yield Permitted("true", lambda found: found.value is True, True)
        yield Permitted("false", lambda found: found.value is False, False)


def _is_number(node: Node) -> bool:
    return isinstance(node.value, (int, float)) and not isinstance(node.value, bool)


def _texts(node: Node) -> Iterator[Permitted]:
    schema = node.schema
    if "string" not in node.types or node.choices:
        return
    if "integer" in node.types:
        yield Permitted("as-text", lambda found: isinstance(found.value, str), "an id")
        yield Permitted("as-number", lambda found: isinstance(found.value, int), 26)
        return
    for keyword in ("minLength", "maxLength"):
        if keyword in schema and "pattern" not in schema:
            size = schema[keyword]
            yield Permitted(keyword, lambda found, size=size: _length(found) == size, "x" * size)
    if "minLength" not in schema and "pattern" not in schema:
        yield Permitted("empty", lambda found: found.value == "", "")
    if "pattern" in schema:
        yield from _written_numbers(node)
    else:
        yield Permitted("unicode", lambda found: not str(found.value).isascii(), "Zo\u00eb \u540d\u524d")
        if node.path == ("name",):
            yield Permitted("beyond-16-bits", lambda found: max(found.value) > "\uffff", "smile \U0001f600")
            yield Permitted("punctuation", lambda found: bool(re.search(r"[/'\"<]", found.value)), "a/'\"<b>")


def _length(node: Node) -> int:
    return len(node.value) if isinstance(node.value, str) else -1


def _written_numbers(node: Node) -> Iterator[Permitted]:
    size = node.schema["maxLength"]
    padded = str(node.value).rjust(size)
    yield Permitted("maxLength", lambda found: _length(found) == size, padded)
    yield Permitted("outer-blanks", lambda found: found.value != found.value.strip(), f"{node.value} ")
    if not _IS_TEXT_OF_A_NUMBER.match(str(node.value)):
        return
    yield Permitted("leading-zero", lambda found: found.value.strip()[:1] == "0", f"0{node.value}")
    if "." in str(node.value):
        yield Permitted("without-point", lambda found: "." not in found.value, "1")
        yield Permitted("many-digits", lambda found: len(found.value.strip()) > 8, "1.2500000001")


def _choices(node: Node) -> Iterator[Permitted]:
    for choice in node.choices or ():
        if isinstance(choice, str):
            yield Permitted(choice, _equal(choice), choice)


def _containers(node: Node) -> Iterator[Permitted]:
    if isinstance(node.value, list):
        most, fewest = node.schema["maxItems"], node.schema.get("minItems", 0)
        yield Permitted("minItems", lambda found: len(found.value) == fewest, node.value[:fewest])
        many = (node.value * most)[:most]
        yield Permitted("maxItems", lambda found: len(found.value) == most, many)


def _absent(node: Node) -> Iterator[tuple[str, Permitted]]:
    """Of each member that need not be there: its rule, and an object without it."""
    if not isinstance(node.value, dict):
        return
    for turn, name in enumerate(node.value):
        is_setting = node.path == ("expert_setting",)
        if name not in node.schema.get("required", ()) and not (is_setting and turn % 2):
            value = {member: held for member, held in node.value.items() if member != name}
            if name == "class_prompt":
                value.pop("with_prior_preservation")
            yield (
                name,
                Permitted(
                    "absent",
                    lambda found, name=name: found.value is not None and name not in found.value,
                    value,
                ),
            )


def _refusing(operation: str, rule: str, permitted: Permitted) -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        if operation_of(request) == operation and request.body:
            verdict = validate(request.body, operation)
            if not verdict.violations and any(
                node.schema["x-rule"] == rule and permitted.is_meant(node)
                for node in nodes(operation, verdict.value)
            ):
                return await refuse_right(request, forward)
        return await forward(request)

    return change


def _add(operation: str, rule: str, slug: str, permitted: Permitted, path: Any, body: Any) -> None:
    changed = with_value(body, path, permitted.value)
    if validate(changed, operation).violations:
        return  # two tags of one union: the other one is permitted elsewhere

    def make() -> Change:
        return _refusing(operation, rule, permitted)

    CASES.add(
        f"refuses.{_SHORT[operation]}{slug}",
        "rejects-valid",
        operation,
        planted(make),
        posted(operation, changed),
        needs_create=operation != UPLOAD,
    )


def _fill() -> None:
    seen: set[str] = set()
    for operation in (*CREATES, UPLOAD):
        body = plain(operation)
        for turn, node in enumerate(nodes(operation, body)):
            rule = node.schema["x-rule"]
            found = [(f"{rule}.{one.slug}", one) for one in _permitted(node, turn)]
            found += [(f"{name}.absent", one) for name, one in _absent(node)]
            for slug, permitted in found:
                # Style shares nearly all with subject; of what it shares, a few are enough.
                is_shared = operation == STYLE and slug in seen and turn % 12
                key = f"{operation} {slug}" if operation == STYLE else slug
                if is_shared or key in seen:
                    continue
                seen.add(key)
                _add(operation, rule, slug, permitted, node.path, body)


_fill()
