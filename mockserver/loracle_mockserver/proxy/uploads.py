"""Uploads: they go to the URL that the server has given, past the proxy unless that is asked to take them."""

from __future__ import annotations

from urllib.parse import urlsplit

import orjson

from loracle_contracts.oracle import UPLOADS
from loracle_mockserver.proxy.upstream import Origin

__all__ = ["UploadRoute"]

_PREFIX = "/_loracle/uploads"


class UploadRoute:
    """Leads uploads to one other host through the proxy.

    The `upload_url` of an answer that names this host becomes one of the proxy's; what is sent there goes to
    the host, path and query unchanged, with its own name in the Host header, so that a signature over it
    holds.
    No other host can be reached so.
    """

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def target(self, target: bytes) -> bytes | None:
        """The target at the upload host, or None where the request is for the API."""
        prefix = _PREFIX.encode()
        return target[len(prefix) :] if target.startswith(prefix + b"/") else None

    def judged_target(self, target: bytes) -> str:
        """The target as the contract knows uploads: one file below their folder."""
        path, question_mark, query = target.decode("latin-1").partition("?")
        return f"{UPLOADS}{path.rpartition('/')[2] or 'upload'}{question_mark}{query}"

    def rewritten(self, body: bytes, proxy: str) -> bytes:
        """The body of an answer, with an upload URL at this host leading through the proxy at `proxy`."""
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            return body
        url = value.get("upload_url") if isinstance(value, dict) else None
        if not isinstance(url, str):
            return body
        try:
            parts = urlsplit(url)
            origin = Origin.parse(f"{parts.scheme}://{parts.netloc}")
        except ValueError:
            return body
        if origin != self.origin._replace(prefix=""):
            return body
        rest = url.partition("://")[2].partition("/")[2]
        value["upload_url"] = f"{proxy}{_PREFIX}/{rest}"
        return orjson.dumps(value)
