"""Servers that judge API keys wrongly, or mix up what belongs to them."""

from __future__ import annotations

from dataclasses import replace

import httpx

from broken_servers.changes import CRASH, LISTS, STATES, SUBJECT, Make, behaviour, failed
from broken_servers.correct import KEY, OTHER_KEY
from broken_servers.defect import Corpus, Witness
from broken_servers.right_bodies import minimal
from broken_servers.scripts import LIST, create, id_of, seen, sent, state
from broken_servers.wire import Answer, Forward, Request, operation_of, refusal

__all__ = ["CASES"]

CASES = Corpus()
_RIGHT = f"Bearer {KEY}"
_ABOUT_KEYS = (b"MISSING_API_KEY", b"INVALID_API_KEY")


def _is_about_keys(answer: Answer) -> bool:
    return any(reason in answer.body for reason in _ABOUT_KEYS)


def _taken(is_taken: object, *, only: tuple[str, ...] = ()) -> Make:
    """Requests whose key is taken although it is wrong are answered as if it were right."""
    assert callable(is_taken)

    async def change(request: Request, forward: Forward) -> Answer:
        sent_key = (request.header("authorization") or b"").decode("latin-1")
        is_meant = not only or operation_of(request) in only
        if is_meant and sent_key != _RIGHT and is_taken(request, sent_key):
            # A right key of somebody else stays what it is.
            answer = await forward(replace(request, receive=_nothing))
            if _is_about_keys(answer):
                return await forward(request.with_header("authorization", _RIGHT))
            return answer
        return await forward(request)

    return lambda: change


async def _nothing() -> dict[str, object]:
    return {"type": "http.request", "body": b"", "more_body": False}


def _scheme(name: str) -> Make:
    return _taken(
        lambda _, sent_key: sent_key.lower().startswith(f"{name} ") and len(sent_key) > len(name) + 1
    )


def _elsewhere(header: str) -> Make:
    return _taken(lambda request, _: request.header(header) is not None)


def _refused(is_meant: object) -> Make:
    """A right key is refused for the way in which it was sent."""
    assert callable(is_meant)

    async def change(request: Request, forward: Forward) -> Answer:
        sent_key = (request.header("authorization") or b"").decode("latin-1")
        if not is_meant(sent_key):
            return await forward(request)
        probe = await forward(request if request.body is None else request.with_body({}))
        return probe if _is_about_keys(probe) else refusal("INVALID_API_KEY")

    return lambda: change


def _judged_late(status: int) -> Make:
    """Without a key a wrong request is told what is wrong with it."""

    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if _is_about_keys(answer):
            known = (
                await forward(request.with_header("authorization", _RIGHT))
                if _is_harmless(request)
                else answer
            )
            return known if known.status == status else answer
        return answer

    return lambda: change


def _is_harmless(request: Request) -> bool:
    operation = operation_of(request)
    if operation not in ("createSubjectTraining", "createStyleTraining", "createUploadUrl"):
        return True
    return not isinstance(request.value(), dict) or request.value().keys() < {"name", "base_model"}


def _answering(status: int, reason: str) -> Make:
    def edit(answer: Answer) -> Answer:
        value = {**answer.value(), "code": status, "reason": reason}
        return replace(answer.with_value(value), status=status)

    return failed(edit, _is_about_keys)


def _shared(operations: tuple[str, ...]) -> Make:
    """Whoever asks sees what the owner of the first key has."""

    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if operation_of(request) in operations and not _is_about_keys(answer):
            return await forward(request.with_header("authorization", _RIGHT))
        return answer

    return lambda: change


def _crashes_on(is_meant: object) -> Make:
    assert callable(is_meant)

    async def change(request: Request, forward: Forward) -> Answer:
        if is_meant(request.header("authorization") or b""):
            return CRASH
        return await forward(request)

    return lambda: change


async def _as_another(client: httpx.AsyncClient) -> object:
    task = id_of(await create(client, "mine"))
    client.headers["authorization"] = f"Bearer {OTHER_KEY}"
    return seen(await client.get(LIST)), seen(await state(client, task))


def _with(value: str, **headers: str) -> Witness:
    return sent("GET", LIST, authorization=value, **headers)


def _create(value: str) -> Witness:
    return sent("POST", "/v3/training/subject", minimal(), authorization=value)


