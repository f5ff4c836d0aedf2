"""A right client over the standard library, with a thread to bound each call."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from skeleton import SECONDS, Client, UnclearError, main


class StandardClient(Client):
    """Waits for each call in a thread of its own, and leaves it behind where it takes too long."""

    def send(self, method: str, url: str, **given: Any) -> tuple[int, dict[str, str], bytes]:
        if given.get("params"):
            url += "?" + urllib.parse.urlencode(given["params"])
        data, sent = None, dict(given.get("headers", {}))
        if "json" in given:
            data, sent["Content-Type"] = json.dumps(given["json"]).encode(), "application/json"
        request = urllib.request.Request(url, data, sent, method=method)
        pool = ThreadPoolExecutor(1)
        try:
            return pool.submit(_answer, request).result(SECONDS)
        except TimeoutError:
            raise UnclearError("the answer takes too long") from None
        except (OSError, http.client.HTTPException) as error:
            raise UnclearError(type(error).__name__) from None
        finally:
            pool.shutdown(wait=False)


def _answer(request: urllib.request.Request) -> tuple[int, dict[str, str], bytes]:
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return (
                answer.status,
                {name.lower(): value for name, value in answer.headers.items()},
                answer.read(),
            )
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


main(StandardClient())
