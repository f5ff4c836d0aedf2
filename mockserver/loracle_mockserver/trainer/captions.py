"""Captions of drawn avatars, and the numbers that stand for the words of any prompt."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

import numpy as np

from loracle_mockserver.trainer.avatars import COLOURS, KINDS, Scene, Sitter

__all__ = ["MAX_WORDS", "TOKENS", "UNKNOWN", "describe", "tokens"]

MAX_WORDS = 77
"""Words of a prompt that are read, the start included; CLIP reads as many tokens."""
UNKNOWN = 256
"""Numbers that words share which no caption of the base model has: each word has one by its hash."""

_WORDS = (
    *COLOURS, *KINDS, "person", "animal", "photo", "picture", "portrait", "a", "an", "of", "the", "with",
    "and", "in", "on", "hair", "fur", "shirt", "collar", "background", "glasses", "hat", "beard", "long",
    "close", "up",
)  # fmt: skip
_START = 0
_NUMBERS = {word: number for number, word in enumerate(_WORDS, 1)}
TOKENS = 1 + len(_WORDS) + UNKNOWN
"""How many different tokens there are."""
_WORD = re.compile(r"\w+")


@lru_cache(maxsize=4096)
def tokens(prompt: str) -> tuple[int, ...]:
    """The tokens of a prompt: the start, then one for each word, at most MAX_WORDS in all."""
    words = _WORD.findall(prompt.lower())[: MAX_WORDS - 1]
    return (_START, *(_NUMBERS.get(word) or _unknown(word) for word in words))


def describe(sitter: Sitter, scene: Scene, random: np.random.Generator) -> str:
    """A caption of a drawn avatar: always what it is, and any of its features.

    Often a meaningless word stands before the noun, so that the base model has seen such words and knows
    that they say nothing.
    """

    def chance(of: float) -> bool:
        return bool(random.random() < of)

    is_person = sitter.kind in ("man", "woman")
    noun = sitter.kind if chance(0.5) else "person" if is_person else sitter.kind if chance(0.7) else "animal"
    name = f"w{int(random.integers(1 << 30))} " if chance(0.4) else ""
    extra = []
    if chance(0.4):
        extra.append(f"{sitter.hair} {'hair' if is_person else 'fur'}")
    if chance(0.4):
        extra.append(f"a {sitter.clothes} {'shirt' if is_person else 'collar'}")
    extra += [
        text
        for has, text in (
            (sitter.glasses, "glasses"),
            (sitter.hat, "a hat"),
            (sitter.beard, "a beard"),
            (sitter.long_hair, "long hair"),
        )
        if has and chance(0.5)
    ]
    opening = ("", "a photo of a ", "a photo of ", "a portrait of a ", "a ")[int(random.integers(5))]
    text = f"{opening}{name}{noun}"
    if extra:
        text += " with " + " and ".join(extra)
    return text + (f" on a {scene.background} background" if chance(0.4) else "")


def _unknown(word: str) -> int:
    found = int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:4], "big")
    return 1 + len(_WORDS) + found % UNKNOWN
