"""The one way to the server: holds the hosts, the rate and the time limit, and follows Retry-After."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from loracle_contracts.exchange import Answer, Request
from loracle_contracts.fuzzing.probe import Failure

__all__ = ["Client", "HostNotAllowedError", "SpentError", "StoppedError"]

_MAX_ANSWER = 8 * 1024 * 1024
_TRIES = 3
# Of a rate limit: so many requests show one, a little above it is safe, and more would be no rate.
_FEW, _ABOVE, _LONGEST_PAUSE = 3, 1.1, 2.0
# So many bad answers in a row are no answers to the requests any more.
_BAD_IN_A_ROW = {429: 5, 502: 5, 503: 5, 504: 5, 500: 40}
_FAILURES_IN_A_ROW = 5
_PORTS = {"http": 80, "https": 443}


class StoppedError(Exception):
    """The run is over: no more requests may be sent, for the reason that the text gives.

    `outcome` is what came of the last one, where it was sent.
    """

    def __init__(self, text: str, outcome: Answer | Failure | None = None) -> None:
        super().__init__(text)
        self.outcome = outcome


class SpentError(StoppedError):
    """The run is over because it was bounded, not because of the server."""


class HostNotAllowedError(Exception):
    """A request to a host that is not on the list."""


@dataclass
class Client:
    """Sends requests to `url` and to no other host, but for those in `hosts`.

    `rate` bounds the requests a second, `timeout` the seconds for an answer, `max_wait` the seconds that
    all waiting for Retry-After may take together. `transport` replaces the network (an ASGI app);
    `sleep` and `now` replace the clock.
    """

    url: str
    rate: float | None = None
    timeout: float = 10.0
    max_wait: float = 60.0
    max_requests: int = 700
    hosts: tuple[str, ...] = ()
    transport: httpx.AsyncBaseTransport | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], float] = time.perf_counter
    sent: int = 0
    waited: float = 0.0
    _next: float = 0.0
    _pause: float = 0.0
    _last: float = 0.0
    _since: float = 0.0
    _passed: int = 0
    _bad: int = 0
    _failed: int = 0
    _last_bad: int = 0
    _http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self._http = httpx.AsyncClient(
            transport=self.transport,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(self.timeout),
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=32),
        )
        self._http.headers.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def send(self, request: Request, url: str | None = None) -> Answer | Failure:
        """The answer, or why there is none; a 429 or 503 with Retry-After is waited for and asked again.

        `url` is the whole address where it is not below the server's, as of an upload. Raises StoppedError
        where no request may be sent any more, HostNotAllowedError for a host that is not on the list.
        """
        address, target = self._address(request, url)
        outcome = await self._once(request, address, target)
        for attempt in range(1, _TRIES):
            wait = _wait(outcome, attempt) if isinstance(outcome, Answer) else None
            if wait is None or self.waited + wait > self.max_wait:
                break
            self.waited += wait
            await self.sleep(wait)
            self._learn(wait)
            outcome = await self._once(request, address, target)
        self._note(outcome)
        return outcome

    def _address(self, request: Request, url: str | None) -> tuple[httpx.URL, bytes]:
        """Where a request goes, and its target as it is to be sent."""
        if url is None:
            base = httpx.URL(self.url)
            prefix = base.raw_path.partition(b"?")[0].rstrip(b"/")
            target = prefix + request.target.encode("ascii")
            return base.copy_with(raw_path=target), target
        parts = urlsplit(url)
        own = urlsplit(self.url)
        is_own = _place(parts.scheme, parts.hostname, parts.port) == _place(
            own.scheme, own.hostname, own.port
        )
        if is_own or parts.hostname in self.hosts:
            address = httpx.URL(url)
            return address, address.raw_path
        raise HostNotAllowedError(f"{parts.hostname} is not the server's host")

    async def _once(self, request: Request, address: httpx.URL, target: bytes) -> Answer | Failure:
        if self.sent >= self.max_requests:
            raise SpentError(f"all {self.max_requests} requests of --max-requests are spent")
        self.sent += 1
        await self._pace()
        began = self.now()
        try:
            async with asyncio.timeout(self.timeout):
                # A chunked body is what a generator gives.
                is_chunked = bool(request.values("transfer-encoding"))
                content = _pieces(request.body) if is_chunked else request.body
                has_length = bool(request.body) or request.method in ("POST", "PUT", "PATCH") or is_chunked
                asked = self._http.build_request(
                    request.method,
                    address,
                    headers=[
                        (name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers
                    ],
                    content=content if has_length else None,
                    # The library takes dot segments out of a path; what is given here goes as it is.
                    extensions={"target": target},
                )
                asked.method = request.method  # which the library writes in upper case
                answer = await self._http.send(asked, stream=True)
                try:
                    body = await _read(answer)
                finally:
                    await answer.aclose()
        except (TimeoutError, httpx.TimeoutException):
            return Failure("timeout", f"no answer within {self.timeout:g} s", self.now() - began)
        except httpx.ConnectError as error:
            return Failure("refused", str(error) or "no connection", self.now() - began)
        except (httpx.RemoteProtocolError, httpx.DecodingError) as error:
            return Failure("protocol", str(error), self.now() - began)
        except (httpx.TransportError, OSError) as error:
            return Failure("reset", str(error) or type(error).__name__, self.now() - began)
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw
        )
        return Answer(answer.status_code, headers, body, self.now() - began)

    def _learn(self, waited: float) -> None:
        """Keeps a little below the rate at which the server has answered 429.

        Else every few requests would be a refused one, which counts as a request as well.
        """
        now = self.now()
        if self._passed >= _FEW:
            seconds = waited + min(now - self._since, waited)
            self._pause = min(max(self._pause, _ABOVE * seconds / self._passed), _LONGEST_PAUSE)
        self._passed, self._since = 0, now

    async def _pace(self) -> None:
        now = self.now()
        self._passed += 1
        if self._pause:
            gap = self._pause - (now - self._last)
            self._last = now + max(gap, 0)
            if gap > 0:
                await self.sleep(gap)
        if self.rate is None:
            return
        now = self.now()
        wait, self._next = self._next - now, max(self._next, now) + 1 / self.rate
        if wait > 0:
            await self.sleep(wait)

    def _note(self, outcome: Answer | Failure) -> None:
        if isinstance(outcome, Failure):
            self._failed += 1
            if outcome.kind in ("refused", "timeout") and self._failed >= _FAILURES_IN_A_ROW:
                said = f"the server does not answer any more ({outcome.kind}: {outcome.text})"
                raise StoppedError(said, outcome)
            return
        self._failed = 0
        self._bad = self._bad + 1 if outcome.status == self._last_bad else 1
        self._last_bad = outcome.status
        if self._bad >= _BAD_IN_A_ROW.get(outcome.status, self._bad + 1):
            said = f"the server answered {self._bad} requests in a row with {outcome.status}"
            raise StoppedError(said, outcome)


def _wait(answer: Answer, attempt: int) -> float | None:
    """How many seconds to wait before asking again, or None where that is the answer."""
    if answer.status not in (429, 503):
        return None
    said = answer.values("retry-after")
    if said and said[0].strip().isdigit():
        return float(said[0])
    return float(2 ** (attempt - 1)) if answer.status == 429 else None


async def _read(answer: httpx.Response) -> bytes:
    pieces = bytearray()
    async for piece in answer.aiter_bytes():
        pieces += piece
        if len(pieces) > _MAX_ANSWER:
            raise httpx.RemoteProtocolError(f"the answer is longer than {_MAX_ANSWER} bytes")
    return bytes(pieces)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    size = max(100, len(body) // 50)
    for start in range(0, len(body), size):
        yield body[start : start + size]


def _place(scheme: str, host: str | None, port: int | None) -> tuple[str, str, int]:
    return scheme, (host or "").lower(), port or _PORTS.get(scheme, 0)
