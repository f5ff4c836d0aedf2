"""Servers whose successes cannot be read as what they should be: media type, encoding, JSON."""

from __future__ import annotations

import gzip
from dataclasses import replace

from broken_servers.changes import EVERYTHING, LISTS, STATES, Make, answered, behaviour, instead
from broken_servers.defect import Corpus
from broken_servers.scripts import created, sent, walked
from broken_servers.wire import Answer, Change, Forward, Request, operation_of, pause

__all__ = ["CASES"]

CASES = Corpus()
_LIST = sent("GET", "/v3/training")


def _body(operations: tuple[str, ...], old: bytes, new: bytes) -> Make:
    return answered(operations, lambda answer: replace(answer, body=answer.body.replace(old, new, 1)))


def _all(edit: object) -> Make:
    assert callable(edit)
    return answered(LISTS, edit)


_OF_THE_LIST: dict[str, Make] = {
    "answer-as-plain-text": _all(lambda answer: answer.with_type("text/plain")),
    "answer-as-html": _all(lambda answer: answer.with_type("text/html; charset=utf-8")),
    "answer-as-octets": _all(lambda answer: answer.with_type("application/octet-stream")),
    "answer-without-type": _all(lambda answer: answer.with_type(None)),
    "answer-with-a-byte-order-mark": _all(lambda answer: replace(answer, body=b"\xef\xbb\xbf" + answer.body)),
    "answer-with-trailing-garbage": _all(lambda answer: replace(answer, body=answer.body + b"\n</html>")),
    "answer-with-a-guard": _all(lambda answer: replace(answer, body=b")]}',\n" + answer.body)),
    "answer-as-call": _all(lambda answer: replace(answer, body=b"callback(" + answer.body + b")")),
    "answer-as-events": _all(lambda answer: replace(answer, body=b"data: " + answer.body + b"\n\n")),
    "answer-as-json-text": _all(lambda answer: answer.with_value(answer.body.decode())),
    "answer-truncated": _all(lambda answer: replace(answer, body=answer.body[:-1])),
    "answer-in-utf-16": _all(lambda answer: replace(answer, body=answer.body.decode().encode("utf-16"))),
    "answer-packed-without-saying": _all(lambda answer: replace(answer, body=gzip.compress(answer.body))),
    "answer-empty": _all(lambda answer: replace(answer, body=b"")),
    "answer-null": _all(lambda answer: replace(answer, body=b"null")),
    "answer-201-for-a-read": _all(lambda answer: replace(answer, status=201)),
    "answer-206-for-a-read": _all(lambda answer: replace(answer, status=206)),
    "answer-with-an-error-in-a-200": _all(
        lambda answer: answer.with_value({"code": 500, "reason": "LIST_TASK_FAILED", "message": ""})
    ),
}
# What a client reads all the same, and what it cannot.
_READABLE = (
    "answer-as-plain-text",
    "answer-as-html",
    "answer-as-octets",
    "answer-without-type",
    "answer-with-a-byte-order-mark",
    "answer-in-utf-16",
)
_UNREADABLE = ("answer-with-a-broken-byte", "answer-with-a-control-character")
_KEYS_TWICE = b'"task_status":"QUEUING","task_status"'
_OF_TASKS: dict[str, Make] = {
    "answer-with-a-name-twice": _body((*STATES, *LISTS), b'"task_status"', _KEYS_TWICE),
    "answer-with-not-a-number": _body(STATES, b'"eta_relative":', b'"eta_relative":NaN,"eta_absolute":'),
    "answer-with-infinity": _body(STATES, b'"progress_percent":', b'"speed":Infinity,"progress_percent":'),
    "answer-with-an-overflow": _body(STATES, b'"eta_relative":', b'"cost":1e999,"eta_relative":'),
    "answer-with-single-quotes": answered(
        STATES, lambda answer: replace(answer, body=answer.body.replace(b'"', b"'"))
    ),
    "answer-with-a-trailing-comma": answered(
        STATES, lambda answer: replace(answer, body=answer.body[:-1] + b",}")
    ),
    "answer-with-a-half-character": _body(LISTS, b'"task_name":"', b'"task_name":"\\ud83d'),
    "answer-with-a-broken-byte": _body(LISTS, b'"task_name":"', b'"task_name":"\xe9'),
    "answer-with-a-control-character": _body(LISTS, b'"task_name":"', b'"task_name":"\x01'),
}


def _leaks_key(request: Request, answer: Answer) -> Answer:
    key = (request.header("authorization") or b"").partition(b" ")[2]
    value = answer.value()
    return (
        answer.with_value({**value, "account": key.decode("latin-1")}) if isinstance(value, dict) else answer
    )


def _tells_the_key() -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        return _leaks_key(request, answer) if answer.status == 200 else answer

    return change


def _slow(seconds: float, operations: tuple[str, ...], every: int = 1) -> Make:
    """Needs `--max-latency` below that many seconds."""

    def make() -> Change:
        calls = [0]

        async def change(request: Request, forward: Forward) -> Answer:
            answer = await forward(request)
            if operation_of(request) in operations and answer.status == 200:
                calls[0] += 1
                if calls[0] % every == 0:
                    await pause(seconds)
            return answer

        return change

    return make


def _slow_errors() -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if answer.status == 400 and b"INVALID_REQUEST_BODY" in answer.body:
            await pause(1.5)
        return answer

    return change


_INSTEAD = Answer(302, b"", ((b"location", b"/login"),))


def _fill() -> None:
    for slug, make in _OF_THE_LIST.items():
        behaviour(CASES, slug, "listTrainings", make, _LIST, breaks_plain=slug not in _READABLE)
    for slug, make in _OF_TASKS.items():
        is_broken = slug in _UNREADABLE
        behaviour(CASES, slug, "", make, walked, needs_create=True, breaks_plain=is_broken)
    behaviour(CASES, "key-told-in-answers", "", _tells_the_key, _LIST)
    behaviour(CASES, "slow-list", "listTrainings", _slow(1.5, LISTS), _LIST)
    behaviour(CASES, "slow-states", "", _slow(1.5, STATES), walked, needs_create=True)
    behaviour(CASES, "slow-creates", "", _slow(1.5, EVERYTHING[:2]), created, needs_create=True)
    behaviour(CASES, "slow-now-and-then", "", _slow(1.5, EVERYTHING, every=7), walked)
    behaviour(
        CASES,
        "slow-refusals",
        "",
        _slow_errors,
        sent("POST", "/v3/training/subject", {"name": 1}),
    )
    behaviour(
        CASES,
        "models-redirect-to-a-login",
        "listModels",
        instead(lambda request: operation_of(request) == "listModels", lambda _: _INSTEAD),
        sent("GET", "/v3/model"),
    )


_fill()
