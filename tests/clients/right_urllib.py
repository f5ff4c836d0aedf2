"""A right client over the standard library, with a thread to bound each call."""

from __future__ import annotations

import http.client
import json
import queue
import threading
import urllib.error
import urllib.parse
import urllib.request
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
        answers: queue.Queue[Any] = queue.Queue()
        # A thread that is left behind must not keep the program alive.
        threading.Thread(target=lambda: answers.put(_answer(request)), daemon=True).start()
        try:
            answer = answers.get(timeout=SECONDS)
        except queue.Empty:
            raise UnclearError("the answer takes too long") from None
        if isinstance(answer, Exception):
            raise UnclearError(type(answer).__name__)
        status, names, body = answer
        return status, names, body


def _answer(request: urllib.request.Request) -> Any:
    """Status, headers and body, or what went wrong."""
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return answer.status, _lower(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _lower(error.headers), error.read()
    except (OSError, http.client.HTTPException) as error:
        return error


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


main(StandardClient())
