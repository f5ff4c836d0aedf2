"""A right client over httpx's asynchronous client, every call within asyncio.timeout."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from skeleton import SECONDS, Client, UnclearError, main


class AsyncClient(Client):
    """One loop, one connection pool."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.asynchronous = httpx.AsyncClient(timeout=None, trust_env=False)

    def send(self, method: str, url: str, **given: Any) -> tuple[int, dict[str, str], bytes]:
        return self.loop.run_until_complete(self._send(method, url, **given))

    async def _send(self, method: str, url: str, **given: Any) -> tuple[int, dict[str, str], bytes]:
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self.asynchronous.request(method, url, **given)
        except (TimeoutError, httpx.TransportError) as error:
            raise UnclearError(type(error).__name__) from None
        return answer.status_code, dict(answer.headers), answer.content


main(AsyncClient())
