"""docs/proxy.md says what is: its commands run, its tables are the code's, its report is one."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
from live import ask, exchange, raw_request, run_command, running_mock
from proxied_calls import AUTHORIZATION, CREATE, JSON, SUBJECT, TASK, answer_with
from raw_upstream import answering, raw_upstream
from running_proxy import running_proxy

from loracle_mockserver.message import JSON_TYPE
from loracle_mockserver.proxy.connection import UpstreamError
from loracle_mockserver.proxy.own_answers import failure
from loracle_mockserver.proxy.settings import Mode
from loracle_mockserver.proxy_command import proxy

PAGE = (Path(__file__).parents[1] / "docs" / "proxy.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition("  #")[0].partition(">")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]


def test_the_commands_do_what_they_say(tmp_path: Path) -> None:
    """In the order of the page: the cassette that one records is the one that the next plays."""
    assert len(COMMANDS) == 9
    body = CREATE
    with running_mock() as upstream:
        for command in COMMANDS:
            program, *words = shlex.split(command)
            assert program == "loracle"
            if words[0] == "validate":
                assert run_command(*words, cwd=tmp_path).returncode == 0
                continue
            if words[0] == "serve":
                with running_mock(*words[1:], cwd=tmp_path) as replay:
                    assert ask(replay.port, "POST", SUBJECT, AUTHORIZATION, JSON, body=body).status == 200
                continue
            url, *options = words[1:]
            reached = upstream.url if url == "http://127.0.0.1:9000" else url
            while "--port" in options:
                at = options.index("--port")
                del options[at : at + 2]
            with running_proxy(reached, *options, cwd=tmp_path) as running:
                if reached == upstream.url:
                    raw = raw_request("POST", SUBJECT, AUTHORIZATION, JSON, body=body)
                    assert exchange(running.port, raw).startswith(b"HTTP/1.1 200 ")
                assert running.stop().code == 0


def test_the_failures_are_the_codes() -> None:
    rows = re.findall(r"^\| [^|]+ \| (\d+) `(\w+)` \| `(\w+)` \|$", PAGE, re.MULTILINE)
    assert len(rows) == 4
    for status, reason, cause in rows:
        reply = failure(UpstreamError(cause, "."))
        assert (reply.status, reply.reason, reply.headers) == (int(status), reason, [JSON_TYPE])


def test_every_option_is_on_the_page() -> None:
    options = {
        name for parameter in proxy.params for name in (*parameter.opts, *parameter.secondary_opts)
    } - {"url", "--host", "--no-forwarded"}
    assert [name for name in sorted(options) if name not in PAGE] == []
    assert all(f"--{mode}" in PAGE for mode in get_args(Mode))


def test_the_report_looks_as_on_the_page() -> None:
    """The form of every line; the figures are other ones."""
    [shown] = re.findall(r"```text\n(11 requests.*?)```", PAGE, re.DOTALL)
    with raw_upstream() as upstream, running_proxy(upstream.url) as running:
        upstream.behave = answering(answer_with(TASK[:-1] + b',"queue_position":1}'))
        exchange(running.port, raw_request("POST", SUBJECT, AUTHORIZATION, JSON, body=b'{"width":"1"}'))
        ended = running.stop()
    lines = {line_form(line) for line in ended.report.splitlines()}
    wanted = [line_form(line) for line in shown.splitlines() if line.startswith("  ")]
    assert len(wanted) == 4
    assert [form for form in wanted if form not in lines] == []
    assert shown.splitlines()[-1] == ended.report.splitlines()[-1]


def line_form(line: str) -> str:
    """A line of the report without its figures."""
    return re.sub(r"[0-9.]+ ms|\bonce\b|\b[0-9]+ times\b", "N", line)


@pytest.mark.parametrize("name", ["n", "operation", "reason", "valid", "answer"])
def test_the_members_of_an_entry_are_explained(name: str) -> None:
    assert re.search(rf"^\| `{name}` \|", PAGE, re.MULTILINE)
