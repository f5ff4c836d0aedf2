"""Journal entries as bytes, for the stores that keep them outside the process."""

from __future__ import annotations

import json
from typing import Any

import orjson

from loracle_mockserver.journal import Entry

__all__ = ["decode_entry", "decode_text", "encode_entry", "encode_text"]

_BODY = Entry._fields.index("body")
_REPLY_BODY = Entry._fields.index("reply_body")
_SEQUENCES = [Entry._fields.index(name) for name in ("rules", "strict_rules")]
_QUERY = Entry._fields.index("query")
_HEADERS = [Entry._fields.index(name) for name in ("headers", "reply_headers")]


def encode_text(text: str) -> bytes:
    """Any text as bytes, also one with lone surrogates, which a percent-encoded path can hold."""
    return text.encode("utf-8", "surrogatepass")


def decode_text(data: bytes) -> str:
    """The text that `encode_text` made these bytes of."""
    return data.decode("utf-8", "surrogatepass")


def encode_entry(entry: Entry) -> bytes:
    """An entry as bytes, without its credentials.

    Two decimal lengths, those of the facts and of the request's body; the facts as JSON, in which
    bytes are spelled as Latin-1; the two bodies as they are.
    """
    redacted = entry.redacted()
    facts: list[Any] = list(redacted)
    facts[_BODY] = facts[_REPLY_BODY] = None
    facts[_QUERY] = redacted.query.decode("latin-1")
    for place in _HEADERS:
        facts[place] = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in facts[place]]
    try:
        head = orjson.dumps(facts)
    except TypeError:  # orjson refuses lone surrogates
        head = json.dumps(facts).encode()
    return b"%d %d %b%b%b" % (len(head), len(redacted.body), head, redacted.body, redacted.reply_body)


def decode_entry(record: bytes) -> Entry:
    """The entry that `encode_entry` made these bytes of. Raises ValueError for other bytes."""
    head_length, body_length, rest = record.split(b" ", 2)
    head, bodies = rest[: int(head_length)], rest[int(head_length) :]
    try:
        facts = orjson.loads(head)
    except orjson.JSONDecodeError:
        facts = json.loads(head)
    facts[_BODY], facts[_REPLY_BODY] = bodies[: int(body_length)], bodies[int(body_length) :]
    facts[_QUERY] = facts[_QUERY].encode("latin-1")
    for place in _HEADERS:
        facts[place] = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in facts[place]]
    for place in _SEQUENCES:
        facts[place] = tuple(facts[place])
    return Entry(*facts)
