"""How a request differs from a recorded one; what was redacted in the recording is equal to anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from loracle_contracts.quote import excerpt
from loracle_mockserver.proxy.secrets_in_urls import is_signature
from loracle_mockserver.redaction import REDACTED
from loracle_mockserver.replay.recording import Asked

__all__ = ["Difference", "differences"]

_ABSENT = object()


class Difference(NamedTuple):
    """One difference: in the body at a JSON Pointer, in the query at `/name`, or elsewhere."""

    place: str
    pointer: str
    recorded: str
    sent: str

    def __str__(self) -> str:
        where = self.pointer or f"the {self.place}"
        return f"{where} is {self.recorded} there and {self.sent} here"


def differences(recorded: Asked, sent: Asked) -> Iterator[Difference]:
    """All differences but those of method and path, which are not compared here."""
    if recorded.rules != sent.rules:
        yield Difference("headers", "", _rules(recorded.rules), _rules(sent.rules))
    yield from _query(recorded, sent)
    if recorded.body is not None and sent.body is not None and recorded.body != sent.body:
        yield from _bodies(recorded.body, sent.body)


def _rules(rules: tuple[str, ...]) -> str:
    return "breaking " + ", ".join(rules) if rules else "right"


def _query(recorded: Asked, sent: Asked) -> Iterator[Difference]:
    for name in dict.fromkeys(name for name, _ in (*recorded.query, *sent.query)):
        there = [value for known, value in recorded.query if known == name]
        here = [value for known, value in sent.query if known == name]
        is_same = len(there) == len(here) and all(map(_is_same_text, there, here))
        if not is_same and not (is_signature(name) and there and here):
            yield Difference("query", f"/{name}", _quoted(there), _quoted(here))


def _bodies(recorded: bytes, sent: bytes) -> Iterator[Difference]:
    try:
        there, here = orjson.loads(recorded), orjson.loads(sent)
    except orjson.JSONDecodeError:
        there, here = recorded.decode("utf-8", "replace"), sent.decode("utf-8", "replace")
    yield from _values(there, here, "")


def _values(there: Any, here: Any, pointer: str) -> Iterator[Difference]:
    if isinstance(there, dict) and isinstance(here, dict):
        for name in dict.fromkeys((*there, *here)):
            escaped = name.replace("~", "~0").replace("/", "~1")
            yield from _values(there.get(name, _ABSENT), here.get(name, _ABSENT), f"{pointer}/{escaped}")
    elif isinstance(there, list) and isinstance(here, list):
        for index in range(max(len(there), len(here))):
            yield from _values(_item(there, index), _item(here, index), f"{pointer}/{index}")
    elif isinstance(there, str) and isinstance(here, str):
        if not _is_same_text(there, here):
            yield Difference("body", pointer, _shown(there), _shown(here))
    elif isinstance(there, bool) is not isinstance(here, bool) or there != here:
        yield Difference("body", pointer, _shown(there), _shown(here))


def _item(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else _ABSENT


def _is_same_text(there: str, here: str) -> bool:
    return there == here or (REDACTED in there and _pattern(there).fullmatch(here) is not None)


@lru_cache(maxsize=1_000)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split(REDACTED))), re.DOTALL)


def _quoted(values: list[str]) -> str:
    return ", ".join(excerpt(repr(value)) for value in values) or "absent"


def _shown(value: Any) -> str:
    return "absent" if value is _ABSENT else excerpt(orjson.dumps(value).decode())
