"""A right client over requests."""

from __future__ import annotations

import time
from typing import Any

import requests
from skeleton import IMAGE, SECONDS, Client, UnclearError, main


class RequestsClient(Client):
    """Bounds the whole call by reading the answer piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.session = requests.Session()

    def send(self, method: str, url: str, **given: Any) -> tuple[int, dict[str, str], bytes]:
        deadline = time.monotonic() + SECONDS
        try:
            with self.session.request(method, url, timeout=SECONDS, stream=True, **given) as answer:
                body = bytearray()
                for piece in answer.iter_content(1):
                    body += piece
                    if time.monotonic() > deadline:
                        raise UnclearError("the answer takes too long")
        except requests.RequestException as error:
            raise UnclearError(type(error).__name__) from None
        return (
            answer.status_code,
            {name.lower(): value for name, value in answer.headers.items()},
            bytes(body),
        )

    def put(self, url: str) -> tuple[int, dict[str, str], bytes]:
        try:
            answer = self.session.put(url, data=IMAGE, timeout=10)
        except requests.RequestException as error:
            raise UnclearError(type(error).__name__) from None
        return answer.status_code, {}, answer.content


main(RequestsClient())
