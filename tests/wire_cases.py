"""Requests as raw bytes, good and bad, with the answers that the contract (decision 0.9) gives them."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Any

from live import raw_request

SUBJECT = "/v3/training/subject"
KEY = ("Authorization", "Bearer wire")
JSON = ("Content-Type", "application/json")
PLAIN = (KEY, JSON)

_MEMBERS = {
    "name": '"wire"',
    "base_model": '"v1-5-pruned-emaonly"',
    "width": "512",
    "height": "512",
    "image_dataset_items": '[{"assets_id": 26}]',
    "components": "[]",
}


def create_body(*, drop: str = "", **members: str) -> bytes:
    """A valid create with one member a line from line 2 on, in which `members` replace values or follow."""
    written = {name: value for name, value in {**_MEMBERS, **members}.items() if name != drop}
    return ("{\n" + ",\n".join(f'  "{name}": {value}' for name, value in written.items()) + "\n}").encode()


def chunked(body: bytes, size: int = 100) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def create(body: bytes, *headers: tuple[str, str], target: str = SUBJECT) -> bytes:
    return raw_request("POST", target, *(headers or PLAIN), body=body)


@dataclass(frozen=True)
class Bad:
    """One bad request, its status and reason, and of its violations one: rule, pointer, line, column."""

    name: str
    raw: bytes
    status: int
    reason: str
    violation: tuple[str, str, int | None, int | None] | None = None
    allow: str | None = None
    may_reset: bool = False


def _body(name: str, body: bytes, rule: str, pointer: str, line: int, column: int) -> Bad:
    return Bad(name, create(body), 400, "INVALID_REQUEST_BODY", (rule, pointer, line, column))


def _header(name: str, raw: bytes, status: int, reason: str, rule: str) -> Bad:
    return Bad(name, raw, status, reason, (f"header.{rule}", _HEADER_POINTERS[rule], None, None))


def _get(name: str, query: str, rule: str, pointer: str) -> Bad:
    raw = raw_request("GET", query, KEY)
    return Bad(name, raw, 400, "INVALID_REQUEST_BODY", (rule, pointer, None, None))


_HEADER_POINTERS = {
    "authorization.required": "/authorization",
    "authorization.scheme": "/authorization",
    "content_type": "/content-type",
    "content_encoding": "/content-encoding",
}
_ARGS = '[{"name": "resize", "args": {"width": "512"}}]'
_COMPONENT = '[{"name": "crop", "args": []}]'
_SCHEDULER = '{"instance_prompt": "p", "lr_scheduler": "warm"}'
_PRIOR = '{"instance_prompt": "p", "prior_loss_weight": 0}'
_GOOD = create_body()
_DEEP = "/0" * 64
_MIB = 1024 * 1024

# The 31 bad requests that every server of this API gets from somebody.
BAD = [
    _body("missing name", create_body(drop="name"), "name.required", "/name", 1, 1),
    _body("name an integer", create_body(name="7"), "name.type", "/name", 2, 11),
    _body("name null", create_body(name="null"), "name.type", "/name", 2, 11),
    _body("width negative", create_body(width="-1"), "width.minimum", "/width", 4, 12),
    _body("width as text", create_body(width='"512"'), "width.type", "/width", 4, 12),
    _body("width true", create_body(width="true"), "width.type", "/width", 4, 12),
    _body(
        "unknown component",
        create_body(components=_COMPONENT),
        "components.name",
        "/components/0/name",
        7,
        27,
    ),
    _body(
        "args an object",
        create_body(components=_ARGS),
        "components.resize.args.type",
        "/components/0/args",
        7,
        45,
    ),
    _body(
        "bad scheduler",
        create_body(expert_setting=_SCHEDULER),
        "lr_scheduler.enum",
        "/expert_setting/lr_scheduler",
        8,
        62,
    ),
    _body(
        "prior_loss_weight 0",
        create_body(expert_setting=_PRIOR),
        "prior_loss_weight.exclusiveMinimum",
        "/expert_setting/prior_loss_weight",
        8,
        67,
    ),
    _body(
        "empty dataset",
        create_body(image_dataset_items="[]"),
        "image_dataset_items.minItems",
        "/image_dataset_items",
        6,
        26,
    ),
    _body("extra property", create_body(extra="1"), "request.additionalProperties", "/extra", 8, 3),
    _body("not JSON", b"name=wire", "json.syntax", "", 1, 1),
    _body("truncated", _GOOD[:-2], "json.syntax", "", 7, 19),
    _body("empty body", b"", "json.empty", "", 1, 1),
    _header(
        "text/plain",
        create(_GOOD, KEY, ("Content-Type", "text/plain")),
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        "content_type",
    ),
    _header("no content type", create(_GOOD, KEY), 415, "UNSUPPORTED_MEDIA_TYPE", "content_type"),
    _header("no key", create(_GOOD, JSON), 400, "MISSING_API_KEY", "authorization.required"),
    _header(
        "Basic",
        create(_GOOD, JSON, ("Authorization", "Basic d2lyZTp3aXJl")),
        403,
        "INVALID_API_KEY",
        "authorization.scheme",
    ),
    _body("NaN", create_body(width="NaN"), "json.number", "/width", 4, 12),
    _body("1e400", create_body(width="1e400"), "json.number", "/width", 4, 12),
    _body("duplicate key", _GOOD.replace(b'"height"', b'"width"'), "json.duplicate_key", "/width", 5, 3),
    _body(
        "duplicate key, the second valid",
        create_body(width='-1,\n  "width": 512'),
        "json.duplicate_key",
        "/width",
        5,
        3,
    ),
    _body("invalid UTF-8", _GOOD.replace(b"wire", b"wi\xffre"), "json.encoding", "", 2, 14),
    _body("lone surrogate", create_body(name=r'"\ud83d"'), "json.surrogate", "/name", 2, 11),
    Bad("DELETE", raw_request("DELETE", SUBJECT, KEY), 405, "METHOD_NOT_ALLOWED", allow="GET, POST"),
    Bad("wrong path", create(_GOOD, target="/v3/training/subjects"), 404, "API_NOT_FOUND"),
    Bad("100 KB header", create(_GOOD, *PLAIN, ("X-Long", "a" * 100_000)), 431, "HEADERS_TOO_LARGE"),
    _body("100,000 arrays deep", b"[" * 100_000, "json.depth", _DEEP, 1, 65),
    _body("100,000 objects deep", b'{"0":' * 100_000, "json.depth", _DEEP, 1, 321),
    Bad("50 MB body", create(b" " * 50_000_000), 413, "REQUEST_TOO_LARGE", may_reset=True),
]

# What decision 0.9 says besides.
DECIDED = [
    _body("byte order mark", b"\xef\xbb\xbf" + _GOOD, "json.byte_order_mark", "", 1, 1),
    _header(
        "gzip",
        create(gzip.compress(_GOOD), *PLAIN, ("Content-Encoding", "gzip")),
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        "content_encoding",
    ),
    _header(
        "gzip hidden by a second header",
        create(gzip.compress(_GOOD), *PLAIN, ("Content-Encoding", "gzip"), ("Content-Encoding", "identity")),
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        "content_encoding",
    ),
    _header(
        "another charset",
        create(_GOOD, KEY, ("Content-Type", "application/json; charset=latin-1")),
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        "content_type",
    ),
    Bad("trailing slash", create(_GOOD, target=SUBJECT + "/"), 404, "API_NOT_FOUND"),
    Bad("doubled slash", create(_GOOD, target="/" + SUBJECT), 404, "API_NOT_FOUND"),
    _header(
        "no key on an unknown route",
        raw_request("GET", "/nowhere"),
        400,
        "MISSING_API_KEY",
        "authorization.required",
    ),
    _header(
        "blank key",
        raw_request("GET", "/v3/training", ("Authorization", " ")),
        400,
        "MISSING_API_KEY",
        "authorization.required",
    ),
    _header(
        "bare key",
        create(_GOOD, JSON, ("Authorization", "wire")),
        403,
        "INVALID_API_KEY",
        "authorization.scheme",
    ),
    _header("two keys", create(_GOOD, *PLAIN, KEY), 403, "INVALID_API_KEY", "authorization.scheme"),
    Bad("OPTIONS", raw_request("OPTIONS", SUBJECT, KEY), 405, "METHOD_NOT_ALLOWED", allow="GET, POST"),
    Bad("PATCH the list", raw_request("PATCH", "/v3/training", KEY), 405, "METHOD_NOT_ALLOWED", allow="GET"),
    Bad(
        "chunked 2 MB",
        raw_request(
            "POST", SUBJECT, *PLAIN, ("Transfer-Encoding", "chunked"), body=chunked(b" " * 2 * _MIB, 65536)
        ),
        413,
        "REQUEST_TOO_LARGE",
        may_reset=True,
    ),
    _get("doubled query key", f"{SUBJECT}?task_id=a&task_id=a", "query.duplicate", "/task_id"),
    _get("doubled query key, encoded", f"{SUBJECT}?task_id=a&t%61sk_id=b", "query.duplicate", "/task_id"),
    _get("query not UTF-8", f"{SUBJECT}?task_id=%ff", "query.encoding", "/task_id"),
    _get("surrogate in the query", f"{SUBJECT}?task_id=%ed%a0%80", "query.encoding", "/task_id"),
    _get("empty task_id", f"{SUBJECT}?task_id=", "query.task_id.minLength", "/task_id"),
    _get(
        "limit beyond ASCII",
        "/v3/training?pagination.limit=%D9%A3",
        "query.pagination.limit.type",
        "/pagination.limit",
    ),
    _get(
        "limit with a plus",
        "/v3/training?pagination.limit=%2B5",
        "query.pagination.limit.type",
        "/pagination.limit",
    ),
    *(
        Bad(f"path with {odd}", raw_request("GET", f"{SUBJECT}{odd}", KEY), 404, "API_NOT_FOUND")
        for odd in ("%00", "%ff", "%zz", "%", "%2F", ";a=b", "/../subject")
    ),
    *(
        Bad(f"task_id {odd}", raw_request("GET", f"{SUBJECT}?task_id={odd}", KEY), 404, "TASK_NOT_FOUND")
        for odd in ("%00", "%zz", "%", "%F0%9F%98%80", "a;b")
    ),
]

GOOD: dict[str, Any] = {
    "plain": create(_GOOD),
    "charset": create(_GOOD, KEY, ("Content-Type", "application/json; charset=utf-8")),
    "charset quoted, capitals": create(_GOOD, KEY, ("content-TYPE", 'Application/JSON;Charset="UTF-8"')),
    "chunked": raw_request("POST", SUBJECT, *PLAIN, ("Transfer-Encoding", "chunked"), body=chunked(_GOOD)),
    "512.0": create(create_body(width="512.0")),
    "Accept nobody can satisfy": create(_GOOD, *PLAIN, ("Accept", "image/avif;q=1, */*;q=0")),
    "path percent-encoded": create(_GOOD, target="/v3/training/%73ubject"),
    "identity": create(_GOOD, *PLAIN, ("Content-Encoding", "identity")),
    "scheme in lower case": create(_GOOD, JSON, ("Authorization", "bearer wire")),
    "nearly 1 MiB": create(_GOOD + b" " * (_MIB - len(_GOOD))),
    "HTTP/1.0": create(_GOOD).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
}
