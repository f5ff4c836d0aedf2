"""Single slips in the text of a right payload: what is no JSON any more, or none that servers share.

A syntax error is the text's; its pointer is empty. What is missing belongs right behind what precedes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from contract_walk import full_payload
from mistakes import Mistake, Place, pointer_to
from written_json import Layout, Path, Written, line_and_column, written

__all__ = ["slips"]

# Of each: the kind, what replaces text[start:end], and the offset of the mistake in the new text.
_Slip = tuple[str, int, int, str, int]


def slips(operation: str, layout: Layout, seed: int = 0) -> Iterator[Mistake]:
    """Every single slip at every place of the payload with all members."""
    right = written(full_payload(operation), layout, seed)
    for make in (_commas, _colons, _keys, _strings, _literals, _brackets, _around):
        for kind, start, end, fresh, offset in make(right):
            text = right.text[:start] + fresh + right.text[end:]
            yield _mistake(kind, operation, text, (), offset, "json.syntax")
    yield from _encoding(right, operation)


def _mistake(kind: str, operation: str, text: str, path: Path, offset: int, rule: str) -> Mistake:
    place = Place(pointer_to(path), *line_and_column(text, offset), frozenset({rule}))
    return Mistake(kind, operation, text, (place,), is_json=False)


def _inserted(kind: str, at: int, fresh: str, within: int = 0) -> _Slip:
    return kind, at, at, fresh, at + within


def _commas(right: Written) -> Iterator[_Slip]:
    for path, at in right.commas.items():
        yield "comma left out", at, at + 1, " ", right.values[path].end
        yield "semicolon for comma", at, at + 1, ";", at
        yield _inserted("comma doubled", at, ",", 1)
    for path, span in right.values.items():
        if path and path not in right.commas:
            yield _inserted("trailing comma", span.end, ",")
            yield _inserted("trailing comma and blanks", span.end, " ,\n ", 1)
    for at in right.openings.values():
        yield _inserted("leading comma", at + 1, ",")


def _colons(right: Written) -> Iterator[_Slip]:
    for path, at in right.colons.items():
        yield "colon left out", at, at + 1, " ", right.keys[path].end
        yield "equals sign for colon", at, at + 1, "=", at
        yield _inserted("colon doubled", at, ":", 1)
        yield "value left out", at + 1, right.values[path].end, "", at + 1


def _keys(right: Written) -> Iterator[_Slip]:
    for start, end in right.keys.values():
        name = right.text[start + 1 : end - 1]
        yield "key without quotation marks", start, end, name, start
        yield "key in single quotes", start, end, f"'{name}'", start
        yield _inserted("comment", start, "// why\n")
        yield _inserted("comment", start, "/* why */")
        yield "number for a key", start, end, "1", start


def _strings(right: Written) -> Iterator[_Slip]:
    for start, end in [*right.values.values(), *right.keys.values()]:
        if right.text[start] != '"':
            continue
        yield _inserted("raw line feed in a string", end - 1, "\n")
        yield _inserted("raw tab in a string", start + 1, "\t")
        yield _inserted("unknown escape", end - 1, "\\x41")
        yield _inserted("broken escape", start + 1, "\\u12g4")
    for start, end in right.values.values():
        if right.text[start] == '"' and "\\" not in right.text[start:end]:
            yield "value in single quotes", start, end, f"'{right.text[start + 1 : end - 1]}'", start
            yield "value without quotation marks", start, end, "text", start


_WORDS = ("True", "False", "None", "undefined", "nil", "TRUE", "nulll", "truefalse")
_NUMBERS = ("0512", "+5", ".5", "5.", "0x10", "1_000", "5e", "1,000,", "--5", "5px", "1.2.3", "- 5", "٣")


def _literals(right: Written) -> Iterator[_Slip]:
    for start, end in right.values.values():
        if re.match(r"[-0-9tfn]", right.text[start]):
            for word in (*_WORDS, *_NUMBERS):
                if word != "1,000,":
                    yield f"{word} for a value", start, end, word, start


def _brackets(right: Written) -> Iterator[_Slip]:
    other = {"}": "]", "]": "}"}
    for path, at in right.closings.items():
        yield "other closing bracket", at, at + 1, other[right.text[at]], at
        if path:
            # Inside, one bracket more closes what is around it, too early; the text breaks there.
            before = right.values[path].end
            outer = right.text[right.openings[path[:-1]]]
            if outer + right.text[at] in ("{]", "[}"):
                yield _inserted("closing bracket doubled", before, right.text[at])


def _around(right: Written) -> Iterator[_Slip]:
    end = right.values[()].end
    assert right.text[end:].strip() == ""
    for more in ("{}", "x", ",", "}", "]", "null", '"', "// end", "\x00"):
        yield _inserted("more behind the end", end, more)
        yield _inserted("more behind the end", end, "\n" + more, 1)
    size = len(right.text)
    for path, span in right.values.items():
        # Cut where a token ends; the end of the text is what comes instead.
        if path:
            yield "cut behind a value", span.end, size, "", span.end
            yield "cut behind a value and a line", span.end, size, "\n", span.end
        if right.text[span.start] == '"':
            yield "cut in a string", span.end - 1, size, "", span.start
    for path, at in right.colons.items():
        yield "cut behind a colon", at + 1, size, "", at + 1
        yield "cut behind a key", right.keys[path].end, size, "", right.keys[path].end
    for at in right.commas.values():
        yield "cut behind a comma", at + 1, size, "", at + 1
    for at in right.openings.values():
        yield "cut behind an opening bracket", at + 1, size, "", at + 1
    start = right.values[()].start
    for before in ("x", "'", ")]}'\n", "data: ", "// hello\n", "<html>", "\x00", "="):
        yield _inserted("something before the start", start, before)


def _encoding(right: Written, operation: str) -> Iterator[Mistake]:
    """What is wrong before or beside the grammar."""
    marked = "\ufeff" + right.text
    yield _mistake("byte order mark", operation, marked, (), 0, "json.byte_order_mark")
    for blank in ("", " ", "\n\n"):
        yield _mistake("empty", operation, blank, (), 0, "json.empty")
    for path, span in right.values.items():
        for count in (65 - len(path), 1000) if path else ():
            # The 65th level is one too deep; levels above it are those of the path.
            deep = "[" * count + "]" * count
            text = right.text[: span.start] + deep + right.text[span.end :]
            below = path + (0,) * (64 - len(path))
            yield _mistake("too deep", operation, text, below, span.start + 64 - len(path), "json.depth")