_NONE = ""
_DEFECTS: list[tuple[str, str, Make, Witness]] = [
    ("no-key-taken", "", _taken(lambda _, sent_key: not sent_key), _with(_NONE)),
    (
        "no-key-taken-for-creates",
        SUBJECT,
        _taken(lambda _, sent_key: not sent_key, only=(SUBJECT,)),
        _create(_NONE),
    ),
    (
        "no-key-taken-for-the-list",
        "listTrainings",
        _taken(lambda _, sent_key: not sent_key, only=LISTS),
        _with(_NONE),
    ),
    (
        "no-key-taken-for-states",
        "getSubjectTraining",
        _taken(lambda _, sent_key: not sent_key, only=STATES),
        sent("GET", "/v3/training/subject?task_id=none", authorization=_NONE),
    ),
    (
        "no-key-taken-for-models",
        "listModels",
        _taken(lambda _, sent_key: not sent_key, only=("listModels",)),
        sent("GET", "/v3/model", authorization=_NONE),
    ),
    (
        "no-key-taken-for-upload-urls",
        "createUploadUrl",
        _taken(lambda _, sent_key: not sent_key, only=("createUploadUrl",)),
        sent("POST", "/v3/assets/training_dataset", {"file_extension": "png"}, authorization=_NONE),
    ),
    ("wrong-key-taken", "", _scheme("bearer"), _with("Bearer nobody-has-this")),
    ("basic-taken", "", _scheme("basic"), _with("Basic dXNlcjprZXk=")),
    ("token-taken", "", _scheme("token"), _with(f"Token {KEY}")),
    ("bare-key-taken", "", _taken(lambda _, sent_key: sent_key == KEY), _with(KEY)),
    ("empty-key-taken", "", _taken(lambda _, sent_key: sent_key.strip() == "Bearer"), _with("Bearer")),
    (
        "key-without-blank-taken",
        "",
        _taken(lambda _, sent_key: sent_key == f"Bearer{KEY}"),
        _with(f"Bearer{KEY}"),
    ),
    (
        "key-prefix-taken",
        "",
        _taken(lambda _, sent_key: sent_key.startswith(_RIGHT)),
        _with(f"{_RIGHT}-and-more"),
    ),
    (
        "key-in-any-case-taken",
        "",
        _taken(lambda _, sent_key: sent_key == _RIGHT.upper()),
        _with(_RIGHT.upper()),
    ),
    ("key-in-another-header-taken", "", _elsewhere("x-api-key"), _with(_NONE, x_api_key=KEY)),
    ("key-in-a-cookie-taken", "", _elsewhere("cookie"), _with(_NONE, cookie=f"api_key={KEY}")),
    (
        "key-in-the-query-taken",
        "",
        _taken(lambda request, _: b"api_key=" in request.query),
        sent("GET", f"{LIST}?api_key={KEY}", authorization=_NONE),
    ),
    (
        "scheme-must-be-capitalised",
        "",
        _refused(lambda key: key.startswith("bearer")),
        _with(f"bearer {KEY}"),
    ),
    (
        "scheme-must-not-be-upper-case",
        "",
        _refused(lambda key: key.startswith("BEARER")),
        _with(f"BEARER {KEY}"),
    ),
    ("missing-key-401", "", _answering(401, "UNAUTHORIZED"), _with(_NONE)),
    ("missing-key-401-same-reason", "", _answering(401, "INVALID_API_KEY"), _with(_NONE)),
    ("missing-key-404", "", _answering(404, "API_NOT_FOUND"), _with(_NONE)),
    ("missing-key-500", "", _answering(500, "BILLING_FAILED"), _with(_NONE)),
    (
        "route-judged-before-key",
        "",
        _judged_late(404),
        sent("GET", "/v3/nothing", authorization=_NONE),
    ),
    (
        "method-judged-before-key",
        "",
        _judged_late(405),
        sent("DELETE", "/v3/training", authorization=_NONE),
    ),
    (
        "media-type-judged-before-key",
        SUBJECT,
        _judged_late(415),
        sent("POST", "/v3/training/subject", b"x", content_type="text/plain", authorization=_NONE),
    ),
    (
        "query-judged-before-key",
        "listTrainings",
        _judged_late(400),
        sent("GET", f"{LIST}?pagination.limit=0", authorization=_NONE),
    ),
    (
        "key-not-ascii-500",
        "",
        _crashes_on(lambda key: any(byte > 127 for byte in key)),
        _with("Bearer k\u00e9y"),
    ),
    ("key-of-three-words-500", "", _crashes_on(lambda key: key.count(b" ") > 1), _with("Bearer a b c")),
    ("key-without-blank-500", "", _crashes_on(lambda key: bool(key) and b" " not in key), _with("Bearer")),
    ("key-long-500", "", _crashes_on(lambda key: len(key) > 1000), _with("Bearer " + "k" * 2000)),
]


def _fill() -> None:
    for slug, operation, make, witness in _DEFECTS:
        behaviour(CASES, slug, operation, make, witness)
    for slug, operations in (("list", LISTS), ("state", STATES)):
        behaviour(
            CASES,
            f"{slug}-shown-to-other-keys",
            operations[0],
            _shared(operations),
            _as_another,
            needs_create=True,
        )


_fill()
