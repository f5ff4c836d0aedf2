"""How `loracle fuzz` ends early, what a person at a terminal sees, and what is loaded."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from typing import Any

from fuzz_calls import always, serving, takes_text_as_width
from live import COMMAND, PATIENCE
from served_app import served
from terminals import on_a_terminal

FAST = ("--layers", "examples")
NOWHERE = "http://127.0.0.1:1"


# --- ends


def _hanging() -> tuple[Any, threading.Event]:
    """An app that fails five times and then no longer answers; the event says that it is asked."""
    asked = threading.Event()
    fails = always(500, "LIST_TASK_FAILED")
    left = iter(range(5))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if next(left, None) is not None:
            await fails(scope, receive, send)
            return
        asked.set()
        while (await receive())["type"] != "http.disconnect":
            pass

    return app, asked


def test_an_interrupt_reports_what_was_found() -> None:
    app, asked = _hanging()
    with served(app) as there:
        url = f"http://127.0.0.1:{there.port}"
        process = subprocess.Popen(
            [*COMMAND, "fuzz", url, *FAST, "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert asked.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    told = json.loads(out)
    assert (told["end"], told["counts"]["answered"]) == ("interrupted", 5)
    assert told["findings"]
    assert b"Traceback" not in errors


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    with serving(takes_text_as_width) as server:
        process = subprocess.Popen(
            [*COMMAND, "fuzz", server.url, *FAST], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        process.stderr.close()
        assert process.wait(PATIENCE) == 141


def _on_a_terminal(*arguments: str, types: bytes = b"") -> tuple[int, str]:
    return on_a_terminal([*COMMAND, "fuzz", *arguments], {"NO_COLOR": ""}, types)


def test_a_person_sees_progress_and_colors() -> None:
    with serving(takes_text_as_width) as server:
        code, said = _on_a_terminal(server.url, *FAST)
    assert code == 1
    assert "examples: 7 requests\x1b[K" in said
    assert "\x1b[31maccepted: width.type\x1b[0m" in said


def test_a_person_is_asked_and_may_say_no() -> None:
    code, said = _on_a_terminal("http://192.0.2.1:1", types=b"n\n")
    assert code == 3
    assert "sends at most 700 requests to 192.0.2.1:1, 5 a second" in said
    assert "nothing was sent" in said


# --- what is loaded

_WITHOUT_HTTPX = """
import sys
sys.modules["httpx"] = None
from loracle_mockserver.cli import main
main(["fuzz", *sys.argv[1:]])
"""


def test_a_missing_extra_prints_its_install_line() -> None:
    command = [sys.executable, "-c", _WITHOUT_HTTPX]
    done = subprocess.run([*command, NOWHERE], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "pip install 'loracle[fuzz]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert subprocess.run([*command, "--help"], capture_output=True, check=False).returncode == 0
