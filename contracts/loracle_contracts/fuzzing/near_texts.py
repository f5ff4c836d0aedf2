"""Texts at the edges of what a pattern, a length or a choice allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

__all__ = ["camel_case", "choice_texts", "free_texts", "long_texts", "pattern_texts"]

_Texts = Iterator[tuple[str, str]]
# The digits 0 to 9 of other scripts, which some languages' \d and number parsers take, too.
_FULL_WIDTH = {ord("0") + n: chr(0xFF10 + n) for n in range(10)}
_ARABIC = {ord("0") + n: chr(0x0660 + n) for n in range(10)}
_FAR = 8
_IMAGES = ("jpg", "gif", "bmp", "tiff", "svg", "avif", "heic")


def pattern_texts(own: str) -> _Texts:
    """Around a text that is right: parts before and after it, other digits, other ways to write numbers."""
    return ((kind, text) for kind, text in _around(own) if text != own)


def _around(own: str) -> _Texts:
    yield "something behind a right text", own + "x"
    yield "something before a right text", "x" + own
    yield "a line behind a right text", own + "\nx"
    yield "a line before a right text", "x\n" + own
    yield "a line break at the end", own + "\n"
    yield "a blank before", " " + own
    yield "blanks around", f" \t{own}\r\n"
    yield "a no-break space before", "\u00a0" + own
    yield "a no-break space behind", own + "\u00a0"
    yield "an em space around", f"\u2003{own}\u2003"
    yield "a vertical tab behind", own + "\v"
    yield "a NUL behind", own + "\0"
    yield "an empty text", ""
    yield "blanks alone", " \t"
    yield "a line break alone", "\n"
    yield "full-width digits", own.translate(_FULL_WIDTH)
    yield "Arabic digits", own.translate(_ARABIC)
    yield "upper case", own.upper()
    yield "a text without its last character", own[:-1]
    yield "a text with a blank inside", f"{own[:1]} {own[1:]}"
    yield "twice the text", f"{own} {own}"
    yield "a hyphen for the underscore", own.replace("_", "-")
    yield "any character for the dot", own.replace(".", "x")
    for text in ("0", "00", "0.0", "-1", "+1", "1e2", "0x10", "1,5", ".5", "5.", "1.0.0", "1_0", "½", "NaN"):
        yield f"the text {text}", text
    for text in ("1", "1.0", "0.5", "007", "0.000001", "Infinity", "true"):
        yield f"the text {text}", text


def long_texts(own: object, most: int, *, has_pattern: bool) -> _Texts:
    """Texts of the greatest length and above, of characters that take one, two and four bytes."""
    if has_pattern:
        room = most - len(str(own))
        yield "the greatest length, with blanks before", " " * room + str(own)
        yield "the greatest length, with blanks behind", str(own) + " " * room
        yield "the greatest length, with zeros before", "0" * room + str(own)
        yield "one character too many, blanks before", " " * (room + 1) + str(own)
        yield "one character too many, blanks behind", str(own) + " " * (room + 1)
        yield "one character too many, zeros before", "0" * (room + 1) + str(own)
        yield "many blanks too many", str(own) + " " * most * _FAR
        return
    # Counted in code points (JSON Schema 6.3.1), not in bytes, UTF-16 units or what a reader sees.
    for kind, letters in (("ASCII", "x"), ("accented", "é"), ("astral", "😀"), ("combining", "e\u0301")):
        text = letters * most
        yield f"the greatest length, {kind} letters", text[:most]
        yield f"one character too many, {kind} letters", (text + letters)[: most + 1]
    yield "one character too many, a blank behind", "x" * most + " "
    yield "a text far too long", "x" * most * _FAR


def camel_case(name: str) -> str:
    """A name of words and underscores as other languages write it: `base_model` as `baseModel`."""
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


_NEAR: dict[str, Callable[[str], str]] = {
    "upper case of": str.upper,
    "a capital in": str.capitalize,
    "a blank behind": lambda word: f"{word} ",
    "a blank before": lambda word: f" {word}",
    "a line break behind": lambda word: f"{word}\n",
    "more behind": lambda word: f"{word}s",
    "its end is missing:": lambda word: word[:-1],
    "a hyphen in": lambda word: word.replace("_", "-"),
    "a dot before": lambda word: f".{word}",
    "a NUL behind": lambda word: f"{word}\0",
}


def choice_texts(known: list[str]) -> _Texts:
    """What is near to one of the known words, or to all."""
    return ((kind, text) for kind, text in _near_choices(known) if text not in known)


def _near_choices(known: list[str]) -> _Texts:
    # Whether a server bears a blank depends little on the word: two words for each way will do.
    for n, (kind, change) in enumerate(_NEAR.items()):
        turned = [*known[n % len(known) :], *known[: n % len(known)]]
        changed = [(f"{kind} {word}", change(word)) for word in turned if change(word) not in known]
        yield from changed[:2]
    yield "a word that is no choice", "none"
    yield "an empty text", ""
    yield "all choices in one text", ",".join(known)
    if "png" in known:
        yield from ((f"another image format, {word}", word) for word in _IMAGES)


def free_texts() -> _Texts:
    """Texts that are right wherever a text is free, and that careless servers do not take."""
    yield "one character", "a"
    yield "a text of blanks around", "  two words  "
    yield "a text beyond ASCII", "Grüße, 名前 😀"
    yield "a text from right to left", "שלום עולם"
    yield "a text with a combining accent", "cafe\u0301"
    yield "quotes and a backslash", 'it\'s "so" \\ <b>&amp;</b>'
    yield "a quote of SQL", "'; --"
    yield "a text with line breaks", "first\nsecond\r\n\tthird"
    yield "a text with a percent and braces", "100 % {name} ${name} %s"
    yield "a text with a NUL", "a\0b"
    yield "a text of digits", "512"
    yield "a text of a path", "a/b/../c"
    yield "a long text", "long " * 200
