"""The mock without HTTP: request in, reply out.

The order of judgement is the contract's (decision 0.9): limits, authentication, route, method, faults,
content type, body, task, task faults; the journal sees every step. Nothing here waits or reads a socket.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from loracle_contracts import spec
from loracle_contracts.oracle import MAX_HEADERS, MAX_UPLOAD, UPLOADS
from loracle_contracts.parse import MAX_BODY
from loracle_contracts.validation import validate
from loracle_contracts.verdict import Profile
from loracle_mockserver import handlers
from loracle_mockserver.authentication import Authentication, Refusal, strict_key_rule
from loracle_mockserver.behaviour import Behaviour
from loracle_mockserver.call import Call
from loracle_mockserver.clock import Clock, start
from loracle_mockserver.damage import damaged
from loracle_mockserver.fault_catalogue import CREATES, STATUS_CALLS
from loracle_mockserver.fault_rules import FaultRule
from loracle_mockserver.faults import (
    Fault,
    FaultPlan,
    UnknownFaultError,
    apply,
    fault_by_name,
    magic_fault,
    preferred_fault,
)
from loracle_mockserver.journal import MAX_BODY_KEPT, Entry
from loracle_mockserver.message import Reply, Request, error_reply
from loracle_mockserver.rate_limit import seconds_too_early
from loracle_mockserver.reading import read
from loracle_mockserver.redaction import REDACTED
from loracle_mockserver.refusals import body_too_large, headers_too_large, no_route, wrong_method
from loracle_mockserver.store import MemoryStore, Store, StoreError
from loracle_mockserver.trainers import Simulated, Trainer
from loracle_mockserver.world import SETTINGS, Settings, World

__all__ = ["MAX_HEADERS", "MAX_UPLOAD", "UPLOADS", "Engine", "store_failure"]

_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS", "DELETE")
_MAX_WORLDS = 1_000
_NOBODY = ""
# Stands for the operation of a route that there is not; every authenticated one has the same refusals.
_ANY_OPERATION = "createSubjectTraining"
_NAMESPACE = re.compile(r"[0-9a-f]{12}")


@dataclass
class Engine:
    """One mock. `keys` empty means that any key is accepted; `wall` reads the wall clock in seconds.

    `behaviour` is what its worlds begin with. `heir` is the namespace whose fault rules count where a
    key is refused: such a call belongs to nobody, and a test wants its own plan to be asked. `trainer` says
    where trainings stand. Raises StoreError where the store cannot be used.
    """

    profile: Profile = "strict"
    seed: int = 0
    keys: frozenset[str] = frozenset()
    plan: FaultPlan = field(default_factory=FaultPlan)
    behaviour: Behaviour = field(default_factory=Behaviour)
    store: Store = field(default_factory=MemoryStore)
    wall: Callable[[], float] = time.time
    heir: str = _NOBODY
    trainer: Trainer = field(default_factory=Simulated)

    def __post_init__(self) -> None:
        self._routes: dict[str, dict[str, spec.Operation]] = {}
        for operation in spec.operations().values():
            self._routes.setdefault(operation.path, {})[operation.method] = operation
            if operation.request:
                # Compiled now, so that the first request is as fast as the next.
                spec.validator(self.profile, operation.request)
        self._upload_methods = self._routes.pop(f"{UPLOADS}{{file}}")
        self._authentication = Authentication(self.profile, self.keys)
        # namespace -> its documents, and the world that was made of them
        self._worlds: dict[str, tuple[bytes | None, bytes | None, World]] = {}
        self._start()

    def _start(self) -> None:
        """Notes when the clock was started, unless another process that shares the store did."""
        wall = self.wall()

        def started(document: bytes | None) -> bytes:
            return document or Settings(clock=Clock(start(self.seed), wall)).document()

        self.store.update(_NOBODY, SETTINGS, started)
        self.store.flush()

    def use_plan(self, plan: FaultPlan) -> None:
        """Takes another fault plan; state, counts and what was said at run time stay."""
        self.plan = plan
        self._worlds.clear()

    def reset(self, namespace: str | None = None) -> None:
        """Puts one namespace, or all, back to the start; the plan and the contract stay."""
        self.trainer.forget(namespace)
        self.store.reset(namespace)
        if namespace is None:
            self._start()
        else:
            settings = Settings(clock=Clock(start(self.seed), self.wall()))
            self.store.update(namespace, SETTINGS, lambda _: settings.document())
            self.store.flush()

    def world(self, namespace: str) -> World:
        """The world of a namespace as it is now; of the empty one: as it is for a new key."""
        own, everyone = self.store.read(namespace, SETTINGS)
        cached = self._worlds.get(namespace)
        if cached is not None and cached[0] == own and cached[1] == everyone:
            return cached[2]
        if everyone is None:  # another process has reset the store
            self._start()
            return self.world(namespace)
        world = self._world(namespace, Settings.parse(own if namespace else None), Settings.parse(everyone))
        if len(self._worlds) >= _MAX_WORLDS:
            self._worlds.clear()
        self._worlds[namespace] = (own, everyone, world)
        return world

    def _world(self, namespace: str, own: Settings, everyone: Settings) -> World:
        clock = own.clock or everyone.clock
        if clock is None:
            raise LookupError("the settings of all namespaces hold no clock")
        behaviour = self.behaviour
        for settings in (dict(self.plan.settings), everyone.behaviour, own.behaviour):
            if settings:
                behaviour = behaviour.changed(settings, "the settings")
        plan = () if everyone.hides_plan else self.plan.rules
        return World(namespace, clock, behaviour, own.rules + plan + everyone.rules)

    def admit(self, request: Request) -> int | Reply:
        """How many bytes of body to read (0: none at all), or the answer to a request that is too large."""
        if request.head_size > MAX_HEADERS:
            return self._refused(request, self._owner(request), headers_too_large())
        limit = MAX_UPLOAD if request.path.startswith(UPLOADS) else MAX_BODY
        if request.announced_length > limit:
            return self.refuse_body(request)
        return 0 if request.method in _WITHOUT_BODY else limit

    def refuse_body(self, request: Request) -> Reply:
        """The answer to a body over the limit, of which not all was read."""
        limit = MAX_UPLOAD if request.path.startswith(UPLOADS) else MAX_BODY
        return self._refused(request, self._owner(request), body_too_large(limit))

    def _owner(self, request: Request) -> str | None:
        """The namespace of a request that is refused before its key is judged, as far as it is known."""
        if request.path.startswith(UPLOADS):
            return _uploader(request)
        sent = request.values.get(b"authorization", [])
        found = self._authentication.namespace(sent) if sum(map(len, sent)) <= MAX_HEADERS else None
        return found if isinstance(found, str) else None

    def handle(self, request: Request) -> Reply:
        """The answer to a request whose limits were checked and whose body was read."""
        try:
            return self._handle(request)
        except StoreError as error:
            # There is no journal to note it in.
            return store_failure(error)

    def _handle(self, request: Request) -> Reply:
        received = self.wall()
        path = request.path
        headers = request.values
        if self.profile == "lenient" and path.startswith("//"):
            path = "/" + path.lstrip("/")
        if path.startswith(UPLOADS) and path.count("/") == 2:
            methods, namespace = self._upload_methods, _uploader(request)
        else:
            methods = self._routes.get(path, {})
            found = self._authentication.namespace(headers.get(b"authorization", []))
            if isinstance(found, Refusal):
                return self._refuse_key(request, found, methods.get(request.method))
            namespace = found
        if not methods:
            return self._refused(request, namespace, no_route(path))
        operation = methods.get(request.method)
        if operation is None:
            return self._refused(request, namespace, wrong_method(methods))
        world = self.world(namespace)
        call = Call(request, headers, operation, world, world.now(received))
        if self.profile != "strict" and operation.authenticated:
            call.strict_rules = strict_key_rule(headers[b"authorization"])
            if path != request.path:
                call.strict_rules += ("path.doubled_slash",)
        reply = self._answer(call)
        fault, body = call.fault, request.body
        self.store.append(
            Entry(
                namespace or None,
                operation.id,
                request.method,
                request.path,
                request.query,
                request.headers,
                body if len(body) <= MAX_BODY_KEPT else body[:MAX_BODY_KEPT],
                reply.status,
                reply.reason,
                reply.headers,
                reply.body,
                _named(fault),
                fault.origin if fault else None,
                call.rules,
                call.strict_rules,
                received,
                self.wall() - received,
                reply.delay,
                len(body),
            )
        )
        return reply

    def _answer(self, call: Call) -> Reply:
        headers, fault = call.headers, None
        # Judged in any case, so that the journal knows what a client did wrong during an outage.
        refusal = read(call, self.profile)
        try:
            if b"x-loracle-fault" in headers or b"prefer" in headers:
                fault = self._requested_fault(call)
            name = call.value.get("name") if type(call.value) is dict else None
            if fault is None and type(name) is str and name.startswith("fault:"):
                fault = magic_fault(name, call.operation)
            if fault is None and call.world.rules:
                rules = [rule for rule in call.world.rules if rule.when != "refused-key"]
                fault = self._planned_fault(call, self._task_name(call), rules)
        except UnknownFaultError as error:
            return error_reply("INVALID_REQUEST_BODY", str(error), {"known": error.known})
        # An outage hits bad bodies too, so the plan comes before the refusal.
        if fault is not None and _is_first(fault):
            return self._fail(call, fault)
        call.fault = fault
        reply = refusal or handlers.HANDLERS[call.operation.id](self, call)
        return reply if fault is None else damaged(reply, fault)

    def _task_name(self, call: Call) -> str | None:
        """The name of the task that the call starts or asks for, as far as it can be known."""
        value = call.value if type(call.value) is dict else {}
        name = value.get("name")
        if call.operation.id in STATUS_CALLS:
            task = self.store.task(call.namespace, value.get("task_id", ""))
            name = task.name if task else None
        return name if type(name) is str else None

    def _requested_fault(self, call: Call) -> Fault | None:
        asked = call.headers.get(b"x-loracle-fault")
        if asked:
            name = asked[0].decode("latin-1").strip()
            return fault_by_name(name, call.operation, "the header X-Loracle-Fault")
        prefer = call.headers.get(b"prefer")
        return preferred_fault(b", ".join(prefer).decode("latin-1"), call.operation) if prefer else None

    def _refuse_key(self, request: Request, refusal: Refusal, operation: spec.Operation | None) -> Reply:
        rules, reply, world = (refusal.rule,), refusal.reply, self.world(self.heir)
        # A key is judged before the route, so rules about every operation count without one, too.
        judged = operation or spec.operations()[_ANY_OPERATION]
        call = Call(request, request.values, judged, world, world.now(self.wall()))
        about_it = [
            rule
            for rule in world.rules
            if rule.when == "refused-key" and (operation is not None or rule.operation is None)
        ]
        fault = self._planned_fault(call, None, about_it, has_refused_key=True) if about_it else None
        if fault is not None:
            call.fault = fault
            reply = self._fail(call, fault) if _is_first(fault) else damaged(reply, fault)
        known = operation.id if operation is not None else None
        return self._refused(request, None, reply, known, rules, fault)

    def _planned_fault(
        self, call: Call, name: str | None, rules: Sequence[FaultRule], *, has_refused_key: bool = False
    ) -> Fault | None:
        namespace = call.namespace

        def is_so(condition: str) -> bool:
            if condition == "refused-key":
                return has_refused_key
            if condition == "name-exists":
                is_create = call.operation.id in CREATES
                return is_create and any(task.name == name for task in self.store.tasks(namespace))
            if not call.operation.request:
                return False
            verdict = validate(call.request.body, call.operation.id, self.profile)
            return condition in [lint.rule for lint in verdict.lints]

        def count(rules: list[str]) -> list[int]:
            return self.store.count(namespace, [f"fault:{rule}" for rule in rules])

        def wait(rule: FaultRule) -> float:
            without_time = call.world.is_without_time
            return seconds_too_early(self.store, namespace, rule, call.moment, without_time=without_time)

        return apply(rules, call.operation, name, namespace, self.seed, is_so, count, wait)

    def _fail(self, call: Call, fault: Fault) -> Reply:
        """The answer to a call that has no effect, because something failed before."""
        call.fault = fault
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if fault.retry_after is not None:
            headers = ((b"retry-after", str(fault.retry_after).encode()),)
        if fault.reason == "METHOD_NOT_ALLOWED":
            headers += ((b"allow", call.operation.method.encode()),)
        if fault.reason is None:
            reply = damaged(Reply(200), fault)
            if reply.status != 200:
                reply.headers += headers
            return reply
        reply = error_reply(fault.reason, metadata={"fault": fault.origin}, headers=headers)
        reply.delay = fault.delay
        return reply

    def _refused(
        self,
        request: Request,
        namespace: str | None,
        reply: Reply,
        operation: str | None = None,
        rules: tuple[str, ...] = (),
        fault: Fault | None = None,
    ) -> Reply:
        """Notes an answer that no operation gave."""
        body = request.body[:MAX_BODY_KEPT]
        is_kept = request.head_size <= MAX_HEADERS
        # Without the headers nobody knows the key that the path and the query may hold.
        is_shown = is_kept or request.path in self._routes
        self.store.append(
            Entry(
                namespace=namespace or None,
                operation=operation,
                method=request.method,
                path=request.path if is_shown else REDACTED,
                query=request.query if is_kept else b"",
                headers=request.headers if is_kept else (),
                body=body,
                status=reply.status,
                reason=reply.reason,
                reply_headers=reply.headers,
                reply_body=reply.body,
                fault=_named(fault),
                origin=fault.origin if fault else None,
                rules=rules,
                strict_rules=(),
                received_at=self.wall(),
                seconds=0.0,
                delay=reply.delay,
                body_length=max(len(request.body), request.announced_length),
            )
        )
        return reply


def store_failure(error: StoreError, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Reply:
    """The answer where the store does not do its work."""
    message = f"The store of the mock does not work: {error}."
    return error_reply("SERVICE_UNAVAILABLE", message, headers=headers)


def _named(fault: Fault | None) -> str | None:
    """How the journal calls what went wrong on demand."""
    return (fault.name or "delay") if fault else None


def _is_first(fault: Fault) -> bool:
    """Whether the fault strikes before the request has any effect."""
    return fault.reason is not None or (fault.kind is not None and not fault.kind.is_handled)


def _uploader(request: Request) -> str:
    """The namespace that the upload URL was made for, or the empty one where the URL does not say."""
    credentials = parse_qs(request.query.decode("latin-1")).get("X-Amz-Credential", [""])
    namespace = credentials[0].partition("/")[0]
    return namespace if _NAMESPACE.fullmatch(namespace) else _NOBODY
