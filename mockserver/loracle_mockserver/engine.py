"""The mock without HTTP: request in, reply out.

The order of judgement is the contract's (decision 0.9): limits, authentication, route, method, faults,
content type, body, task; the journal sees every step. Nothing here waits, reads a socket or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from loracle_contracts import spec
from loracle_contracts.headers import (
    authorization_rule,
    content_encoding_rule,
    content_type_rule,
    header_violation,
)
from loracle_contracts.parse import MAX_BODY, parse_fast
from loracle_contracts.validation import validate
from loracle_contracts.verdict import Profile, Violation
from loracle_mockserver import handlers
from loracle_mockserver.clock import Clock
from loracle_mockserver.faults import (
    Fault,
    FaultPlan,
    UnknownFaultError,
    fault_by_name,
    magic_fault,
    preferred_fault,
)
from loracle_mockserver.journal import Journal
from loracle_mockserver.message import Reply, Request, error_reply
from loracle_mockserver.store import MemoryStore, Namespace

__all__ = ["MAX_HEADERS", "MAX_UPLOAD", "Call", "Engine"]

MAX_HEADERS = 32 * 1024
MAX_UPLOAD = 30 * 1024 * 1024
UPLOADS = "/_uploads/"
_LISTED_VIOLATIONS = 100
_MAX_CACHED_KEYS = 1_000


@dataclass(slots=True)
class Call:
    """One request on its way through the engine."""

    request: Request
    operation: spec.Operation
    namespace: Namespace | None
    value: Any = None
    fault: Fault | None = None
    rules: tuple[str, ...] = ()
    strict_rules: tuple[str, ...] = ()


@dataclass
class Engine:
    """One mock. `keys` empty means that any key is accepted."""

    profile: Profile = "strict"
    seed: int = 0
    keys: frozenset[str] = frozenset()
    plan: FaultPlan = field(default_factory=FaultPlan)
    store: MemoryStore = field(default_factory=MemoryStore)
    journal: Journal = field(default_factory=Journal)

    def __post_init__(self) -> None:
        self.clock = Clock(self.seed)
        self._authorized: dict[bytes, Namespace] = {}
        self._routes: dict[str, dict[str, spec.Operation]] = {}
        for operation in spec.operations().values():
            self._routes.setdefault(operation.path, {})[operation.method] = operation
        self._uploads = self._routes.pop(f"{UPLOADS}{{file}}")
        self._validators = {
            operation.id: spec.validator(self.profile, operation.request)
            for operation in spec.operations().values()
            if operation.request
        }

    def reset(self) -> None:
        """Puts state, journal, clock and fault counts back to the start; the plan stays."""
        self.store = MemoryStore()
        self.journal.reset()
        self._authorized.clear()
        self.clock = Clock(self.seed)

    def limit(self, request: Request) -> int:
        """How many bytes of body the request may have; 0 where the body is not read at all."""
        if request.method in ("GET", "HEAD", "OPTIONS", "DELETE"):
            return 0
        return MAX_UPLOAD if request.path.startswith(UPLOADS) else MAX_BODY

    def refuse_headers(self, request: Request) -> Reply:
        """The answer to headers of more than MAX_HEADERS bytes."""
        return self._done(
            None, request, error_reply("HEADERS_TOO_LARGE", headers=((b"connection", b"close"),))
        )

    def refuse_body(self, request: Request) -> Reply:
        """The answer to a body over the limit, of which not all was read."""
        limit = max(self.limit(request), MAX_BODY)
        message = f"The body is larger than {limit // 2**20} MiB."
        return self._done(
            None, request, error_reply("REQUEST_TOO_LARGE", message, headers=((b"connection", b"close"),))
        )

    def handle(self, request: Request) -> Reply:
        """The answer to a request whose limits were checked and whose body was read."""
        path = request.path
        if self.profile == "lenient" and path.startswith("//"):
            path = "/" + path.lstrip("/")
        if path.startswith(UPLOADS) and path.count("/") == 2:
            namespace, methods = None, self._uploads
        else:
            found = self._authenticate(request)
            if isinstance(found, Reply):
                return self._done(None, request, found)
            namespace, methods = found, self._routes.get(path, {})
        if not methods:
            message = f"No route {path}; a trailing slash or a doubled one makes another route."
            return self._done(None, request, error_reply("API_NOT_FOUND", message), namespace)
        operation = methods.get(request.method)
        if operation is None:
            allow = ((b"allow", ", ".join(methods).encode()),)
            return self._done(None, request, error_reply("METHOD_NOT_ALLOWED", headers=allow), namespace)
        call = Call(request, operation, namespace)
        return self._done(call, request, self._answer(call), namespace)

    def _authenticate(self, request: Request) -> Namespace | Reply:
        sent = request.values(b"authorization")
        if len(sent) == 1:
            known = self._authorized.get(sent[0])
            if known is not None and self.store.holds(known):
                return known
        values = [value.decode("utf-8", "replace") for value in sent]
        rule = authorization_rule(values, self.profile)
        if rule is None:
            scheme, _, key = values[0].strip().partition(" ")
            key = key.strip() if scheme.lower() == "bearer" else values[0].strip()
            if not self.keys or key in self.keys:
                namespace = self.store.namespace(key)
                if len(self._authorized) >= _MAX_CACHED_KEYS:
                    self._authorized.clear()
                self._authorized[sent[0]] = namespace
                return namespace
            rule = "header.authorization.key"
        reason = "MISSING_API_KEY" if rule.endswith("required") else "INVALID_API_KEY"
        violation = header_violation(rule, _kind_of_key(values), self.profile)
        return error_reply(reason, metadata={"violations": [violation.as_dict()]})

    def _answer(self, call: Call) -> Reply:
        try:
            fault = self._requested_fault(call)
        except UnknownFaultError as error:
            return error_reply("INVALID_REQUEST_BODY", str(error), {"known": error.known})
        if fault is not None and fault.reason is not None:
            return self._fail(call, fault)
        refusal, name = self._read(call)
        if fault is None:
            try:
                fault = magic_fault(name, call.operation) if name else None
            except UnknownFaultError as error:
                return error_reply("INVALID_REQUEST_BODY", str(error), {"known": error.known})
            if fault is None and self.plan.rules:
                # An outage hits bad bodies too, so the plan comes before the refusal.
                namespace = call.namespace or self.store.namespace("")
                fault = self.plan.apply(call.operation, name, namespace)
        if fault is not None and fault.reason is not None:
            return self._fail(call, fault)
        reply = refusal or handlers.HANDLERS[call.operation.id](self, call)
        if fault is not None:
            call.fault = fault
            reply.delay = fault.delay
        return reply

    def _requested_fault(self, call: Call) -> Fault | None:
        for name, value in call.request.headers:
            if name == b"x-loracle-fault":
                return fault_by_name(
                    value.decode("latin-1").strip(), call.operation, "the header X-Loracle-Fault"
                )
            if name == b"prefer":
                fault = preferred_fault(value.decode("latin-1"), call.operation)
                if fault is not None:
                    return fault
        return None

    def _fail(self, call: Call, fault: Fault) -> Reply:
        call.fault = fault
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if fault.retry_after is not None:
            headers = ((b"retry-after", str(fault.retry_after).encode()),)
        if fault.reason == "METHOD_NOT_ALLOWED":
            headers += ((b"allow", call.operation.method.encode()),)
        reply = error_reply(str(fault.reason), metadata={"fault": fault.origin}, headers=headers)
        reply.delay = fault.delay
        return reply

    def _read(self, call: Call) -> tuple[Reply | None, str | None]:
        """Judges content type, query and body; answers the refusal, if any, and the task's name."""
        operation, request = call.operation, call.request
        if operation.query:
            verdict = validate(request.query, operation.id, self.profile, "query")
            call.value = verdict.value
            return (self._refuse(call, verdict.violations) if verdict.violations else None), None
        if not operation.request:
            return None, None
        content_type = content_encoding = b""
        for header, value in request.headers:
            if header == b"content-type":
                content_type = content_type + b", " + value if content_type else value
            elif header == b"content-encoding":
                content_encoding = content_encoding + b", " + value if content_encoding else value
        rule = content_type_rule(content_type.decode("latin-1"))
        got = content_type.decode("latin-1") or "nothing"
        if rule is None and content_encoding:
            rule, got = (
                content_encoding_rule(content_encoding.decode("latin-1")),
                content_encoding.decode("latin-1"),
            )
        if rule is not None:
            violation = header_violation(rule, got, self.profile)
            call.rules = (rule,)
            return error_reply("UNSUPPORTED_MEDIA_TYPE", metadata={"violations": [violation.as_dict()]}), None
        return self._judge_body(call)

    def _judge_body(self, call: Call) -> tuple[Reply | None, str | None]:
        body = call.request.body
        try:
            call.value = parse_fast(body)
        except ValueError:
            valid = False
        else:
            valid = self._validators[call.operation.id].is_valid(call.value)
        refusal = None
        if not valid:
            verdict = validate(body, call.operation.id, self.profile)
            call.value = verdict.value
            if verdict.violations:
                refusal = self._refuse(call, verdict.violations)
        elif self.profile != "strict" and not spec.validator("strict", str(call.operation.request)).is_valid(
            call.value
        ):
            strict = validate(body, call.operation.id, "strict")
            call.strict_rules = tuple(violation.rule for violation in strict.violations)
        name = call.value.get("name") if isinstance(call.value, dict) else None
        return refusal, name if isinstance(name, str) else None

    def _refuse(self, call: Call, violations: tuple[Violation, ...]) -> Reply:
        call.rules = tuple(violation.rule for violation in violations[:_LISTED_VIOLATIONS])
        first = violations[0]
        rules = "1 rule" if len(violations) == 1 else f"{len(violations)} rules"
        message = (
            f"The request breaks {rules} of the contract. First, {first.pointer or 'the ' + first.in_}: "
            f"expected {first.expected}, got {first.got}. {first.advice}"
        )
        listed = [violation.as_dict() for violation in violations[:_LISTED_VIOLATIONS]]
        metadata: dict[str, Any] = {"violations": listed}
        if len(violations) > len(listed):
            metadata["violations_total"] = len(violations)
        return error_reply("INVALID_REQUEST_BODY", message, metadata)

    def _done(
        self, call: Call | None, request: Request, reply: Reply, namespace: Namespace | None = None
    ) -> Reply:
        self.journal.add(
            namespace.id if namespace else None,
            call.operation.id if call else None,
            request.method,
            quote(request.path[:200]),
            reply.status,
            reply.reason,
            call.fault.origin if call and call.fault else None,
            call.rules if call else (),
            call.strict_rules if call else (),
        )
        return reply


def _kind_of_key(values: list[str]) -> str:
    if not values or not values[0].strip():
        return "nothing"
    scheme, blank, _ = values[0].strip().partition(" ")
    return f"{scheme} [redacted]" if blank else "a value without a scheme"
