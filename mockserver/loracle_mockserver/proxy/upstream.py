"""The server behind the proxy: where it is, the connections to it, a request on its way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import NamedTuple
from urllib.parse import urlsplit

from loracle_mockserver.proxy.connection import AnswerHead, Headers, UpstreamConnection, UpstreamError

__all__ = ["Origin", "Outgoing", "Upstream"]

_MAX_IDLE = 100
# Servers commonly close what was idle for five seconds, and would do so just when it is used again.
_IDLE_SECONDS = 4.0
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REPEATABLE = ("GET", "HEAD", "OPTIONS")


class Origin(NamedTuple):
    """Scheme, host and port of a server, and the path that all its paths begin with, often an empty one."""

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> Origin:
        """The origin of an http or https URL. Raises ValueError, whose text says what is wrong with it."""
        if not url.isascii() or any(character <= " " for character in url):
            raise ValueError(f"{url!r} has characters that no URL may have")
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError(f"{url!r} is no URL such as https://api.example.com")
        if parts.query or parts.fragment:
            raise ValueError(f"{url!r} has a query or a fragment; name the server only")
        if parts.username is not None or parts.password is not None:
            raise ValueError("the URL holds credentials; the key goes with each request")
        try:
            port = parts.port
        except ValueError:
            raise ValueError(f"{url!r} has no port between 1 and 65535") from None
        if port == 0:
            raise ValueError(f"{url!r} has no port between 1 and 65535")
        return cls(parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme], parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """What goes into the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.prefix}"


class Outgoing(NamedTuple):
    """A request on its way out: `headers` without those of the hop, which are made here.

    `body` is whole, or comes in pieces. `length` is what the client announced; None means that it did not.
    """

    method: str
    target: bytes
    headers: Headers
    body: bytes | AsyncIterator[bytes]
    length: int | None

    def head(self, origin: Origin) -> bytes:
        """Request line and headers as they go over the wire."""
        lines = [b"%b %b%b HTTP/1.1" % (self.method.encode(), origin.prefix.encode(), self.target)]
        lines.append(b"host: " + origin.authority.encode())
        lines += [b"%b: %b" % header for header in self.headers]
        if self.length is not None:
            lines.append(b"content-length: %d" % self.length)
        elif not isinstance(self.body, bytes):
            lines.append(b"transfer-encoding: chunked")
        elif self.body:
            lines.append(b"content-length: %d" % len(self.body))
        return b"\r\n".join([*lines, b"", b""])


class Upstream:
    """Connections to one server, kept alive and used again."""

    def __init__(self, origin: Origin, timeout: float) -> None:
        self.origin = origin
        self._timeout = timeout
        self._idle: list[UpstreamConnection] = []
        self._tls = ssl.create_default_context() if origin.scheme == "https" else None

    async def send(self, outgoing: Outgoing) -> tuple[UpstreamConnection, AnswerHead]:
        """Sends a request and waits for the head of its answer; no redirect is followed.

        Raises UpstreamError. A request without a body that a server may get twice is sent again where a kept
        connection turned out to be over.
        """
        while True:
            connection, is_kept = await self._connection()
            try:
                return connection, await _exchanged(connection, outgoing, self.origin)
            except UpstreamError as error:
                connection.close()
                is_lost = is_kept and error.cause == "reset" and not connection.has_received
                if not is_lost or outgoing.method not in _REPEATABLE or outgoing.body != b"":
                    raise
            except BaseException:
                connection.close()
                raise

    def release(self, connection: UpstreamConnection) -> None:
        """Takes a connection back whose answer was read to its end; closes it where that is not so."""
        if connection.is_reusable and len(self._idle) < _MAX_IDLE:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Closes the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    async def _connection(self) -> tuple[UpstreamConnection, bool]:
        """A connection, and whether it was used before. Raises UpstreamError."""
        loop = asyncio.get_running_loop()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_reusable and loop.time() - connection.idle_since < _IDLE_SECONDS:
                return connection, True
            connection.close()
        host, port = self.origin.host, self.origin.port
        try:
            async with asyncio.timeout(self._timeout):
                _, made = await loop.create_connection(
                    lambda: UpstreamConnection(self._timeout),
                    host,
                    port,
                    ssl=self._tls,
                    server_hostname=host if self._tls else None,
                )
        except TimeoutError:
            text = f"{self.origin} could not be connected to within {self._timeout:g} seconds."
            raise UpstreamError("timeout", text) from None
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UpstreamError("unreachable", f"{self.origin} cannot be reached: {reason}.") from None
        return made, False


async def _exchanged(connection: UpstreamConnection, outgoing: Outgoing, origin: Origin) -> AnswerHead:
    connection.begin(outgoing.method)
    head, body = outgoing.head(origin), outgoing.body
    if isinstance(body, bytes):
        await connection.write(head + body if len(body) < 65_536 else head)
        if len(body) >= 65_536:
            await connection.write(body)
        return await connection.answered()
    await connection.write(head)
    # A server may answer before it has got all, and a client may wait for that.
    loop = asyncio.get_running_loop()
    sending = loop.create_task(_send(connection, body, is_chunked=outgoing.length is None))
    settling = loop.create_task(connection.settled())
    try:
        await asyncio.wait((sending, settling), return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
        else:
            # Nothing else can follow on this connection.
            connection.is_cut_short = True
    finally:
        for task in (sending, settling):
            task.cancel()
        await asyncio.gather(sending, settling, return_exceptions=True)
    return await connection.answered()


async def _send(connection: UpstreamConnection, body: AsyncIterator[bytes], *, is_chunked: bool) -> None:
    async for piece in body:
        if piece:
            await connection.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
    if is_chunked:
        await connection.write(b"0\r\n\r\n")
