"""What the contract says of one request and of its answer, and how the verdict is told."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import orjson

from loracle_contracts.answers import Mismatch, mismatches, reason_of
from loracle_contracts.exchange import Answer, Request
from loracle_contracts.oracle import Expectation
from loracle_contracts.parse import MAX_BODY
from loracle_contracts.verdict import Profile
from loracle_mockserver.proxy.connection import AnswerHead
from loracle_mockserver.proxy.unknown_members import unknown_members

__all__ = ["AnswerVerdict", "decoded", "judge_answer", "key_of", "pairs", "verdict_header"]

# A shorter key may be a word that the answer has for another reason.
_SHORTEST_KEY = 16
_UNJUDGED = "unjudged"


@dataclass
class AnswerVerdict:
    """What is wrong with an answer. `is_judged` is False where its body could not be read."""

    mismatches: list[Mismatch] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    reason: str | None = None
    is_documented: bool = True
    is_judged: bool = True

    @property
    def text(self) -> str:
        """`valid`, or which checks failed, as the verdict's header has it."""
        if self.mismatches:
            return ",".join(dict.fromkeys(mismatch.check for mismatch in self.mismatches))
        if not self.is_judged:
            return _UNJUDGED
        return "drift" if self.unknown or not self.is_documented else "valid"


def judge_answer(
    expectation: Expectation,
    request: Request,
    head: AnswerHead,
    body: bytes | None,
    profile: Profile,
    seconds: float,
) -> AnswerVerdict:
    """The verdict on an answer; `body` is None where it is larger than what is read."""
    operation = expectation.operation
    if body is None:
        expected = f"a body of at most {MAX_BODY // 2**20} MiB"
        return AnswerVerdict([Mismatch("body", expected, "a larger one", "json.size")])
    read = decoded(head, body)
    if read is None:
        return AnswerVerdict(is_judged=False)
    answer = Answer(head.status, pairs(head.headers), read, seconds)
    key = key_of(request)
    secrets = (key,) if len(key) >= _SHORTEST_KEY else ()
    found = AnswerVerdict([*mismatches(expectation, request, answer, profile, secrets)])
    if head.status >= 400 and request.method != "HEAD":
        found.reason = reason_of(answer)
        if operation is not None:
            found.is_documented = found.reason in operation.errors.get(str(head.status), ())
    elif not 200 <= head.status < 300:
        found.is_documented = operation is None
    if operation is not None and read and not any(one.check == "content-type" for one in found.mismatches):
        found.unknown = [*_unknown(read, operation.response if head.status < 400 else "Error", profile)]
    return found


def verdict_header(request: str, answer: str, source: str) -> bytes:
    """The value of X-Loracle-Verdict."""
    return f"request={request}; answer={answer}; from={source}".encode()


def pairs(headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Headers as text. Keys may be UTF-8, as the mock reads them; all else is read byte by byte."""
    return tuple(
        (
            name.decode("latin-1"),
            value.decode("utf-8", "replace") if name == b"authorization" else value.decode("latin-1"),
        )
        for name, value in headers
    )


def key_of(request: Request) -> str:
    """The API key of a request; empty where there is none."""
    sent = "".join(request.values("authorization")[:1]).strip()
    scheme, _, key = sent.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else sent


def decoded(head: AnswerHead, body: bytes) -> bytes | None:
    """The body without its content coding; None where that is unknown, broken, or hides too much."""
    coding = b",".join(value for name, value in head.headers if name.lower() == b"content-encoding")
    coding = coding.strip().lower()
    if not body or coding in (b"", b"identity"):
        return body
    for bits in {b"gzip": (31,), b"x-gzip": (31,), b"deflate": (15, -15)}.get(coding, ()):
        reader = zlib.decompressobj(bits)
        try:
            found = reader.decompress(body, MAX_BODY + 1)
        except zlib.error:
            continue
        return found if reader.eof and len(found) <= MAX_BODY else None
    return None


def _unknown(body: bytes, schema: str | None, profile: Profile) -> Iterator[str]:
    if schema is None:
        return
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return  # a mismatch tells of it
    yield from unknown_members(value, schema, profile)
