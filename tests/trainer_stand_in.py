"""A training process with an engine that does as the request's name says, without numpy.

It runs in the place of `python -m loracle_mockserver.trainer`. A name "hang 40211" has it call the test at
that port: so the test knows when it is there, and the end of the connection is the end of the process.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from loracle_mockserver.trainer.child import main
from loracle_mockserver.trainer.events import Step
from loracle_mockserver.trainer.planned import Canceled

STEPS = 4
COMMAND = (sys.executable, "-P", __file__)


class Engine:
    def train(self, plan: Any, images: Any, *, emit: Any, is_canceled: Any) -> Any:
        what, _, port = plan.name.partition(" ")
        line = socket.create_connection(("127.0.0.1", int(port))) if port else None
        for step in range(1, STEPS + 1):
            if is_canceled():
                raise Canceled(step - 1)
            emit(Step(step, STEPS, 1.0 / step, 1e-4, float(STEPS - step)))
            if step == 2:
                self._do(what, line)
        facts = {
            "threads": [value for name, value in os.environ.items() if name.endswith("_THREADS")],
            "secrets": [name for name in os.environ if name.startswith("LORACLE_")],
            "images": list(images.given),
        }
        return SimpleNamespace(adapter=SimpleNamespace(digest="d1" * 32), facts=facts)

    def _do(self, what: str, line: socket.socket | None) -> None:
        if line is not None:
            line.sendall(b"%d\n" % os.getpid())
        match what:
            case "hang" if line is not None:
                while line.recv(1):  # also after a SIGTERM
                    pass
            case "wait" if line is not None:
                line.recv(1)
            case "crash":
                raise RuntimeError("it broke")
            case "shout":
                sys.stdout.write("noise\n")
                sys.stdout.flush()
            case "garble":
                # The descriptor that main() made for events is the first one that was free.
                os.write(3, b"no event\n")
            case "burn":
                while True:
                    pass
            case "memory":
                raise MemoryError
            case "exit":
                os._exit(7)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)

    def write(self, outcome: Any, plan: Any, images: Any, out: Path) -> tuple[str, ...]:
        del plan, images
        out.mkdir()
        (out / "adapter_model.safetensors").write_bytes(b"weights")
        (out / "facts.json").write_text(json.dumps(outcome.facts))
        return ("adapter_model.safetensors", "facts.json")


def read(order: Any, plan: Any, caps: Any) -> Any:
    del caps
    given = [None if path is None else Path(path).read_bytes().decode() for path in order.images]
    return SimpleNamespace(given=given, captions=plan.captions, source="the test")


if __name__ == "__main__":
    main(Engine(), read)
