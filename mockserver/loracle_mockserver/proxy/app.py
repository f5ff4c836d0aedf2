"""The proxy as an ASGI app: request in, judged, passed on; answer back, judged, passed on."""

from __future__ import annotations

import asyncio
from time import perf_counter

from loracle_contracts.exchange import Request
from loracle_contracts.oracle import MAX_UPLOAD, UPLOADS, Expectation, Oracle
from loracle_mockserver.message import Reply, error_reply
from loracle_mockserver.proxy.connection import AnswerHead, UpstreamConnection, UpstreamError
from loracle_mockserver.proxy.exchange import (
    TARGET,
    BodyTooLargeError,
    ClientGoneError,
    Exchange,
    Message,
    Receive,
    Send,
)
from loracle_mockserver.proxy.forwarding import VERDICT, answer_headers, length_of, request_headers
from loracle_mockserver.proxy.judgement import AnswerVerdict, judge_answer, verdict_header
from loracle_mockserver.proxy.observer import Observer
from loracle_mockserver.proxy.own_answers import failure, refusal, refused_answer
from loracle_mockserver.proxy.settings import Settings
from loracle_mockserver.proxy.uploads import UploadRoute
from loracle_mockserver.proxy.upstream import Outgoing, Upstream
from loracle_mockserver.refusals import body_too_large

__all__ = ["ProxyApp"]

_WITHOUT_BODY = (204, 304)


class ProxyApp:
    """Passes requests on to a server. The observer is told of each request, answer and failure."""

    def __init__(self, settings: Settings, observer: Observer) -> None:
        self._settings = settings
        self._observer = observer
        self._enforces = settings.mode == "enforce"
        self._oracle = Oracle(settings.profile)
        self._upstream = Upstream(settings.upstream, settings.timeout)
        self._uploads: tuple[UploadRoute, Upstream] | None = None
        if settings.upload_host is not None:
            route = UploadRoute(settings.upload_host)
            self._uploads = (route, Upstream(settings.upload_host, settings.timeout))

    def close(self) -> None:
        """Closes the connections that are kept."""
        self._upstream.close()
        if self._uploads is not None:
            self._uploads[1].close()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        exchange, upstream = self._exchange(scope, receive)
        try:
            await exchange.read()
            exchange.watch()
            await self._answer(exchange, exchange.request(), upstream, send)
        except ClientGoneError:
            self._observer.abandoned(exchange)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if exchange.end is None or task is None:
                raise
            task.uncancel()
            self._observer.abandoned(exchange)
            if exchange.end == "stopping":
                stopped = error_reply("SERVICE_UNAVAILABLE", "The proxy is being stopped.")
                await _send_own(exchange, send, stopped)

    def _exchange(self, scope: Message, receive: Receive) -> tuple[Exchange, Upstream]:
        target: bytes = scope[TARGET]
        if self._uploads is not None:
            route, upstream = self._uploads
            at_host = route.target(target)
            if at_host is not None:
                judged = route.judged_target(at_host)
                return Exchange(scope, receive, at_host, judged, upstream.origin, is_upload=True), upstream
        judged = target.decode("latin-1")
        is_upload = scope["method"] == "PUT" and judged.startswith(UPLOADS)
        return Exchange(scope, receive, target, judged, self._upstream.origin, is_upload), self._upstream

    async def _answer(self, exchange: Exchange, request: Request, upstream: Upstream, send: Send) -> None:
        length = exchange.length if exchange.is_streamed else None
        expectation = exchange.expectation = self._oracle.expect(request, length)
        # How large a streamed body without a length is, only its end will tell.
        is_open = expectation.refusal is None and exchange.is_streamed
        if not is_open:
            self._observer.request(exchange, request)
        if self._enforces and expectation.refusal is not None:
            await self._refuse(exchange, send, refusal(expectation, request))
            return
        if self._enforces and is_open:
            exchange.most = MAX_UPLOAD
        connection = None
        try:
            connection, head = await self._forwarded(exchange, upstream)
            if is_open:
                expectation = self._judged_anew(exchange, request)
            await self._pass_back(exchange, request, expectation, connection, head, upstream, send)
        except BodyTooLargeError:
            self._judged_anew(exchange, request)
            await self._refuse(exchange, send, body_too_large(MAX_UPLOAD))
        except UpstreamError as error:
            if is_open and connection is None:
                self._judged_anew(exchange, request)
            self._observer.failed(exchange, request, error)
            if exchange.is_over:
                await exchange.break_off()
            else:
                await _send_own(exchange, send, failure(error))

    def _judged_anew(self, exchange: Exchange, request: Request) -> Expectation:
        """Judges a request again whose body was streamed and is known in its length."""
        exchange.expectation = self._oracle.expect(request, exchange.length)
        self._observer.request(exchange, request)
        return exchange.expectation

    async def _refuse(self, exchange: Exchange, send: Send, reply: Reply) -> None:
        self._observer.refused(exchange)
        await _send_own(exchange, send, reply)

    async def _forwarded(
        self, exchange: Exchange, upstream: Upstream
    ) -> tuple[UpstreamConnection, AnswerHead]:
        scope = exchange.scope
        client = (scope.get("client") or (None,))[0]
        outgoing = Outgoing(
            scope["method"],
            exchange.target,
            request_headers(
                scope["headers"],
                client,
                is_forwarded_told=self._settings.tells_forwarded,
                is_read=self._settings.must_read,
            ),
            exchange.pieces() if exchange.is_streamed else exchange.body,
            exchange.announced,
        )
        exchange.began = perf_counter()
        connection, exchange.head = await upstream.send(outgoing)
        exchange.wait = exchange.seconds = perf_counter() - exchange.began
        exchange.sent = min(connection.sent_at - exchange.began, exchange.wait)
        return connection, exchange.head

    async def _pass_back(
        self,
        exchange: Exchange,
        request: Request,
        expectation: Expectation,
        connection: UpstreamConnection,
        head: AnswerHead,
        upstream: Upstream,
        send: Send,
    ) -> None:
        profile = self._settings.profile
        try:
            held = await exchange.read_answer(connection)
            exchange.seconds = perf_counter() - exchange.began
            verdict = judge_answer(expectation, request, head, exchange.answer, profile, exchange.seconds)
            if self._enforces and verdict.mismatches:
                self._observer.answered(exchange, request, verdict)
                connection.close()
                await _send_own(exchange, send, refused_answer(head.status, verdict.mismatches), verdict)
            elif exchange.answer is None:
                await _stream(exchange, connection, _start(exchange, head, verdict), held, send)
                exchange.seconds = perf_counter() - exchange.began
                self._observer.answered(exchange, request, verdict)
            else:
                self._observer.answered(exchange, request, verdict)
                # Whoever is answered may ask again at once, and finds the connection free.
                upstream.release(connection)
                exchange.is_over = True
                body = self._for_client(exchange, head, exchange.answer)
                await send(_start(exchange, head, verdict, len(body)))
                await send({"type": "http.response.body", "body": body})
        except BaseException:
            connection.close()
            raise
        if exchange.answer is None:
            upstream.release(connection)

    def _for_client(self, exchange: Exchange, head: AnswerHead, body: bytes) -> bytes:
        """The body as the client gets it: as it came, unless upload URLs are to lead through the proxy."""
        if self._uploads is None or b"upload_url" not in body or head.status != 200:
            return body
        host = next((value for name, value in exchange.scope["headers"] if name == b"host"), b"")
        return self._uploads[0].rewritten(body, f"http://{host.decode('latin-1')}")


