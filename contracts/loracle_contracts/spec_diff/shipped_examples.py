"""The examples of the contract, as payloads to try where a document has an operation of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from loracle_contracts import spec
from loracle_contracts.parse import parse_fast

__all__ = ["answers", "requests"]

Json = Any


def requests(method: str, path: str) -> tuple[Json, ...]:
    """Bodies of requests, valid and invalid ones; none for an operation that the contract lacks."""
    return _examples(method, path, "request")


def answers(method: str, path: str) -> tuple[Json, ...]:
    """Bodies of answers and errors, valid and invalid ones."""
    return (*_examples(method, path, "response"), *_examples(method, path, "error"))


@cache
def _examples(method: str, path: str, part: str) -> tuple[Json, ...]:
    known = {(one.method, one.path): name for name, one in spec.operations().items()}
    name = known.get((method, path))
    return tuple(_read(f"/{name}/{part}/")) if name is not None else ()


def _read(folder: str) -> Iterator[Json]:
    for path in spec.examples():
        if folder in f"/{path}":
            with suppress(ValueError):  # some are no JSON, on purpose
                yield parse_fast(spec.example(path))
