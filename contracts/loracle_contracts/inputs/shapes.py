"""Tells from its members what a payload is meant to be."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache, lru_cache
from typing import Any, NamedTuple

from loracle_contracts.verdict import Part

__all__ = ["Shape", "is_error", "names_style", "recognise", "recognise_text"]


class Shape(NamedTuple):
    """What a payload is judged as. `is_certain`: its members say so, it was no last resort."""

    operation: str
    part: Part
    is_certain: bool


# Of each sort of payload the names that hardly anything else has, and those that much else has, too. A style
# request has no name that a subject request lacks; see names_style.
_REQUESTS: tuple[tuple[str, Part, frozenset[str], frozenset[str]], ...] = (
    (
        "createSubjectTraining",
        "request",
        frozenset({"base_model", "image_dataset_items", "expert_setting", "components"}),
        frozenset({"name", "width", "height"}),
    ),
    ("createUploadUrl", "request", frozenset({"file_extension"}), frozenset()),
)
_ANSWERS: tuple[tuple[str, Part, frozenset[str], frozenset[str]], ...] = (
    ("createSubjectTraining", "response", frozenset({"task_id"}), frozenset()),
    (
        "getSubjectTraining",
        "response",
        frozenset({"task_id", "task_status", "model_type"}),
        frozenset({"models", "extra"}),
    ),
    ("listTrainings", "response", frozenset({"tasks"}), frozenset({"pagination"})),
    (
        "createUploadUrl",
        "response",
        frozenset({"upload_url", "assets_id"}),
        frozenset({"method", "headers"}),
    ),
    ("listModels", "response", frozenset({"models"}), frozenset({"pagination"})),
    (
        "createSubjectTraining",
        "error",
        frozenset({"reason", "metadata"}),
        frozenset({"code", "message"}),
    ),
)
_ALL = (*_REQUESTS, *_ANSWERS)
_TELLING = 4  # how much more a name counts that hardly anything else has
_CERTAIN = _TELLING + 1
_SUBJECT = Shape("createSubjectTraining", "request", True)


def recognise(value: Any, *, is_answer: bool) -> Shape:
    """What a parsed payload is meant to be; with `is_answer` one of the answers.

    A payload that resembles nothing is a request for a subject training, or the answer to one.
    """
    if type(value) is not dict:
        return Shape("createSubjectTraining", "response" if is_answer else "request", False)
    # What nearly every payload is; the rest of this module need not be asked.
    if not is_answer and "image_dataset_items" in value and "base_model" in value:
        return _SUBJECT
    return _best(value, is_answer=is_answer)


def recognise_text(text: str, *, is_answer: bool) -> Shape:
    """What a text is meant to be that cannot be parsed, by the names in it that stand before a colon."""
    return _best(set(_names().findall(text)), is_answer=is_answer, is_whole=False)


def is_error(value: Any) -> bool:
    """Whether an answer is meant to be the envelope of an error."""
    return type(value) is dict and recognise(value, is_answer=True).part == "error"


@lru_cache(maxsize=8)
def names_style(source: str) -> bool:
    """Whether the name of a file says that it holds requests for style trainings."""
    if "style" not in source.lower():
        return False
    return re.search(r"(?i:(?:^|[^a-z])style(?:[^a-z]|$))|StyleTraining", source) is not None


@cache
def _names() -> re.Pattern[str]:
    """A member's name as JSON and YAML write it."""
    names = {name for _, _, telling, usual in _ALL for name in telling | usual}
    return re.compile(rf"""(?:^|[\s{{,"'])({"|".join(sorted(names))})["']?[ \t\r\n]*:""", re.MULTILINE)


def _best(names: Collection[str], *, is_answer: bool, is_whole: bool = True) -> Shape:
    found = Shape("createSubjectTraining", "response" if is_answer else "request", False)
    most = (0, 0.0)
    for operation, part, telling, usual in _ANSWERS if is_answer else _ALL:
        distinct = sum(name in names for name in telling)
        matched = distinct + sum(name in names for name in usual)
        score = (distinct * _TELLING + matched - distinct, matched / (len(telling) + len(usual)))
        if distinct and score > most:
            most = score
            known = is_whole and matched == len(names)
            found = Shape(operation, part, score[0] >= _CERTAIN or known)
    return found
