"""`loracle fuzz --replay`: what is still there, gone, or could not be checked, and what it costs."""

from __future__ import annotations

import base64
import contextlib
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from fuzz_calls import Answer, Server, run, serving, takes_text_as_width
from fuzz_reports import KEY as CANARY
from fuzz_reports import answer, exchange, finding, report, request
from fuzzed_apps import refusal
from hypothesis import given
from hypothesis import strategies as st

from loracle_contracts.fuzzing.options import FuzzOptions
from loracle_contracts.fuzzing.report import written
from loracle_contracts.fuzzing.report.document import document
from loracle_contracts.fuzzing.saved import SavedError, read_saved, saved_request
from loracle_contracts.fuzzing.secrets import Secrets

FAST = ("--layers", "examples")
SAVED = Path("saved.json")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def crashes_without_name(body: Any) -> Answer | None:
    """A defect that costs nothing: a create without a name is no refusal, but a 500."""
    is_nameless = isinstance(body, dict) and "name" not in body
    return refusal("LIST_TASK_FAILED", 500) if is_nameless else None


def found(server: Server, *arguments: str) -> dict[str, Any]:
    assert run(server.url, *FAST, *arguments, "--save", str(SAVED)).exit_code == 1
    return dict(json.loads(SAVED.read_text()))


def lines_of(result: Any) -> list[str]:
    return str(result.stdout).splitlines()


# --- one request


def test_a_finding_that_is_still_there() -> None:
    with serving(crashes_without_name) as server:
        found(server)
        result = run("--replay", SAVED)
    assert result.exit_code == 1, result.output
    assert lines_of(result)[0].startswith("still there: status: 400 INVALID_REQUEST_BODY answered with 500")
    assert lines_of(result)[-1] == "1 still there; 1 request, 0 trainings started"


def test_a_finding_that_is_gone() -> None:
    with serving(crashes_without_name) as server:
        found(server)
        server.alter = None
        result = run("--replay", SAVED)
    assert result.exit_code == 0, result.output
    assert lines_of(result)[-1] == "1 gone; 1 request, 0 trainings started"


def test_another_wrong_answer_is_no_repair() -> None:
    with serving(crashes_without_name) as server:
        found(server)
        server.alter = lambda _: refusal("TASK_NAME_EXISTED", 409)
        result = run("--replay", SAVED)
    assert result.exit_code == 1
    assert "got 409 TASK_NAME_EXISTED" in lines_of(result)[1]


def test_a_server_that_is_gone_says_nothing_of_the_finding() -> None:
    with serving(crashes_without_name) as server:
        found(server)
    result = run("--replay", SAVED)
    assert result.exit_code == 3
    assert lines_of(result)[0].startswith("could not be checked: ")
    assert "cannot be reached" in lines_of(result)[1]


def test_what_started_a_training_wants_a_budget() -> None:
    with serving(takes_text_as_width) as server:
        found(server)
        assert server.app.creates == 1
        without = run("--replay", SAVED)
        assert (without.exit_code, server.app.creates) == (3, 1)
        assert "--max-creates" in lines_of(without)[1]
        allowed = run("--replay", SAVED, "--max-creates", "1")
        assert (allowed.exit_code, server.app.creates) == (1, 2)
    assert "1 still there; 1 request, 1 training started" in allowed.stdout


def test_the_printed_command_is_enough() -> None:
    with serving(takes_text_as_width) as server:
        told = run(server.url, *FAST, "--save", SAVED).stdout
        (line,) = [line.strip() for line in told.splitlines() if "--replay" in line]
        assert run(*line.split()[2:]).exit_code == 1


def test_a_foreign_file_pays_no_more_than_the_budget() -> None:
    """Its requests are to be refused; a server that takes them all is stopped being asked."""
    with serving(lambda _: (200, {"task_id": "x"})) as server:
        bodies = [b'{"a": %d}' % n for n in range(9)]
        refused = [exchange(request(body), refusal_answer()) for body in bodies]
        made = [finding(check="status", subject=f"s{n}", exchanges=(one,)) for n, one in enumerate(refused)]
        SAVED.write_text(written(document(report(*made)), "json"))
        result = run(server.url, "--replay", SAVED, "--api-key", "k", "--other-api-key", "o-key")
    assert server.app.creates == 1
    assert result.exit_code == 1


def refusal_answer() -> Any:
    return answer(400, b"{}")


def test_one_finding_of_the_report_will_do() -> None:
    with serving(crashes_without_name) as server:
        told = found(server)
        Path("one.json").write_text(json.dumps(told["findings"][0]))
        without = run("--replay", "one.json")
        assert without.exit_code == 2
        assert "name the server" in without.stderr
        assert run(server.url, "--replay", "one.json").exit_code == 1


def test_json_tells_the_same() -> None:
    with serving(crashes_without_name) as server:
        told = found(server)
        result = run("--replay", SAVED, "--format", "json", "--output", "replay.json")
    assert (result.exit_code, result.stdout) == (1, "")
    read = json.loads(Path("replay.json").read_text())
    assert read["results"] == [
        {
            "id": told["findings"][0]["id"],
            "check": "status",
            "subject": told["findings"][0]["subject"],
            "state": "still there",
            "note": "",
        }
    ]
    assert (read["version"], read["counts"]) == (1, {"requests": 1, "creates": 0})


