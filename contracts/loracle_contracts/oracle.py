"""The oracle: which answers the contract allows to a raw request. Pure; knows no server and no socket.

The order of judgement is the contract's (decision 0.9): sizes, authentication, route, method, content type,
query, body. The first rule that a request breaks decides on the answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote

from loracle_contracts import spec
from loracle_contracts.exchange import Request
from loracle_contracts.headers import (
    authorization_rule,
    content_encoding_rule,
    content_type_rule,
    header_violation,
    redacted,
    sent_key,
)
from loracle_contracts.proof import MAX_BODY
from loracle_contracts.validation import validate
from loracle_contracts.verdict import Profile, Violation

__all__ = [
    "CREATES",
    "MAX_HEADERS",
    "MAX_UPLOAD",
    "OF_THE_ACCOUNT",
    "OF_THE_IMAGES",
    "UPLOADS",
    "Expectation",
    "Oracle",
    "Refusal",
]

MAX_HEADERS = 32 * 1024
MAX_UPLOAD = 30 * 1024 * 1024
UPLOADS = "/_uploads/"
CREATES = ("createSubjectTraining", "createStyleTraining")
# Refusals that tell of the account or of the moment, not of the request; every valid request may get them.
_OF_THE_MOMENT = ("RATE_LIMIT_EXCEEDED", "SERVICE_UNAVAILABLE", "GATEWAY_TIMEOUT")
OF_THE_ACCOUNT = (
    "API_NOT_ALLOWED",
    "BILLING_AUTH_FAILED",
    "BILLING_BALANCE_NOT_ENOUGH",
    "EXCEEDS_MAX_UPLOAD_QUOTA",
    "FEATURE_NOT_ALLOWED",
    "FREE_TRIAL_QUOTA_EXCEEDS",
    "NEED_REAL_NAME_VERIFY",
)
# Refusals of a valid create that tell of what it names, which only the server knows.
OF_THE_IMAGES = (
    "ILLEGAL_IMAGE_CONTENT",
    "IMAGE_EXCEEDS_MAX_RESOLUTION",
    "IMAGE_FILE_EXCEEDS_MAX_SIZE",
    "IMAGE_NO_FACE_DETECTED",
    "INVALID_IMAGE_FORMAT",
    "INVALID_IMAGE_SIZE",
)
_OF_THE_MODEL = ("BASE_MODEL_NOT_ALLOWD",)
_OF_THE_TEXTS = ("BASE_MODEL_NOT_ALLOWD", "ILLEGAL_PROMPT", "TASK_NAME_EXISTED")


class Refusal(NamedTuple):
    """A refusal as the contract gives it: the status, and the reason in the envelope."""

    status: int
    reason: str

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


@dataclass(frozen=True)
class Expectation:
    """What the contract allows as the answer to one request.

    `operation` is None where no operation has this route and method. `refusal` is the answer that the
    contract demands, or None where the request is valid and answered with 200. `tolerated` are answers
    that a conforming server may give instead, because it knows more than the contract: of the account, of
    the assets, of the moment.
    `violations` are the rules that the request breaks, as far as they were judged.
    """

    operation: spec.Operation | None
    refusal: Refusal | None
    tolerated: tuple[Refusal, ...] = ()
    violations: tuple[Violation, ...] = ()
    also: tuple[int, ...] = ()
    """Statuses that HTTP allows instead, whatever the body."""

    @property
    def is_valid(self) -> bool:
        """Whether a conforming server does what the request asks for."""
        return self.refusal is None

    @property
    def starts_job(self) -> bool:
        """Whether a conforming server starts a training, which is paid for."""
        return self.is_valid and self.operation is not None and self.operation.id in CREATES

    def __str__(self) -> str:
        return "200" if self.refusal is None else str(self.refusal)


class Oracle:
    """Judges requests under a profile. `keys` are those that the server knows; empty means every key."""

    def __init__(self, profile: Profile = "strict", keys: Collection[str] = ()) -> None:
        self.profile: Profile = profile
        self.keys = frozenset(keys)

    def expect(self, request: Request, length: int | None = None) -> Expectation:
        """What the contract allows as the answer to a request.

        `length` is how many bytes the body has, where the request holds only a part of it.
        """
        sent = unquote(request.path)
        is_doubled = self.profile == "lenient" and sent.startswith("//")
        path = "/" + sent.lstrip("/") if is_doubled else sent
        is_upload = path.startswith(UPLOADS) and path.count("/") == 2
        methods = _routes().get(f"{UPLOADS}{{file}}" if is_upload else path, {})
        operation = methods.get(request.method)
        if _head_size(request) > MAX_HEADERS:
            return _refused(operation, "HEADERS_TOO_LARGE")
        length = len(request.body) if length is None else length
        if length > (MAX_UPLOAD if sent.startswith(UPLOADS) else MAX_BODY):
            return _refused(operation, "REQUEST_TOO_LARGE")
        if not is_upload:
            refusal = self._refused_key(request, operation)
            if refusal is not None:
                return refusal
        if not methods:
            return _refused(None, "API_NOT_FOUND")
        if operation is None:
            also = _also(request.method, methods)
            return replace(_refused(None, "METHOD_NOT_ALLOWED"), also=also)
        return self._judged(request, operation)

    def _refused_key(self, request: Request, operation: spec.Operation | None) -> Expectation | None:
        sent = request.values("authorization")
        rule = authorization_rule(sent, self.profile)
        if rule is None and self.keys and sent_key(sent[0]) not in self.keys:
            rule = "header.authorization.key"
        if rule is None:
            return None
        reason = "MISSING_API_KEY" if rule.endswith("required") else "INVALID_API_KEY"
        violation = header_violation(rule, redacted(sent), self.profile)
        # The vendor's guide to errors says 401, its table 400 and 403 (contract section 4, row 19).
        habit = (_refusal("FAILED_TO_AUTH"),) if self.profile == "lenient" else ()
        refused = _refused(operation, reason, violation)
        return replace(refused, tolerated=(*refused.tolerated, *habit))

    def _judged(self, request: Request, operation: spec.Operation) -> Expectation:
        if operation.request:
            for name, judge in (
                ("content-type", content_type_rule),
                ("content-encoding", content_encoding_rule),
            ):
                sent = ", ".join(request.values(name))
                rule = judge(sent)
                if rule is not None:
                    violation = header_violation(rule, sent or "nothing", self.profile)
                    return _refused(operation, "UNSUPPORTED_MEDIA_TYPE", violation)
            verdict = validate(request.body, operation.id, self.profile)
        elif operation.query:
            verdict = validate(request.query, operation.id, self.profile, "query")
        else:
            return Expectation(operation, None, _tolerated(operation, {}))
        if verdict.violations:
            refused = _refused(operation, "INVALID_REQUEST_BODY", *verdict.violations)
            # A server may look for the model before it looks at the rest.
            names_model = operation.id in CREATES and isinstance(verdict.value, dict)
            also = _documented(operation.id, _OF_THE_MODEL) if names_model else ()
            return replace(refused, tolerated=(*refused.tolerated, *also)) if also else refused
        return Expectation(operation, None, _tolerated(operation, verdict.value))


def _refusal(reason: str) -> Refusal:
    return Refusal(spec.errors()[reason]["code"], reason)


def _refused(operation: spec.Operation | None, reason: str, *violations: Violation) -> Expectation:
    # Whoever limits the rate need not look at a request first.
    return Expectation(operation, _refusal(reason), (_refusal("RATE_LIMIT_EXCEEDED"),), violations)


def _also(method: str, methods: Mapping[str, spec.Operation]) -> tuple[int, ...]:
    if method == "HEAD" and "GET" in methods:
        return (200, 400, 404)  # RFC 9110 wants HEAD wherever there is GET
    # An answer to a preflight of a browser, or to the question which methods there are.
    return (200, 204) if method == "OPTIONS" else ()


def _tolerated(operation: spec.Operation, value: Any) -> tuple[Refusal, ...]:
    reasons = [*_OF_THE_MOMENT, *OF_THE_ACCOUNT]
    if operation.id in CREATES:
        reasons += [*OF_THE_IMAGES, *_OF_THE_TEXTS]
        items = value.get("image_dataset_items") or []
        if any(not str(item.get("caption") or "").strip() for item in items):
            reasons.append("EMPTY_IMAGE_CAPTION")
    if "task_id" in value:
        reasons.append("TASK_NOT_FOUND")
    if operation.id == "putUpload":
        reasons += ["INVALID_IMAGE_FORMAT", "API_NOT_FOUND"]
    return _documented(operation.id, tuple(reasons))


@lru_cache(maxsize=256)  # for each operation there are a few such lists
def _documented(operation: str, reasons: tuple[str, ...]) -> tuple[Refusal, ...]:
    """The refusals of these reasons, as far as the operation documents them."""
    errors = spec.operations()[operation].errors
    statuses = {reason: int(status) for status, known in errors.items() for reason in known}
    return tuple(Refusal(statuses[reason], reason) for reason in reasons if reason in statuses)


@cache
def _routes() -> dict[str, dict[str, spec.Operation]]:
    routes: dict[str, dict[str, spec.Operation]] = {}
    for operation in spec.operations().values():
        routes.setdefault(operation.path, {})[operation.method] = operation
    return routes


def _head_size(request: Request) -> int:
    """Bytes of target and headers, with the four that separate each header."""
    return len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)
