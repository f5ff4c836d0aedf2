"""What --record writes: a whole HTTP Archive at any moment, without a secret in it."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import RunningMock, exchange, parse_answer, raw_request, run_command
from proxied_calls import answer_with
from raw_upstream import OK, answering, raw_upstream
from running_proxy import running_proxy
from test_exports import check_archive

from loracle_contracts import spec
from loracle_mockserver.journal import Entry
from loracle_mockserver.proxy.secrets_in_urls import is_signature, without_secrets

KEY = "sk-canary-key-0123456789"
AUTHORIZATION = ("Authorization", f"Bearer {KEY}")
JSON = ("Content-Type", "application/json")
CREATE = spec.example("valid/createSubjectTraining/request/seed-page.json")
SUBJECT = "/v3/training/subject"
TASK = "b299b567-531a-4745-b600-eca9591aae24"


def create(name: str = "a") -> bytes:
    body = orjson.dumps({**orjson.loads(CREATE), "name": name})
    return raw_request("POST", SUBJECT, AUTHORIZATION, JSON, body=body)


def entries(path: Path) -> list[dict[str, Any]]:
    document = json.loads(path.read_text(encoding="utf-8"))
    check_archive(document)
    found: list[dict[str, Any]] = document["log"]["entries"]
    return found


def test_all_that_was_answered_is_recorded_and_valid(strict_mock: RunningMock, tmp_path: Path) -> None:
    cassette = tmp_path / "c.har"
    upload = raw_request(
        "POST", "/v3/assets/training_dataset", AUTHORIZATION, JSON, body=b'{"file_extension":"png"}'
    )
    asked = [
        create("recorded"),
        raw_request("GET", f"{SUBJECT}?task_id={TASK}", AUTHORIZATION),
        raw_request("GET", "/v3/training?pagination.limit=1", AUTHORIZATION),
        upload,
        raw_request("PUT", "/_uploads/nothing.png", body=b"\xff\xd8"),
    ]
    with running_proxy(strict_mock.url, "--record", str(cassette), "--format", "json") as proxy:
        answers = [parse_answer(exchange(proxy.port, raw)) for raw in asked]
        ended = proxy.stop()
    assert ended.json["recording"] == {"file": str(cassette), "recorded": 5, "left_out": 0}
    recorded = entries(cassette)
    for n, (entry, answer) in enumerate(zip(recorded, answers, strict=True), 1):
        assert entry["request"]["url"].startswith(f"{strict_mock.url}/")
        assert entry["response"]["status"] == answer.status
        if b"X-Amz" not in answer.body:
            assert entry["response"]["content"]["text"].encode() == answer.body
        assert set(entry["_loracle"]) == {"n", "operation", "reason", "valid", "answer"}
        assert entry["_loracle"]["n"] == n
        assert entry["timings"]["wait"] > 0
    assert [entry["_loracle"]["operation"] for entry in recorded] == [
        "createSubjectTraining",
        "getSubjectTraining",
        "listTrainings",
        "createUploadUrl",
        "putUpload",
    ]
    assert stat.S_IMODE(cassette.stat().st_mode) == 0o600
    done = run_command("validate", str(cassette))
    assert (done.returncode, "0 violations" in done.stdout or "no violations" in done.stdout) == (0, True), (
        done.stdout + done.stderr
    )


def test_validate_finds_what_is_wrong_in_a_cassette(strict_mock: RunningMock, tmp_path: Path) -> None:
    cassette = tmp_path / "c.har"
    with running_proxy(strict_mock.url, "--record", str(cassette)) as proxy:
        exchange(proxy.port, raw_request("POST", SUBJECT, AUTHORIZATION, JSON, body=b'{"width": "512"}'))
    done = run_command("validate", str(cassette))
    assert done.returncode == 1
    assert "[width.type, " in done.stdout


# --- secrets

CANARIES = {
    "key": KEY,
    "cookie": "canary-of-a-cookie-7",
    "set-cookie": "canary-of-a-session-8",
    "x-api-key": "canary-of-another-key-9",
    "api_key": "canary-in-the-query-1",
    "signature": "canaryofasignature2",
    "credential": "canaryofacredential3",
    "token": "canaryofatoken4",
}


@pytest.mark.parametrize("mode", ["--report", "--enforce"])
def test_no_secret_is_written_or_said(mode: str, tmp_path: Path) -> None:
    cassette = tmp_path / "c.har"
    signed = (
        f"https://s3.test/x.png?X-Amz-Signature={CANARIES['signature']}"
        f"&X-Amz-Credential={CANARIES['credential']}%2Fx&X-Amz-Security-Token={CANARIES['token']}&x-id=1"
    )
    told = {
        "task_id": 1,
        "upload_url": signed,
        "echo": KEY,
        "escaped": signed.replace("&", "\\u0026"),
        KEY: KEY,
    }
    headers = (
        b"Content-Type: application/json",
        b"Set-Cookie: a=" + CANARIES["set-cookie"].encode(),
        b"X-Echo: " + KEY.encode(),
        b"Location: " + signed.encode(),
    )
    requests = [
        raw_request(
            "POST",
            f"{SUBJECT}?api_key={CANARIES['api_key']}&again={KEY}",
            AUTHORIZATION,
            JSON,
            ("Cookie", CANARIES["cookie"]),
            ("X-Api-Key", CANARIES["x-api-key"]),
            ("Referer", signed),
            body=orjson.dumps({"name": KEY, KEY: KEY, "url": signed}),
        ),
        raw_request("POST", SUBJECT, AUTHORIZATION, JSON, body=CREATE),
        raw_request("GET", f"/v3/{KEY}/x", AUTHORIZATION),
        raw_request("PUT", f"/_uploads/x.png?{signed.partition('?')[2]}", AUTHORIZATION, body=KEY.encode()),
        raw_request("GET", "/v3/training", ("Authorization", KEY)),
    ]
    with raw_upstream() as upstream:
        upstream.behave = answering(answer_with(orjson.dumps(told), 200, *headers))
        with running_proxy(upstream.url, mode, "--record", str(cassette), "--format", "json") as proxy:
            for raw in requests:
                exchange(proxy.port, raw)
            ended = proxy.stop()
    recorded = entries(cassette)
    assert len(recorded) == (5 if mode == "--report" else 2)
    written = cassette.read_text(encoding="utf-8") + ended.said + ended.report
    assert [name for name, secret in CANARIES.items() if secret in written] == []
    assert "Bearer [redacted]" in written
    assert "X-Amz-Signature=redacted&" in written


NAMES = st.sampled_from(
    [
        "X-Amz-Signature",
        "x-amz-credential",
        "X-Goog-Signature",
        "sig",
        "Signature",
        "AWSAccessKeyId",
        "Policy",
    ]
)
SECRETS = st.text("abcXYZ0189-._~%/+=", min_size=6, max_size=30).map(lambda found: f"canary{found}")


@settings(max_examples=200)
@given(NAMES, SECRETS, st.sampled_from(["&", "\\u0026", '"', "'", " ", "#", ""]), st.booleans())
def test_signatures_go_and_their_surroundings_stay(name: str, secret: str, end: str, is_first: bool) -> None:
    assert is_signature(name)
    before = "https://a.test/x?" if is_first else "https://a.test/x?id=1&"
    text = f'{{"upload_url": "{before}{name}={secret}{end}rest"}}'
    nothing: tuple[Any, ...] = (None, "putUpload", "PUT", "/x", f"{name}={secret}".encode(), (), b"")
    answered: tuple[Any, ...] = (200, None, [(b"location", text.encode())], text.encode())
    shown = without_secrets(Entry(*nothing, *answered, None, None, (), (), 0.0, 0.0, 0.0, 0))
    for part in (shown.query, shown.reply_body, shown.reply_headers[0][1]):
        assert b"canary" not in part
        assert f"{name}=redacted".encode() in part
    if end:
        assert shown.reply_body.decode() == f'{{"upload_url": "{before}{name}=redacted{end}rest"}}'


# --- the file


def test_a_killed_proxy_leaves_a_whole_cassette(tmp_path: Path) -> None:
    cassette = tmp_path / "c.har"
    with raw_upstream() as upstream, running_proxy(upstream.url, "--record", str(cassette)) as proxy:
        assert entries(cassette) == []
        for n in range(1, 4):
            exchange(proxy.port, create())
            assert len(entries(cassette)) == n, "who has its answer can count on the entry"
        proxy.process.send_signal(signal.SIGKILL)
        assert proxy.process.wait() == -signal.SIGKILL
        assert len(entries(cassette)) == 3


def test_a_cassette_that_is_there_is_not_lost(tmp_path: Path) -> None:
    cassette = tmp_path / "c.har"
    record = ("--record", str(cassette))
    with raw_upstream() as upstream:
        with running_proxy(upstream.url, *record) as proxy:
            exchange(proxy.port, create())
        first = cassette.read_bytes()
        done = run_command("proxy", upstream.url, "--port", "0", *record)
        assert done.returncode == 3
        assert "is there already; --overwrite replaces it, --append adds to it" in done.stderr
        assert cassette.read_bytes() == first
        with running_proxy(upstream.url, *record, "--append") as proxy:
            exchange(proxy.port, create())
        assert len(entries(cassette)) == 2
        with running_proxy(upstream.url, *record, "--overwrite"):
            pass
        assert entries(cassette) == []
        with running_proxy(upstream.url, *record, "--append") as proxy:
            exchange(proxy.port, create())
        assert len(entries(cassette)) == 1


@pytest.mark.parametrize(
    "content", ['{"log":{}}', "text\n", '{"log":{"version":"1.2","creator":{"name":"loracle"']
)
def test_nothing_is_appended_to_what_is_no_whole_cassette(tmp_path: Path, content: str) -> None:
    cassette = tmp_path / "c.har"
    cassette.write_text(content, encoding="utf-8")
    done = run_command("proxy", "http://a.test", "--port", "0", "--record", str(cassette), "--append")
    assert done.returncode == 3
    assert "is no whole cassette of loracle proxy; --overwrite replaces it" in done.stderr
    assert cassette.read_text(encoding="utf-8") == content


def test_a_cassette_has_a_bound(tmp_path: Path) -> None:
    cassette = tmp_path / "c.har"
    large = answer_with(orjson.dumps({"task_id": TASK, "more": "x" * 400_000}))
    options = ("--record", str(cassette), "--record-size", "1", "--format", "json")
    with raw_upstream() as upstream, running_proxy(upstream.url, *options) as proxy:
        upstream.behave = answering(large)
        for _ in range(4):
            exchange(proxy.port, create())
        ended = proxy.stop()
    assert ended.json["recording"]["recorded"] == len(entries(cassette)) == 2
    assert ended.json["recording"]["left_out"] == 2
    assert cassette.stat().st_size <= 2**20
    assert ended.said.count("is full (1 MiB)") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is full")
def test_a_disk_that_is_full_is_told_and_costs_the_client_nothing() -> None:
    done = run_command("proxy", "http://a.test", "--port", "0", "--record", "/dev/full", "--overwrite")
    assert done.returncode == 3
    assert "/dev/full cannot be written: No space left" in done.stderr or "Invalid argument" in done.stderr


def test_a_body_beyond_what_is_held_is_said_to_be_missing(tmp_path: Path) -> None:
    cassette = tmp_path / "c.har"
    body = b'{"models":[],"pagination":{"next_cursor":"' + b"x" * 2**20 + b'"}}'
    with raw_upstream() as upstream, running_proxy(upstream.url, "--record", str(cassette)) as proxy:
        upstream.behave = answering(answer_with(body))
        exchange(proxy.port, raw_request("GET", "/v3/model", AUTHORIZATION))
        upstream.behave = answering(OK)
        exchange(proxy.port, raw_request("PUT", "/_uploads/x.png", body=b"\xff" * 2_000))
    large, upload = entries(cassette)
    assert "text" not in large["response"]["content"]
    assert large["response"]["content"]["size"] == len(body)
    assert "larger than 1 MiB" in large["response"]["content"]["comment"]
    assert upload["request"]["bodySize"] == 2_000
    assert "postData" not in upload["request"]
    done = run_command("validate", str(cassette))
    assert done.returncode == 3
    assert "The archive does not hold the body of the answer." in done.stdout + done.stderr
