"""What `loracle proxy` says to those who use it wrongly."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from live import run_command


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "Missing argument"),
        (["ftp://a"], 2, "is no URL such as https://api.example.com"),
        (["http://user:secret@a"], 2, "holds credentials"),
        (["http://a:99999"], 2, "no port between 1 and 65535"),
        (["http://a/?b"], 2, "name the server only"),
        (["http://a b"], 2, "characters that no URL may have"),
        (["http://127.0.0.1:8123", "--port", "8123"], 2, "pass requests on to itself"),
        (["http://a", "--overwrite"], 2, "name its file"),
        (["http://a", "--record", "x.har", "--overwrite", "--append"], 2, "not both"),
        (["http://a", "--record", "no/such/folder/x.har"], 3, "cannot be written: No such file"),
        (["http://a", "--record", "x.jsonl"], 2, "call it .har"),
        (["http://a", "--upload-host", "b/c"], 2, "name the host only"),
        (["http://a", "--timeout", "0"], 2, "--timeout"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], code: int, says: str, tmp_path: Path) -> None:
    done = run_command("proxy", *arguments, *([] if "--port" in arguments else ["--port", "0"]), cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = run_command("proxy", "http://a.test", "--port", str(listener.getsockname()[1]))
    assert done.returncode == 3
    assert "is taken; choose another with --port" in done.stderr
