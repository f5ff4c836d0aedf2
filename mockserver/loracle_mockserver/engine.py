"""The mock without HTTP: request in, reply out.

The order of judgement is the contract's (decision 0.9): limits, authentication, route, method, faults,
content type, body, task; the journal sees every step. Nothing here waits, reads a socket or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from loracle_contracts import spec
from loracle_contracts.explain import excerpt
from loracle_contracts.parse import MAX_BODY
from loracle_contracts.verdict import Profile
from loracle_mockserver import handlers
from loracle_mockserver.authentication import Authentication, strict_key_rule
from loracle_mockserver.call import Call
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
from loracle_mockserver.reading import read
from loracle_mockserver.store import MemoryStore, Namespace

__all__ = ["MAX_HEADERS", "MAX_UPLOAD", "Engine"]

MAX_HEADERS = 32 * 1024
MAX_UPLOAD = 30 * 1024 * 1024
UPLOADS = "/_uploads/"
_CLOSE = ((b"connection", b"close"),)
_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS", "DELETE")


@dataclass
class Engine:
    """One mock. `keys` empty means that any key is accepted."""

    profile: Profile = "strict"
    seed: int = 0
    keys: frozenset[str] = frozenset()
    plan: FaultPlan = field(default_factory=FaultPlan)

    def __post_init__(self) -> None:
        self._routes: dict[str, dict[str, spec.Operation]] = {}
        for operation in spec.operations().values():
            self._routes.setdefault(operation.path, {})[operation.method] = operation
            if operation.request:
                # Compiled now, so that the first request is as fast as the next.
                spec.validator(self.profile, operation.request)
        self._upload_methods = self._routes.pop(f"{UPLOADS}{{file}}")
        self.reset()

    def reset(self) -> None:
        """Puts state, journal, clock and fault counts back to the start; the plan stays."""
        self.store = MemoryStore()
        self.journal = Journal()
        self.clock = Clock(self.seed)
        self._authentication = Authentication(self.profile, self.keys, self.store)

    def admit(self, request: Request) -> int | Reply:
        """How many bytes of body to read (0: none at all), or the answer to a request that is too large."""
        if request.head_size > MAX_HEADERS:
            return self._refused(request, None, error_reply("HEADERS_TOO_LARGE", headers=_CLOSE))
        limit = MAX_UPLOAD if request.path.startswith(UPLOADS) else MAX_BODY
        if request.announced_length > limit:
            return self.refuse_body(request)
        return 0 if request.method in _WITHOUT_BODY else limit

    def refuse_body(self, request: Request) -> Reply:
        """The answer to a body over the limit, of which not all was read."""
        limit = MAX_UPLOAD if request.path.startswith(UPLOADS) else MAX_BODY
        message = f"The body is larger than {limit // 2**20} MiB."
        return self._refused(request, None, error_reply("REQUEST_TOO_LARGE", message, headers=_CLOSE))

    def handle(self, request: Request) -> Reply:
        """The answer to a request whose limits were checked and whose body was read."""
        path = request.path
        headers = request.values
        if self.profile == "lenient" and path.startswith("//"):
            path = "/" + path.lstrip("/")
        namespace: Namespace | None = None
        if path.startswith(UPLOADS) and path.count("/") == 2:
            methods = self._upload_methods
        else:
            found = self._authentication.namespace(headers.get(b"authorization", []))
            if isinstance(found, Reply):
                return self._refused(request, None, found)
            namespace, methods = found, self._routes.get(path, {})
        if not methods:
            message = f"No route {excerpt(path)}; a trailing slash or a doubled one makes another route."
            return self._refused(request, namespace, error_reply("API_NOT_FOUND", message))
        operation = methods.get(request.method)
        if operation is None:
            allow = ((b"allow", ", ".join(methods).encode()),)
            return self._refused(request, namespace, error_reply("METHOD_NOT_ALLOWED", headers=allow))
        call = Call(request, headers, operation, namespace)
        if self.profile != "strict" and operation.authenticated:
            call.strict_rules = strict_key_rule(headers[b"authorization"])
            if path != request.path:
                call.strict_rules += ("path.doubled_slash",)
        reply = self._answer(call)
        self.journal.add(
            namespace.id if namespace else None,
            operation.id,
            request.method,
            request.path,
            reply.status,
            reply.reason,
            call.fault.origin if call.fault else None,
            call.rules,
            call.strict_rules,
        )
        return reply

    def _answer(self, call: Call) -> Reply:
        headers, fault = call.headers, None
        try:
            if b"x-loracle-fault" in headers or b"prefer" in headers:
                fault = self._requested_fault(call)
                if fault is not None:
                    return self._fail(call, fault)
            refusal = read(call, self.profile)
            name = call.value.get("name") if type(call.value) is dict else None
            if type(name) is str and name.startswith("fault:"):
                fault = magic_fault(name, call.operation)
            if fault is None and self.plan.rules:
                namespace = call.namespace or self.store.namespace("")
                fault = self.plan.apply(call.operation, name if type(name) is str else None, namespace)
        except UnknownFaultError as error:
            return error_reply("INVALID_REQUEST_BODY", str(error), {"known": error.known})
        # An outage hits bad bodies too, so the plan comes before the refusal.
        if fault is not None and fault.reason is not None:
            return self._fail(call, fault)
        reply = refusal or handlers.HANDLERS[call.operation.id](self, call)
        if fault is not None:
            call.fault = fault
            reply.delay = fault.delay
        return reply

    def _requested_fault(self, call: Call) -> Fault | None:
        asked = call.headers.get(b"x-loracle-fault")
        if asked:
            name = asked[0].decode("latin-1").strip()
            return fault_by_name(name, call.operation, "the header X-Loracle-Fault")
        prefer = call.headers.get(b"prefer")
        return preferred_fault(b", ".join(prefer).decode("latin-1"), call.operation) if prefer else None

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

    def _refused(self, request: Request, namespace: Namespace | None, reply: Reply) -> Reply:
        """Notes an answer that no operation gave."""
        namespace_id = namespace.id if namespace else None
        self.journal.add(namespace_id, None, request.method, request.path, reply.status, reply.reason)
        return reply
