"""The journal as other tools read it: JSON lines, HAR 1.2, curl commands. Nothing here shows credentials."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import Any
from urllib.parse import quote, unquote_plus

from loracle_contracts.curl import curl_line, is_token
from loracle_mockserver.journal import Entry, describe
from loracle_mockserver.redaction import REDACTED

__all__ = ["LOCAL", "curl_command", "har_document", "har_entry", "json_line"]

_Headers = Sequence[tuple[bytes, bytes]]
_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]+)?|\[[0-9A-Fa-f:.]+\](?::[0-9]+)?")
_KEY = "$LORACLE_API_KEY"
_MARK = "\0key"  # stands for the key in a header; no header can hold it
LOCAL = "http://127.0.0.1"
_MILLISECONDS = 1000.0


def json_line(n: int, entry: Entry) -> str:
    """The description of an entry on one line of ASCII JSON, without the line's end."""
    return json.dumps(describe(n, entry))


# --- HAR


def har_document(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """An HTTP Archive 1.2 of what `har_entry` made."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "loracle", "version": version("loracle")},
            "entries": list(entries),
        }
    }


def har_entry(n: int, entry: Entry, base: str = LOCAL) -> dict[str, Any]:
    """One request and its answer for an HTTP Archive; times are in milliseconds.

    `base` is how the mock is reached: its scheme, and its host where the request named none. What the
    archive has no place for stands under `_loracle`. The answer is as the mock made it: a fault on the
    way may have kept it from the client, which `comment` then says.
    """
    shown = entry.redacted()
    wait = (entry.seconds + entry.delay) * _MILLISECONDS
    made: dict[str, Any] = {
        "startedDateTime": datetime.fromtimestamp(entry.received_at, UTC).isoformat(timespec="milliseconds"),
        "time": wait,
        "request": _har_request(shown, entry.body_length, base),
        "response": _har_response(shown),
        "cache": {},
        "timings": {"send": 0, "wait": wait, "receive": 0},
        "_loracle": {
            "n": n,
            "namespace": entry.namespace,
            "operation": entry.operation,
            "reason": entry.reason,
            "fault": entry.fault,
            "valid": entry.is_valid(),
        },
    }
    if entry.fault is not None:
        made["comment"] = f"fault {entry.fault}, asked for by {entry.origin}"
    return made


def _har_request(shown: Entry, body_length: int, base: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "method": shown.method,
        "url": _url(shown, base),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _har_headers(shown.headers),
        "queryString": [
            {
                "name": unquote_plus(name, errors="replace"),
                "value": unquote_plus(value, errors="replace"),
            }
            for name, _, value in (
                pair.partition("=") for pair in shown.query.decode(errors="replace").split("&")
            )
            if name
        ],
        "headersSize": -1,
        "bodySize": body_length,
    }
    if shown.body:
        text, encoding = _text_or_base64(shown.body)
        made["postData"] = {"mimeType": _header(shown.headers, b"content-type"), "params": [], "text": text}
        said = [
            *(["base64, because the body is no UTF-8 text"] if encoding else []),
            *([] if shown.is_whole else [f"cut: the body had {body_length} bytes"]),
        ]
        if said:
            made["postData"]["comment"] = "; ".join(said)
    return made


def _har_response(shown: Entry) -> dict[str, Any]:
    # The answer to HEAD has no body, whatever its headers say.
    body = b"" if shown.method == "HEAD" else shown.reply_body
    text, encoding = _text_or_base64(body)
    mime_type = _header(shown.reply_headers, b"content-type") or "x-unknown"
    content: dict[str, Any] = {"size": len(body), "mimeType": mime_type, "text": text}
    if encoding:
        content["encoding"] = encoding
    return {
        "status": shown.status,
        "statusText": _phrase(shown.status),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _har_headers(shown.reply_headers),
        "content": content,
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": len(body),
    }


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # one that a server has made up
        return ""


def _har_headers(headers: _Headers) -> list[dict[str, str]]:
    return [{"name": name.decode("latin-1"), "value": value.decode("latin-1")} for name, value in headers]


def _header(headers: _Headers, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in headers if name.lower() == wanted), "")


def _text_or_base64(body: bytes) -> tuple[str, str | None]:
    try:
        return body.decode(), None
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"


# --- curl


def curl_command(n: int, entry: Entry, base: str = LOCAL) -> str:
    """A command for a POSIX shell, on one line, that sends the request again.

    `base` is how the mock is reached: its scheme, and its host where the request named none. The key
    comes from the environment variable LORACLE_API_KEY. A body that a command line cannot hold comes
    from printf. Where the request cannot be repeated, the line is a comment that says why.
    """
    shown = entry.redacted()
    if not shown.is_whole:
        return (
            f"# #{n} {entry.line()}: the journal kept {len(shown.body)} of {shown.body_length} bytes of body"
        )
    if not is_token(shown.method) or not shown.path.startswith(("/", "*")):
        return f"# #{n} {entry.line()}: no HTTP request can be so"
    return curl_line(
        shown.method,
        _url(shown, base),
        [(name, _with_mark(name, value)) for name, value in shown.headers],
        shown.body,
        variables={_MARK: _KEY},
        request_target="*" if shown.path.startswith("*") else None,
    )


def _with_mark(name: bytes, value: bytes) -> bytes:
    return value.replace(REDACTED.encode(), _MARK.encode()) if name.lower() == b"authorization" else value


def _url(shown: Entry, base: str) -> str:
    scheme, _, fallback = base.partition("://")
    hosts = (_header(shown.headers, b"host"), fallback, "127.0.0.1")
    host = next(filter(_HOST.fullmatch, hosts))
    path = quote(shown.path, errors="surrogatepass") if shown.path.startswith("/") else "/"
    # As it came; only what no URL may hold is encoded.
    query = quote(shown.query, safe="".join(map(chr, range(33, 127))))
    return f"{scheme}://{host}{path}{'?' if query else ''}{query}"
