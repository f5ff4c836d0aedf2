"""Reads YAML as the JSON that it stands for, and knows of each value where it stands in the YAML text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

import yaml

from loracle_contracts.inputs.unit import Unit, UnreadableError
from loracle_contracts.inputs.yaml_scalars import AmbiguousError, json_of_plain, json_of_tagged
from loracle_contracts.parse import MAX_BODY, MAX_DEPTH

__all__ = ["yaml_payloads"]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = MAX_DEPTH + 8  # deeper than any rule lets pass, and shallow enough to be gone through
_TOO_DEEP = f"It is nested deeper than the {MAX_DEPTH} levels that a body may have."
_MERGED = 100_000  # members that merge keys may bring in all together
_PROBLEMS = 20  # of one document that are told
_CONTAINER_TAGS = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class _Node:
    """A value: JSON text of a scalar, a list of items, or a list of pairs."""

    __slots__ = ("at", "content", "is_mapping", "is_merge", "merged")

    def __init__(self, content: Any, at: tuple[int, int], *, is_mapping: bool = False) -> None:
        self.content = content
        self.at = at
        self.is_mapping = is_mapping
        self.is_merge = False
        self.merged: list[tuple[_Node, _Node]] | None = None


def yaml_payloads(data: bytes, source: str) -> Iterator[Unit | tuple[str, str]]:
    """The payloads of a YAML file: its documents, and of a document that is a list its items.

    In place of a document with values that JSON has not: a place and a sentence for each of them.
    Raises UnreadableError from where on it is not YAML.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableError(f"Line {line} is not UTF-8 (byte 0x{data[error.start]:02x}).") from None
    held: _Composed | None = None
    number = 0
    for document in _documents(text):
        # Only where another one follows do documents need numbers.
        if held is not None:
            number += 1
            yield from _units(held, source, text, f"document {number}")
        held = document
    if held is None:
        yield Unit(source, "", b"", text=text)
    else:
        yield from _units(held, source, text, f"document {number + 1}" if number else "")


class _Composed:
    """A document, and what JSON cannot hold of it."""

    def __init__(self) -> None:
        self.root: _Node | None = None
        self.problems: list[str] = []
        self.has_aliases = False


def _units(document: _Composed, source: str, text: str, place: str) -> Iterator[Unit | tuple[str, str]]:
    if document.problems:
        for problem in document.problems[:_PROBLEMS]:
            yield place, problem
        return
    root = document.root
    assert root is not None  # noqa: S101 - a document has a root
    # As of a JSON array: of one item it is a mistake, not a list.
    is_list = not root.is_mapping and _is_of_mappings(root) and len(root.content) > 1
    items = root.content if is_list else [root]
    for number, item in enumerate(items, 1):
        where = [place] if place else []
        where += [] if item is root else [f"item {number}"]
        written = _Writer()
        written.write(item)
        data = "".join(written.pieces).encode()
        is_fixable = not document.has_aliases
        yield Unit(source, ", ".join(where), data, 1, written.position, text, True, is_fixable)