# --- a layer


def test_a_relation_is_looked_for_by_its_layer() -> None:
    """That the server lists no task that it has made is a matter of several answers."""
    with serving() as server:
        made = document_with_relation(server)
        SAVED.write_text(json.dumps(made))
        result = run("--replay", SAVED)
        assert (result.exit_code, lines_of(result)[-1].partition(";")[0]) == (0, "1 gone")
        assert int(lines_of(result)[-1].split("; ")[1].split()[0]) > 20, "all of the layer is sent"
        made["options"]["max_creates"] = 4
        SAVED.write_text(json.dumps(made))
        result = run("--replay", SAVED)
    assert result.exit_code == 3
    assert "see --max-creates" in lines_of(result)[1]


def document_with_relation(server: Server) -> dict[str, Any]:
    related = finding(check="relation", subject="paging", layer="queries", is_relation=True)
    options = FuzzOptions(server.url, layers=("queries",))
    return document(report(related, options=options))


def test_a_relation_that_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def always(layer: str, session: Any) -> None:
        await session.send(exchange().probe.__class__(layer, "t", session.request("listTrainings"), "s"))
        session.relation(layer, "paging", "", "all", "some", [])

    monkeypatch.setattr("loracle_contracts.fuzzing.replay.run_layer", always)
    with serving() as server:
        SAVED.write_text(json.dumps(document_with_relation(server)))
        assert run("--replay", SAVED).exit_code == 1


# --- keys and guards


def test_the_key_is_put_in_again_and_stands_in_no_file() -> None:
    with serving(crashes_without_name, key=CANARY) as server:
        env = {"LORACLE_API_KEY": CANARY}
        assert run(server.url, *FAST, "--save", SAVED, env=env).exit_code == 1
        assert CANARY not in SAVED.read_text()
        assert run("--replay", SAVED, env=env).exit_code == 1
        without = run("--replay", SAVED)
        assert without.exit_code == 3
        assert "LORACLE_API_KEY" in lines_of(without)[1]


def test_another_machine_needs_an_agreement() -> None:
    SAVED.write_text(
        written(document(report(finding(), options=FuzzOptions("https://a.example.com"))), "json")
    )
    result = run("--replay", SAVED)
    assert result.exit_code == 2
    assert "a.example.com is not this machine" in " ".join(result.stderr.split())


# --- files


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[]", "neither a report"),
        ('{"outcomes": []}', "neither a report"),
        ('{"version": 2, "findings": []}', "version 2; this loracle reads version 1"),
        ('{"version": 1, "findings": [{}]}', "no report of loracle fuzz"),
        ('{"version": 1, "findings": 3}', "no report of loracle fuzz"),
        ('{"check": "accepted"}', "no report of loracle fuzz"),
        ("[" * 100_000, "no JSON"),
        ("\x1b[31m", "no JSON"),
    ],
)
def test_a_broken_or_foreign_file_is_told_in_one_line(content: str | None, said: str) -> None:
    if content is not None:
        SAVED.write_text(content)
    result = run("http://127.0.0.1:1", "--replay", SAVED)
    assert result.exit_code == 3
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.strip().isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.binary(max_size=50) | JSON.map(json.dumps).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(SavedError):
        read_saved(data)


@given(st.data())
def test_a_report_with_anything_in_a_member_is_read_or_refused(data: st.DataObject) -> None:
    made: Any = json.loads(written(document(report(finding())), "json"))
    place, path = made, []
    while isinstance(place, (dict, list)) and place and (not path or data.draw(st.booleans())):
        name = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        path.append((place, name))
        place = place[name]
    holder, name = path[-1]
    holder[name] = data.draw(JSON)
    with contextlib.suppress(SavedError):
        saved = read_saved(json.dumps(made).encode())
        for one in saved.findings:
            for told in one["exchanges"]:
                saved_request(told["request"], str)


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\x00", b"[" * 100_000, f'{{"k": "{CANARY}"}}'.encode()])
def test_a_request_is_read_as_it_was_sent(body: bytes) -> None:
    sent = request(body, headers=(("Authorization", f"Bearer {CANARY}"), ("X-A", "1"), ("X-A", "2")))
    text = written(document(report(finding(exchanges=(exchange(sent),)))), "json")
    assert CANARY not in text
    (one,) = read_saved(text.encode()).findings
    assert saved_request(one["exchanges"][0]["request"], Secrets(CANARY).put_in) == sent


def test_a_body_that_expands_without_end_is_refused() -> None:
    data = base64.b64encode(zlib.compress(b"0" * (65 * 1024 * 1024))).decode()
    told = {"method": "POST", "target": "/", "headers": [], "body": {"encoding": "zlib+base64", "data": data}}
    with pytest.raises(SavedError, match="too long"):
        saved_request(told, str)
