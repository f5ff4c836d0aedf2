"""Uploads an image as the contract says, for servers that train on nothing else."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from loracle_contracts import spec
from loracle_contracts.exchange import Request
from loracle_contracts.fuzzing.probe import Probe
from loracle_contracts.oracle import Expectation, Refusal
from loracle_contracts.parse import parse

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["image", "upload_image"]

_SIDE = 512


async def upload_image(session: Session, layer: str) -> str | int | None:
    """The asset id of a small image that was uploaded, or None where the server did not take it."""
    request = session.request("createUploadUrl", {"file_extension": "png"})
    asked = await session.send(Probe(layer, "a URL to upload an image to", request, "createUploadUrl"))
    if asked is None or asked.answer is None or not asked.is_accepted:
        return None
    if any(mismatch.check == "body" for mismatch in asked.mismatches):
        return None
    target: dict[str, Any] = parse(asked.answer.body).value
    url = urlsplit(target["upload_url"])
    path = url.path or "/"
    put = Request("PUT", path + (f"?{url.query}" if url.query else ""), tuple(_headers(target)), image())
    operation = spec.operations()["putUpload"]
    moment = tuple(
        Refusal(int(status), reasons[0]) for status, reasons in operation.errors.items() if status >= "429"
    )
    # Where the URL is a storage's, the contract knows no more of it than that.
    demand = Expectation(operation, None, moment)
    sent = await session.send(
        Probe(layer, "the upload of an image", put, "putUpload", demand), target["upload_url"]
    )
    asset: str | int = target["assets_id"]
    return asset if sent is not None and sent.is_accepted else None


@cache
def image(padding: int = 0) -> bytes:
    """A PNG of one grey, large enough to train on; it holds so many bytes that mean nothing."""
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x80" * _SIDE) * _SIDE, 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in (
            (b"IHDR", header),
            *([(b"tEXt", b"Comment\0" + b"x" * padding)] if padding else []),
            (b"IDAT", pixels),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _headers(target: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The headers that the upload must carry; Host follows from the URL."""
    for name, entry in (target.get("headers") or {}).items():
        if name.lower() != "host":
            yield from ((name, value) for value in entry["values"])