class _Writer:
    """Writes a value as JSON on one line, and remembers where each part came from."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._length = 0
        self._offsets: list[int] = []
        self._places: list[tuple[int, int]] = []
        self._room = _MERGED

    def position(self, _line: int, column: int) -> tuple[int, int]:
        """Where in the YAML text stands what was written at this column."""
        return self._places[max(bisect_right(self._offsets, column - 1) - 1, 0)]

    def write(self, node: _Node, depth: int = 1) -> None:
        """Writes a node. Raises UnreadableError where that takes more than a body may have."""
        if depth > _DEEPEST:
            raise UnreadableError(_TOO_DEEP)
        self._note(node)
        if isinstance(node.content, str):
            self._put(node.content)
        elif node.is_mapping:
            self._put("{")
            for index, (key, value) in enumerate(self._members(node)):
                if index:
                    self._put(",")
                self._note(key)
                self._put(f"{key.content}:")
                self.write(value, depth + 1)
            self._put("}")
        else:
            self._put("[")
            for index, item in enumerate(node.content):
                if index:
                    self._put(",")
                self.write(item, depth + 1)
            self._put("]")

    def _note(self, node: _Node) -> None:
        self._offsets.append(self._length)
        self._places.append(node.at)

    def _put(self, piece: str) -> None:
        self.pieces.append(piece)
        self._length += len(piece)
        if self._length > MAX_BODY:
            raise UnreadableError("As JSON it would be larger than the 1 MiB that a body may have.")

    def _members(self, node: _Node) -> list[tuple[_Node, _Node]]:
        """The members of a mapping with those that its merge keys bring in, its own winning."""
        if not any(key.is_merge for key, _ in node.content):
            return list(node.content)
        if node.merged is None:
            own = [(key, value) for key, value in node.content if not key.is_merge]
            known = {key.content for key, _ in own}
            for key, value in node.content:
                for merged in [] if not key.is_merge else [value] if value.is_mapping else value.content:
                    members = self._members(merged)
                    self._room -= len(members)
                    if self._room < 0:
                        raise UnreadableError("Its merge keys bring in too much.")
                    own += [pair for pair in members if pair[0].content not in known]
                    known |= {pair[0].content for pair in members}
            node.merged = own
        return node.merged


def _documents(text: str) -> Iterator[_Composed]:
    """The documents of a YAML text, one after the other."""
    composer: _Composer | None = None
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.DocumentStartEvent):
                composer = _Composer()
            elif isinstance(event, yaml.DocumentEndEvent):
                assert composer is not None  # noqa: S101 - no document ends that has not begun
                yield composer.document
            elif composer is not None and isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
                composer.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"From line {mark.line + 1}, column {mark.column + 1}, on it" if mark else "It"
        raise UnreadableError(f"{at} is not YAML: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise UnreadableError(f"It is not YAML: {' '.join(str(error).split())}.") from None


class _Composer:
    """Makes nodes of events, without recursion and without running anything that a tag names."""

    def __init__(self) -> None:
        self.document = _Composed()
        self._open: list[tuple[_Node, str | None]] = []
        self._keys: list[_Node | None] = []
        self._anchors: dict[str, _Node] = {}

    def take(self, event: Any) -> None:
        """Takes the next event of the document."""
        if isinstance(event, yaml.CollectionEndEvent):
            node, anchor = self._open.pop()
            self._keys.pop()
            if anchor is not None:
                self._anchors[anchor] = node
            return
        node = self._node(event)
        self._place(node)
        if isinstance(event, yaml.CollectionStartEvent):
            if len(self._open) >= _DEEPEST:
                raise UnreadableError(_TOO_DEEP)
            self._open.append((node, event.anchor))
            self._keys.append(None)
        elif isinstance(event, yaml.ScalarEvent) and event.anchor is not None:
            self._anchors[event.anchor] = node

    def _node(self, event: Any) -> _Node:
        at = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.AliasEvent):
            self.document.has_aliases = True
            known = self._anchors.get(str(event.anchor))
            if known is None:
                self._tell(at, f"*{event.anchor} stands for nothing that is complete before it")
                return _Node("null", at)
            alias = _Node(known.content, at, is_mapping=known.is_mapping)
            alias.merged = known.merged
            return alias
        if isinstance(event, yaml.ScalarEvent):
            scalar = _Node(self._scalar(event, at), at)
            scalar.is_merge = event.implicit[0] and event.value == "<<"
            return scalar
        if event.tag not in _CONTAINER_TAGS:
            self._tell(at, f"the tag {event.tag} makes it a value that JSON has not; leave the tag out")
        return _Node([], at, is_mapping=isinstance(event, yaml.MappingStartEvent))

    def _scalar(self, event: Any, at: tuple[int, int]) -> str:
        try:
            if event.tag is not None and not (event.implicit[0] or event.implicit[1]):
                return json_of_tagged(event.tag, event.value)
            return json_of_plain(event.value) if event.implicit[0] else json_of_tagged("!", event.value)
        except AmbiguousError as error:
            self._tell(at, str(error))
            return "null"

    def _place(self, node: _Node) -> None:
        """Puts a node where it belongs: it is the root, an item, a key, or the value of a key."""
        if not self._open:
            self.document.root = node
            return
        parent = self._open[-1][0]
        if not parent.is_mapping:
            parent.content.append(node)
            return
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = self._key(node)
            return
        self._keys[-1] = None
        if key.is_merge and not _is_of_mappings(node):
            self._tell(node.at, "only mappings can be merged")
        parent.content.append((key, node))

    def _key(self, node: _Node) -> _Node:
        if not isinstance(node.content, str):
            self._tell(node.at, "a key that is a list or a mapping is none that JSON has")
            return _Node('""', node.at)
        if not node.content.startswith('"'):
            self._tell(node.at, f"the key {node.content} is not text, as keys of JSON are; put it in quotes")
        return node

    def _tell(self, at: tuple[int, int], problem: str) -> None:
        self.document.problems.append(f"Line {at[0]}, column {at[1]}: {problem}.")


def _is_of_mappings(node: _Node) -> bool:
    """Whether it is a mapping, or a list of nothing else."""
    if node.is_mapping:
        return True
    return isinstance(node.content, list) and all(item.is_mapping for item in node.content)
