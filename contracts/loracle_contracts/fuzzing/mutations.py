"""Mutations of JSON texts: of the value (types, members, numbers) and of the bytes.

What comes of one may be valid or not; the oracle says so, and which rule it breaks.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from loracle_contracts.fuzzing.near_texts import camel_case

__all__ = ["mutated", "mutated_value", "retyped"]

_Place = tuple[Any, Any]
_NAMES = ("", "__proto__", "constructor", "id", "task_id", "status", "extra", "x")
_NUMBERS = (0, -1, 1, 1.5, 0.1, -0.0, 1e-300, 1e300, 2**31, 2**53, 2**63, 2**64, 10**30)
_TEXTS = ("", " ", "0", "null", "a" * 300, "\u0000", "\u00e9\u0301", "\U0001f600", "\u202e", "a\nb")
_TOKENS = (b",", b"}", b"]", b"{", b'"', b":", b"null", b"NaN", b"1e999", b"//x\n", b"\\ud800", b"\xff")


def mutated(body: bytes, random: Random) -> bytes:
    """Another body than this JSON text, by one to three mutations; most often by one."""
    if random.random() < 0.25:
        return _bytes_mutated(body, random)
    value = json.loads(body)
    for _ in range(random.choice((1, 1, 1, 1, 2, 3))):
        value = mutated_value(value, random)
    text = json.dumps(value, ensure_ascii=random.random() < 0.5)
    if random.random() < 0.2:
        text = _respelt(text, value, random)
    return text.encode("utf-8", "surrogatepass")


def mutated_value(value: Any, random: Random) -> Any:
    """A copy of a JSON value with one mutation somewhere in it; the value itself where none fits."""
    root = [copy.deepcopy(value)]
    places = list(_places(root))
    for _ in range(8):
        holder, key = random.choice(places)
        change = random.choice(_CHANGES)
        if change(holder, key, places, random):
            return root[0]
    return root[0]


def retyped(value: Any) -> Iterator[Any]:
    """For each place in a JSON value and each JSON type that it has not: a copy with that type there."""
    root = [copy.deepcopy(value)]
    for holder, key in list(_places(root)):
        kept = holder[key]
        for other in (None, True, 7, 1.5, str(kept), [kept], {"value": kept}):
            if type(other) is not type(kept):
                holder[key] = other
                yield copy.deepcopy(root[0])
        holder[key] = kept


def _places(node: Any) -> Iterator[_Place]:
    """Every value in a container, as the container and its key."""
    for key, value in list(node.items()) if isinstance(node, dict) else list(enumerate(node)):
        yield node, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


# --- of the value: each says whether it changed something


def _replaced(holder: Any, key: Any, _: list[_Place], random: Random) -> bool:
    value = holder[key]
    others: list[Any] = [None, True, False, {}, [], random.choice(_NUMBERS), random.choice(_TEXTS)]
    holder[key] = random.choice(others)
    return type(holder[key]) is not type(value) or holder[key] != value


def _retyped(holder: Any, key: Any, _: list[_Place], random: Random) -> bool:
    """The same value in another type: what a lax server reads as the same."""
    value = holder[key]
    match value:
        case bool():
            forms: list[Any] = [int(value), str(value).lower(), str(value), [value]]
        case int():
            forms = [str(value), f" {value}", f"{value}.0", [value], {"value": value}, bool(value)]
        case float():
            forms = [str(value), [value], f"{value:e}", {"value": value}]
        case str():
            forms = [[value], {"value": value}, value.encode().hex(), list(value[:3]), len(value)]
        case list():
            forms = [
                {str(n): item for n, item in enumerate(value)},
                json.dumps(value),
                value[:1] and value[0],
            ]
        case dict():
            forms = [[value], list(value.values()), json.dumps(value), [[k, v] for k, v in value.items()]]
        case _:
            forms = ["", "null", 0, False, [], {}]
    holder[key] = random.choice(forms)
    return True


def _nudged(holder: Any, key: Any, _: list[_Place], random: Random) -> bool:
    value = holder[key]
    if isinstance(value, str):
        cut = random.randint(0, len(value))
        longer = value[:cut] + random.choice(_TEXTS) + value[cut:]
        holder[key] = random.choice((longer, value[:cut], value.upper(), value + value, value[::-1]))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        half = value + 0.5 if abs(value) < 1e15 else -value
        holder[key] = random.choice((value + 1, value - 1, -value, value * 2, value * 1000, half))
    elif isinstance(value, list):
        more = random.choice((value + value, value * 60, [*value, None]))
        holder[key] = random.choice((more, value[1:], value[::-1], [value]))
    else:
        return False
    return bool(holder[key] != value)


def _dropped(holder: Any, key: Any, places: list[_Place], _: Random) -> bool:
    if holder is places[0][0]:
        return False  # without its root there is no value
    del holder[key]
    return True


def _moved(holder: Any, key: Any, places: list[_Place], random: Random) -> bool:
    """A member that stands in another object."""
    targets = [at[k] for at, k in places if isinstance(at[k], dict) and at[k] is not holder]
    targets = [target for target in targets if not _contains(holder[key], target)]
    if not isinstance(holder, dict) or not targets:
        return False
    random.choice(targets)[key] = holder.pop(key) if random.random() < 0.5 else copy.deepcopy(holder[key])
    return True


def _swapped(holder: Any, key: Any, places: list[_Place], random: Random) -> bool:
    other, at = random.choice(places)
    mine, yours = copy.deepcopy(holder[key]), copy.deepcopy(other[at])
    if mine == yours or _contains(holder[key], other) or _contains(other[at], holder):
        return False
    holder[key], other[at] = yours, mine
    return True


def _renamed(holder: Any, key: Any, _: list[_Place], random: Random) -> bool:
    if not isinstance(holder, dict) or not key:
        return False
    names = {
        key.upper(),
        key.title(),
        camel_case(key),
        key.replace("_", "-"),
        key + "s",
        key + " ",
        key[:-1],
        f"{key}\u200b",
    }
    name = random.choice(sorted(names - {key}))
    items = [(name if k == key else k, v) for k, v in holder.items()]
    holder.clear()
    holder.update(items)
    return True


def _added(holder: Any, key: Any, _: list[_Place], random: Random) -> bool:
    if not isinstance(holder, dict):
        return False
    holder[random.choice(_NAMES)] = random.choice((None, 1, "", {}, copy.deepcopy(holder[key])))
    return True


def _contains(value: Any, container: Any) -> bool:
    """Whether a container is this value or lies in it."""
    if value is container:
        return True
    if not isinstance(value, (dict, list)):
        return False
    return any(_contains(item, container) for item in (value.values() if isinstance(value, dict) else value))


_Change = Callable[[Any, Any, list[_Place], Random], bool]
_CHANGES: tuple[_Change, ...] = (
    _replaced,
    _retyped,
    _retyped,
    _nudged,
    _nudged,
    _dropped,
    _moved,
    _swapped,
    _renamed,
    _added,
)


# --- of the text


def _respelt(text: str, value: Any, random: Random) -> str:
    """The same value, or nearly, in a spelling that parsers disagree about."""
    if isinstance(value, dict) and value:
        name = random.choice(sorted(value))
        quoted, again = json.dumps(name), json.dumps(value[name])
        escaped = '"' + "".join(f"\\u{ord(letter):04x}" for letter in name if ord(letter) < 0x10000) + '"'
        options = (
            text[:-1] + f", {quoted}: {again}}}",
            "{" + f"{quoted}: null, " + text[1:],
            text[:-1] + f", {escaped}: {again}}}",
            text.replace(quoted, escaped, 1),
            text[:-1] + ",}",
        )
        return random.choice(options)
    return text + random.choice((" ", "\n", "\x00", ","))


def _bytes_mutated(body: bytes, random: Random) -> bytes:
    data = bytearray(body)
    if not data:
        return random.choice(_TOKENS)
    at = random.randrange(len(data))
    match random.randrange(5):
        case 0:
            data[at] ^= 1 << random.randrange(8)
        case 1:
            del data[at]
        case 2:
            data[at:at] = random.choice(_TOKENS)
        case 3:
            end = min(len(data), at + random.randint(1, 12))
            data[at:at] = data[at:end]
        case _:
            del data[at : at + random.randint(1, 12)]
    return bytes(data)
