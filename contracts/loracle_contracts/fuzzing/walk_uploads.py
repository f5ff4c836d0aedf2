"""Uploads: every extension has a URL, which takes bytes without authentication and with any media type."""

from __future__ import annotations

import base64
import zlib
from urllib.parse import urlsplit

from loracle_contracts import spec
from loracle_contracts.exchange import Request
from loracle_contracts.fuzzing.probe import Exchange
from loracle_contracts.fuzzing.upload import image
from loracle_contracts.fuzzing.walk_record import Record
from loracle_contracts.oracle import Expectation, Refusal
from loracle_contracts.parse import parse

__all__ = ["upload"]

# Grey images of 512 by 512, compressed because they are so even.
_JPEG = zlib.decompress(
    base64.b64decode(
        "eNr7f+P/AwYBLzdPNwZGRgYGRiBk+H+bwZlBgJuHj4dLgI+XT0hQQFhCQ0pCTEzCUFlVVsPK2NbG0tjC3MEjxs/BJdzV3CIgNzA8"
        "Pik9I93Ot7CyIKUiJjU9GWQIo6CQkISohL6UlH6yk4VTMsng/wEGQQ4mBiYGZkYlBiZBRmZBxv9HGERAjkQFIFEBrKKMWEUFMUVv"
        "MfAwMwItYRZksGcYBaNgFIyCUTAywf+bAGFgOuI="
    )
)
_WEBP = zlib.decompress(
    base64.b64decode("eNoL8nRz02NgYAh3dQoIC7DwUQKy9f8frGdgDzjAJLbhP2Ojw6b933lcv9g/tv//83z9v8/z//+RBwDRJxbc")
)
_ESCAPED = "second png"
_LARGE = 2 * 1024 * 1024
_WAYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("with its media type", (("Content-Type", "image/png"),)),
    ("without a media type", ()),
    ("with another media type", (("Content-Type", "text/plain"),)),
    ("the same once more", (("Content-Type", "image/png"),)),
)


async def upload(record: Record) -> str | int | None:
    """Uploads an image for every extension; gives the asset id of the PNG where it was taken."""
    targets: dict[str, tuple[str | int, str, Exchange]] = {}
    for name in ("png", "jpeg", "webp", _ESCAPED):
        extension = name.split()[-1]
        # Once with the first letter as an escape, which is the same text.
        escaped = f'{{"file_extension": "\\u{ord(extension[0]):04x}{extension[1:]}"}}'.encode()
        body = escaped if name == _ESCAPED else {"file_extension": extension}
        request = record.session.request("createUploadUrl", body)
        exchange = await record.send(f"a URL to upload a {name} to", request, "walk.upload.url")
        if exchange is None or exchange.answer is None or not exchange.is_accepted:
            continue
        value = parse(exchange.answer.body).value
        asset, url = (
            (value.get("assets_id"), value.get("upload_url")) if isinstance(value, dict) else (None, None)
        )
        if isinstance(asset, str | int) and isinstance(url, str) and urlsplit(url).hostname:
            targets[name] = asset, url, exchange
    _judge(record, targets)
    taken = None
    for way, headers in _WAYS if "png" in targets else ():
        sent = await _put(record, targets["png"][1], f"an upload {way}", image(), headers)
        if sent is None:
            break
        if sent.is_accepted and taken is None:
            taken = targets["png"][0]
        elif taken is not None and sent.answer is not None and not sent.is_accepted and not sent.mismatches:
            # What is wrong with an image is a documented reason, but the same image was taken before.
            title, got = (
                "an image is taken whatever its media type is said to be",
                f"{sent.answer.status} {way}",
            )
            record.tell("walk.upload.type", title, "200, as before", got, sent)
    if taken is not None:
        await _put_elsewhere(record, targets["png"][1])
        title, large = "an upload of 2 MiB", image(padding=_LARGE)
        await _put(record, targets["png"][1], title, large, (("Content-Type", "image/png"),))
    for extension, data in (("jpeg", _JPEG), ("webp", _WEBP)):
        if extension in targets:
            headers = (("Content-Type", f"image/{extension}"),)
            if (
                await _put(record, targets[extension][1], f"an upload of a {extension}", data, headers)
                is None
            ):
                break
    return taken


async def _put_elsewhere(record: Record, url: str) -> None:
    """An upload to a URL that was not handed out; of a storage elsewhere the contract says nothing."""
    parts = urlsplit(url)
    if parts.hostname != urlsplit(record.session.options.url).hostname:
        return
    folder, _, file = parts.path.rpartition("/")
    other = parts._replace(path=f"{folder}/loracle-fuzz-{file}")
    demand = Expectation(
        spec.operations()["putUpload"], Refusal(404, "API_NOT_FOUND"), also=(400, 401, 403, 410)
    )
    headers = (("Content-Type", "image/png"),)
    request = Request("PUT", other._replace(scheme="", netloc="", fragment="").geturl(), headers, image())
    title = "an upload to a URL that was not handed out"
    await record.send(title, request, "walk.upload.unknown", demand, other.geturl())


def _judge(record: Record, targets: dict[str, tuple[str | int, str, Exchange]]) -> None:
    found = list(targets.values())
    for place, (asset, url, exchange) in enumerate(found):
        for earlier, other, first in found[:place]:
            if str(earlier) == str(asset):
                title, got = "every upload has an asset id of its own", f"{asset} again"
                record.tell("walk.upload.asset", title, "another id", got, first, exchange)
            elif other == url:
                title, got = "every upload has a URL of its own", "the same again"
                record.tell("walk.upload.same-url", title, "another URL", got, first, exchange)


async def _put(
    record: Record, url: str, title: str, data: bytes, headers: tuple[tuple[str, str], ...]
) -> Exchange | None:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    operation = spec.operations()["putUpload"]
    refusals = [
        Refusal(int(status), reason)
        for status, reasons in operation.errors.items()
        for reason in reasons
        if status >= "429" or "IMAGE" in reason
    ]
    demand = Expectation(operation, None, tuple(refusals))
    return await record.send(title, Request("PUT", target, headers, data), "walk.upload.put", demand, url)
