"""A hop without any judgement, with httpx as the client: what the proxy is compared with.

    python benchmarks/httpx_hop.py PORT

Passes what it gets on to that port of this machine. Tells on stderr where it listens.
"""

import socket
import sys
from typing import Any

import httpx
import uvicorn

PORT = int(sys.argv[1])
client = httpx.AsyncClient(trust_env=False)


async def hop(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    url = httpx.URL(scheme="http", host="127.0.0.1", port=PORT, raw_path=scope["raw_path"] + query)
    async with client.stream(scope["method"], url, headers=scope["headers"], content=body) as answer:
        read = b"".join([piece async for piece in answer.aiter_raw()])
        await send(
            {"type": "http.response.start", "status": answer.status_code, "headers": answer.headers.raw}
        )
        await send({"type": "http.response.body", "body": read})


def main() -> None:
    config = uvicorn.Config(
        hop, loop="uvloop", http="httptools", ws="none", lifespan="off", log_level="warning", access_log=False
    )
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    print(f"listens on http://127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
