"""Deterministic task ids."""

from __future__ import annotations

import hashlib

__all__ = ["task_id"]


def task_id(seed: int, operation: str, name: str, n: int) -> str:
    """The id of the task that the mock creates, as a UUID of version-4 shape.

    `seed` is the mock's seed, `operation` the operationId of the create, `name` the task's name and
    `n` how many tasks of that name the operation created before in the same namespace. Nothing else
    counts: not the other members of the body, nor the key, the clock, the process or the machine.

    Made of the first 16 bytes of SHA-256 over the four values, with the version and variant bits of
    RFC 9562 set (contract, decision 0.11).

    Raises ValueError where `n` is negative.

    >>> task_id(0, "createSubjectTraining", "test_1208_01", 0)
    'b299b567-531a-4745-b600-eca9591aae24'
    """
    if n < 0:
        raise ValueError(f"n counts earlier tasks, so it cannot be {n}")
    # The name stands last, as the only part that can hold a line feed; a lone surrogate cannot be
    # in a payload that was accepted, but the function must not fail on one.
    text = f"loracle task\n{seed}\n{operation}\n{n}\n{name}"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
