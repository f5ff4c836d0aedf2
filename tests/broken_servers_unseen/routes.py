"""Routes and methods: what frameworks and proxies do on their own."""

from __future__ import annotations

import httpx

from broken_servers_unseen.client import outcome, send, subject
from broken_servers_unseen.registry import behaviour, on_call
from broken_servers_unseen.wire import Answer, Call, Forward, Handler, operation_of, reply


def _asks(path: str, method: str = "GET") -> object:
    async def witness(client: httpx.AsyncClient) -> object:
        response = await client.request(method, f"http://mock.test{path}")
        return outcome(response), response.headers.get("allow")

    return witness


# contract 0.9: "route (404 `API_NOT_FOUND`)"; the paths are those of the document
@on_call("", _asks("/V3/Training"))
async def paths_count_in_any_case(call: Call) -> Answer | None:
    """As Express does, unless it is told otherwise."""
    if operation_of(call.method, call.path.lower()):
        call.path = call.path.lower()
    return None


# contract 0.9: "A trailing slash is another route (404)."
@on_call("", _asks("/v3/model/"))
async def trailing_slash_redirects(call: Call) -> Answer | None:
    """As FastAPI does, unless it is told otherwise."""
    if call.path.endswith("/") and operation_of(call.method, call.path.rstrip("/")):
        location = call.path.rstrip("/") + ("?" + call.query if call.query else "")
        return Answer(307, [(b"location", location.encode())], b"")
    return None


# contract 0.9: "`//v3/...`: 404 in strict"
@on_call("", _asks("//v3/training"))
async def slashes_are_merged(call: Call) -> Answer | None:
    """As nginx does, unless it is told otherwise."""
    while "//" in call.path:
        call.path = call.path.replace("//", "/")
    return None


async def _unknown_below(client: httpx.AsyncClient) -> object:
    response = await client.get("/v3/training/subject/3fa85f64")
    return response.status_code, sorted(response.json())


# contract 0.9: "Errors use the vendor's envelope `{code, reason, message, metadata}`"
@behaviour("", _unknown_below)
def frameworks_own_404() -> Handler:
    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        is_below = call.path.startswith("/v3/training/")
        if is_below and answer.status == 404 and answer.document["reason"] == "API_NOT_FOUND":
            return reply({"detail": "Not Found"}, 404)
        return answer

    return handle


def _gets_with_body(path: str) -> object:
    async def witness(client: httpx.AsyncClient) -> object:
        request = client.build_request("GET", path, content=b'{"pagination.limit":1}')
        return outcome(await client.send(request))

    return witness


# contract 0.9: "`GET` with a body: the body is ignored."
@on_call("listTrainings", _gets_with_body("/v3/training"))
async def get_must_not_have_a_body(call: Call) -> Answer | None:
    """As some gateways do against request smuggling."""
    if call.value(b"content-length") not in (None, "0"):
        document = {
            "code": 400,
            "reason": "INVALID_REQUEST_BODY",
            "message": "GET has no body",
            "metadata": {},
        }
        return reply(document, 400)
    return None


async def _big_header(client: httpx.AsyncClient) -> object:
    return outcome(await client.get("/v3/training", headers={"x-trace": "a" * 12_000}))


# openapi errors HEADERS_TOO_LARGE: "The headers are larger than 32 KiB."
@on_call("", _big_header)
async def proxy_takes_small_headers_only(call: Call) -> Answer | None:
    """nginx: large_client_header_buffers 4 8k."""
    if any(len(name) + len(value) > 8190 for name, value in call.headers):
        page = b"<html><head><title>400 Request Header Or Cookie Too Large</title></head></html>"
        return Answer(400, [(b"content-type", b"text/html")], page)
    return None


async def _escaped_name(client: httpx.AsyncClient) -> object:
    return (await client.get("http://mock.test/v3/training?pagination%2Elimit=0")).status_code


# openapi listTrainings: "pagination.limit ... in: query" (a name may be percent-encoded)
@on_call("listTrainings", _escaped_name)
async def names_in_queries_stay_escaped(call: Call) -> Answer | None:
    """The query is split by hand, and only the values are decoded."""
    pairs = [pair for pair in call.query.split("&") if "%" not in pair.partition("=")[0]]
    call.query = "&".join(pairs)
    return None


async def _many_captions(client: httpx.AsyncClient) -> object:
    items = [{"assets_id": f"{n:032x}", "caption": "é" * 1024} for n in range(50)]
    return (await send(client, subject({"image_dataset_items": items}))).status_code


# contract 0.3: "body <= 1 MiB"
@on_call("createSubjectTraining", _many_captions)
async def bodies_end_at_100_kb(call: Call) -> Answer | None:
    """Express: express.json() takes 100 kB, unless it is told otherwise."""
    if len(await call.body()) > 100 * 1024:
        document = {"code": 413, "reason": "REQUEST_TOO_LARGE", "message": "too large", "metadata": {}}
        return reply(document, 413)
    return None
