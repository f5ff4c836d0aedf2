"""The layer authentication finds servers that take a missing or a wrong key."""

from __future__ import annotations

import pytest
from fuzzed_wire import KEY, Ask, Defect
from wire_defects import (
    MODELS,
    SUBJECT,
    found,
    key_of,
    where,
    with_headers,
)

from loracle_contracts.exchange import Answer, Request


def _creating_in_spite(request: Request, ask: Ask) -> Answer:
    """Starts the training, and says then that the key is missing."""
    if request.method == "POST" and request.path == SUBJECT and not request.values("authorization"):
        ask(with_headers(request, authorization=f"Bearer {KEY}"))
    return ask(request)


# What is found (check and subject), and the defect.
DEFECTS: dict[str, tuple[str, str, Defect]] = {
    "any key": (
        "accepted",
        "header.authorization.key",
        where(
            lambda one: key_of(one) == "wrong-key",
            lambda one: with_headers(one, authorization=f"Bearer {KEY}"),
        ),
    ),
    "a key that begins alike": (
        "accepted",
        "header.authorization.key",
        where(
            lambda one: key_of(one).startswith(KEY),
            lambda one: with_headers(one, authorization=f"Bearer {KEY}"),
        ),
    ),
    "a part of the key": (
        "accepted",
        "header.authorization.key",
        where(
            lambda one: len(key_of(one)) > 3 and key_of(one) in KEY,
            lambda one: with_headers(one, authorization=f"Bearer {KEY}"),
        ),
    ),
    "the key in any case": (
        "accepted",
        "header.authorization.key",
        where(
            lambda one: key_of(one).lower() == KEY,
            lambda one: with_headers(one, authorization=f"Bearer {KEY}"),
        ),
    ),
    "no key at models": (
        "accepted",
        "header.authorization.required",
        where(lambda one: one.path == MODELS, lambda one: with_headers(one, authorization=f"Bearer {KEY}")),
    ),
    "any scheme": (
        "accepted",
        "header.authorization.scheme",
        where(lambda one: KEY in key_of(one), lambda one: with_headers(one, authorization=f"Bearer {KEY}")),
    ),
    "the scheme in one case": (
        "refused",
        "header.authorization.scheme",
        where(
            lambda one: key_of(one).startswith("bearer"), lambda one: with_headers(one, authorization="x y")
        ),
    ),
    "the key in the query": (
        "accepted",
        "header.authorization.required",
        where(
            lambda one: "access_token" in one.query,
            lambda one: with_headers(one, authorization=f"Bearer {KEY}"),
        ),
    ),
    "the key in a cookie": (
        "accepted",
        "header.authorization.required",
        where(lambda one: one.values("cookie"), lambda one: with_headers(one, authorization=f"Bearer {KEY}")),
    ),
    "the first of two keys": (
        "accepted",
        "header.authorization.scheme",
        where(
            lambda one: len(one.values("authorization")) > 1,
            lambda one: with_headers(one, authorization=one.values("authorization")[0]),
        ),
    ),
    "the route before the key": (
        "status",
        "400 MISSING_API_KEY answered with 404 API_NOT_FOUND",
        where(
            lambda one: "unknown" in one.path, lambda one: with_headers(one, authorization=f"Bearer {KEY}")
        ),
    ),
    "the body before the key": (
        "reason",
        "400 MISSING_API_KEY answered with 400 INVALID_REQUEST_BODY",
        where(lambda one: one.body == b"{", lambda one: with_headers(one, authorization=f"Bearer {KEY}")),
    ),
    "a training in spite of it": ("relation", "refused.effect", _creating_in_spite),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_the_defect_is_found(name: str) -> None:
    check, subject, defect = DEFECTS[name]
    assert (check, subject) in found("authentication", defect)