def _start(
    exchange: Exchange, head: AnswerHead, verdict: AnswerVerdict, length: int | None = None
) -> Message:
    headers = answer_headers(head.headers)
    if exchange.scope["method"] == "HEAD" or length is None:
        length = length_of(head.headers)
    if length is not None and head.status not in _WITHOUT_BODY:
        headers.append((b"content-length", b"%d" % length))
    headers.append((VERDICT, verdict_header(_request_text(exchange), verdict.text, "server")))
    return {"type": "http.response.start", "status": head.status, "headers": headers}


async def _stream(
    exchange: Exchange, connection: UpstreamConnection, start: Message, held: list[bytes], send: Send
) -> None:
    """Passes on an answer as it comes; afterwards `answer_length` is how long it was."""
    try:
        await send(start)
        for piece in held:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        held.clear()
        while (more := await connection.piece()) is not None:
            exchange.answer_length += len(more)
            await send({"type": "http.response.body", "body": more, "more_body": True})
    except UpstreamError:
        # The client has a part of the answer and must see that the rest is missing.
        exchange.is_over = True
        raise
    exchange.is_over = True
    await send({"type": "http.response.body", "body": b""})


async def _send_own(
    exchange: Exchange, send: Send, reply: Reply, verdict: AnswerVerdict | None = None
) -> None:
    """Sends an answer that the proxy gives itself."""
    exchange.is_over = True
    answer = verdict.text if verdict is not None else "none"
    headers = [
        *reply.headers,
        (b"content-length", b"%d" % len(reply.body)),
        (VERDICT, verdict_header(_request_text(exchange), answer, "proxy")),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _request_text(exchange: Exchange) -> str:
    expectation = exchange.expectation
    if expectation is None:
        return "unjudged"
    return "valid" if expectation.refusal is None else expectation.refusal.reason
