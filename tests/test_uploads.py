"""Uploads: the URL that is handed out, what may be put there, which images a training may then name."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from engine_calls import BODIES, CREATE, call, check_error
from hypothesis import given
from hypothesis import strategies as st
from live import Answer, RunningMock, ask, exchange, parse_answer, raw_request
from training_clients import CREATE_PATH, create, opened

from loracle_contracts import validate
from loracle_mockserver.behaviour import Behaviour
from loracle_mockserver.engine import MAX_UPLOAD, Engine
from loracle_mockserver.message import Request
from loracle_mockserver.store import MemoryStore

KEY = ("Authorization", "Bearer uploads")
JSON = ("Content-Type", "application/json")
ASK = "/v3/assets/training_dataset"


def handed_out(engine: Engine, host: str = "mock.test", *, key: str = "k") -> dict[str, Any]:
    target: dict[str, Any] = orjson.loads(call(engine, "createUploadUrl", ("Host", host), key=key).body)
    return target


def split(url: str) -> tuple[str, bytes]:
    path, _, query = url.partition("://")[2].partition("/")[2].partition("?")
    return f"/{path}", query.encode()


def put(engine: Engine, url: str, body: bytes = b"png", *headers: tuple[bytes, bytes]) -> int:
    return engine.handle(Request("PUT", *split(url), headers, body)).status


# --- what may be put


@given(
    body=st.binary(max_size=200),
    headers=st.lists(
        st.tuples(
            st.sampled_from([b"content-type", b"authorization", b"content-encoding"]), st.binary(max_size=9)
        ),
        max_size=3,
    ),
)
def test_any_bytes_are_taken_without_a_key_or_a_type(body: bytes, headers: Any) -> None:
    engine = Engine()
    url = handed_out(engine)["upload_url"]
    for _ in range(2):  # once more is no mistake
        reply = engine.handle(Request("PUT", *split(url), headers, body))
        assert (reply.status, reply.body) == (200, b"")
    # It goes into the journal of the key that asked for the URL.
    assert {entry.namespace for _, entry in engine.store.entries()} == {engine.store.namespaces()[0]}


@pytest.mark.parametrize(
    "other",
    [
        "{path}",
        "{jpeg}?{query}",
        "/_uploads/0{file}?{query}",
        "{path}?{stranger}",
        "{path}/more?{query}",
        "/_uploads/?{query}",
        "/_uploads/",
    ],
)
def test_another_url_than_was_handed_out_is_none(other: str) -> None:
    engine = Engine(behaviour=Behaviour(require_assets=True))
    target = handed_out(engine)
    path, query = split(target["upload_url"])
    parts = {
        "path": path,
        "file": path.rpartition("/")[2],
        "jpeg": path.replace(".png", ".jpeg"),
        "query": query.decode(),
        "stranger": query.decode().replace("X-Amz-Credential=", "X-Amz-Credential=0"),
    }
    assert put(engine, f"http://mock.test{other.format_map(parts)}") in (400, 404)
    assert not engine.store.has_asset(engine.store.namespaces()[0], target["assets_id"])


def test_30_mib_go_through_and_not_a_byte_more(strict_mock: RunningMock) -> None:
    asked = ask(strict_mock.port, "POST", ASK, KEY, JSON, body=b'{"file_extension": "webp"}')
    target = asked.json["upload_url"].partition("mock.test")[2]

    def upload(size: int, *headers: tuple[str, str], body: bytes) -> Answer:
        raw = raw_request("PUT", target, *headers, body=body)
        return parse_answer(exchange(strict_mock.port, raw, may_reset=size > MAX_UPLOAD))

    largest = bytes(MAX_UPLOAD)
    answer = upload(MAX_UPLOAD, body=largest)
    assert (answer.status, answer.body) == (200, b"")
    chunked = b"%x\r\n%b\r\n1\r\n!\r\n0\r\n\r\n" % (MAX_UPLOAD, largest)
    for answer in (
        parse_answer(
            exchange(
                strict_mock.port,
                raw_request("PUT", target, ("Content-Length", str(MAX_UPLOAD + 1))),
                may_reset=True,
            )
        ),
        upload(MAX_UPLOAD + 1, ("Transfer-Encoding", "chunked"), body=chunked),
    ):
        assert (answer.status, answer.json["reason"]) == (413, "REQUEST_TOO_LARGE")
        assert "30 MiB" in answer.json["message"]


# --- the URL


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["mock.test", "mock.test:81", "127.0.0.1:8000", "[::1]:8000", "a_b-c.test"])
def test_the_url_has_the_host_that_the_client_called(host: str, scheme: str) -> None:
    headers = [(b"authorization", b"Bearer k"), (b"content-type", b"application/json")]
    asked = Request(
        "POST", ASK, b"", [*headers, (b"host", host.encode())], b'{"file_extension":"png"}', scheme
    )
    target = orjson.loads(Engine().handle(asked).body)
    assert target["upload_url"].startswith(f"{scheme}://{host}/_uploads/{target['assets_id']}.png?X-Amz-")
    assert target["headers"] == {"Host": {"values": [host]}}
    assert target["method"] == "PUT"


@given(st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=30))
def test_whatever_host_is_said_the_answer_keeps_the_contract(host: str) -> None:
    reply = Engine().handle(
        Request(
            "POST",
            ASK,
            b"",
            [
                (b"authorization", b"Bearer k"),
                (b"content-type", b"application/json"),
                (b"host", host.encode("latin-1")),
            ],
            b'{"file_extension":"png"}',
        )
    )
    assert validate(reply.body, "createUploadUrl", part="response").valid


# --- the ids


@pytest.mark.parametrize("kind", ["hex", "int"])
def test_ids_are_of_the_kind_that_is_set_and_the_same_in_every_run(kind: Any) -> None:
    first, second = (Engine(behaviour=Behaviour(asset_ids=kind)) for _ in range(2))
    ids = [handed_out(first)["assets_id"] for _ in range(5)]
    assert ids == [handed_out(second)["assets_id"] for _ in range(5)]
    assert ids == [handed_out(second, key="other")["assets_id"] for _ in range(5)]
    assert len(set(ids)) == 5
    for asset in ids:
        assert type(asset) is int if kind == "int" else len(bytes.fromhex(asset)) == 16


# --- images that were never uploaded


def test_by_default_every_id_is_taken() -> None:
    assert call(Engine()).status == 200


@pytest.mark.parametrize("kind", ["hex", "int"])
@pytest.mark.parametrize("operation", [CREATE, "createStyleTraining"])
def test_with_require_assets_only_what_was_uploaded(kind: Any, operation: str) -> None:
    engine = Engine(behaviour=Behaviour(require_assets=True, asset_ids=kind))
    uploaded, never = handed_out(engine), handed_out(engine)
    assert put(engine, uploaded["upload_url"]) == 200

    def train(*assets: Any, key: str = "k") -> Any:
        items = [{"assets_id": asset, "caption": "c"} for asset in assets]
        return call(
            engine, operation, key=key, body=orjson.dumps({**BODIES[operation], "image_dataset_items": items})
        )

    # SDKs send integer ids back as text, and 26.0 is the integer 26.
    same = [uploaded["assets_id"], str(uploaded["assets_id"])]
    same += [float(uploaded["assets_id"])] if kind == "int" else []
    assert [train(asset).status for asset in same] == [200] * len(same)
    refused = check_error(train(same[0], never["assets_id"], "other"), 400, "INVALID_REQUEST_BODY")
    assert "2 of 3 images were never uploaded" in refused["message"]
    assert [violation["pointer"] for violation in refused["metadata"]["violations"]] == [
        "/image_dataset_items/1/assets_id",
        "/image_dataset_items/2/assets_id",
    ]
    assert train(same[0], key="another").status == 400, "every key has its own images"
    assert len(orjson.loads(call(engine, "listTrainings").body)["tasks"]) == len(same)


def test_a_refusal_points_at_each_image() -> None:
    engine = Engine(behaviour=Behaviour(require_assets=True))
    text = json.dumps(BODIES[CREATE], indent=2).replace("26", '"é"')
    reply = call(engine, body=text.encode())
    [violation] = check_error(reply, 400, "INVALID_REQUEST_BODY")["metadata"]["violations"]
    line = text.splitlines()[violation["line"] - 1]
    assert line[violation["column"] - 1 :] == violation["got"] == '"é"'
    assert violation["rule"] == "assets_id.uploaded"
    assert validate(reply.body, CREATE, part="error").valid


@pytest.mark.parametrize("way", ["live", "transport", "app"])
def test_a_report_names_the_image_that_is_missing(way: str) -> None:
    with opened(way, require_assets=True) as (mock, send):
        create(send, image_dataset_items=[{"assets_id": "never-uploaded"}])
        report = mock.contract_report()
        assert report is not None
        assert "/image_dataset_items/0/assets_id: expected the id of an image that was uploaded" in report
        assert 'got "never-uploaded"' in report


def test_a_report_does_not_ask_an_upload_for_a_key() -> None:
    with opened("transport") as (mock, send):
        send("PUT", "/_uploads/x.png", content=b"png")
        report = mock.contract_report()
        assert report is not None
        assert "PUT /_uploads/x.png -> 404 (of an unknown upload URL)" in report
        with pytest.raises(AssertionError, match="but 1 of an unknown upload URL came"):
            mock.assert_requested(path=CREATE_PATH)


def test_an_upload_that_is_lost_was_none() -> None:
    """What a fault kept from the mock it does not know."""
    with opened("transport", require_assets=True) as (mock, send):
        target = send("POST", ASK, json={"file_extension": "png"}).json()
        mock.fail("SERVICE_UNAVAILABLE", operation="putUpload", times=1)
        items = [{"assets_id": target["assets_id"]}]
        assert send("PUT", target["upload_url"], content=b"png").status_code == 503
        assert create(send, image_dataset_items=items).status_code == 400
        assert send("PUT", target["upload_url"], content=b"png").status_code == 200
        assert create(send, image_dataset_items=items).status_code == 200


def test_bytes_of_an_upload_are_not_kept() -> None:
    engine = Engine(store=MemoryStore())
    url = handed_out(engine)["upload_url"]
    assert put(engine, url, bytes(2**20)) == 200
    [*_, (_, entry)] = engine.store.entries()
    assert (len(entry.body), entry.body_length) == (64 * 1024, 2**20)
