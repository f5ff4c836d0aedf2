"""The servers that the mock is measured against.

    python benchmarks/reference.py floor|fastapi

floor: an ASGI app that reads the body and answers the same 200 to everything; what is left is uvicorn.
fastapi: plain FastAPI with the generated model as the body, as one would write it without this project.
Prints the URL on one line, then serves until it is terminated.
"""

import socket
import sys
from typing import Any

import uvicorn

ANSWER = b'{"task_id":"b299b567-531a-4745-b600-eca9591aae24"}'


async def floor(_scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


def plain_fastapi() -> Any:
    from fastapi import FastAPI  # noqa: PLC0415 - the floor has no part in it

    from loracle_contracts._models import SubjectTrainingRequest  # noqa: PLC0415

    app = FastAPI()

    # FastAPI sees the class itself: as a string ("from __future__ import annotations") it would not
    # find a name that is local to this function, and would take the body for a query parameter.
    @app.post("/v3/training/subject")
    async def create(body: SubjectTrainingRequest) -> dict[str, str]:  # noqa: ARG001
        return {"task_id": "b299b567-531a-4745-b600-eca9591aae24"}

    return app


def main() -> None:
    app = {"floor": lambda: floor, "fastapi": plain_fastapi}[sys.argv[1]]()
    # The settings of loracle_mockserver.server, written out: what the mock adds to them is the mock's.
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
    )
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    print(f"listens on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
