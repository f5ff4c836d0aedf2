"""Where uploads go, and what lies below a path of a gateway."""

from __future__ import annotations

import orjson
from live import exchange, parse_answer, raw_request
from proxied_calls import AUTHORIZATION, JSON, SUBJECT, TASK, answer_with, create
from raw_upstream import answering, raw_upstream
from running_proxy import running_proxy


def test_uploads_lead_through_the_proxy_where_asked_for() -> None:
    with raw_upstream() as storage, raw_upstream() as upstream:
        host = f"127.0.0.1:{storage.port}"
        path = "/bucket/prod/a%20b.jpeg?X-Amz-Signature=abc&x=1%2F2"
        target = {
            "assets_id": 1,
            "upload_url": f"http://{host}{path}",
            "method": "PUT",
            "headers": {"Host": {"values": [host]}},
        }
        upstream.behave = answering(answer_with(orjson.dumps(target)))
        storage.behave = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        raw = raw_request(
            "POST", "/v3/assets/training_dataset", AUTHORIZATION, JSON, body=b'{"file_extension":"jpeg"}'
        )
        with running_proxy(upstream.url) as proxy:
            assert parse_answer(exchange(proxy.port, raw)).json == target, "by default it is left as it is"
        with running_proxy(upstream.url, "--upload-host", f"http://{host}", "--format", "json") as proxy:
            answer = parse_answer(exchange(proxy.port, raw))
            url = answer.json.pop("upload_url")
            assert url == f"http://mock.test/_loracle/uploads{path}"
            sent = raw_request("PUT", url.removeprefix("http://mock.test"), body=b"\xff\xd8 image")
            uploaded = parse_answer(exchange(proxy.port, sent))
            arrived = storage.next()
            ended = proxy.stop()
    assert uploaded.header("x-loracle-verdict") == "request=valid; answer=valid; from=server"
    assert arrived.line == f"PUT {path} HTTP/1.1".encode()
    assert arrived.values(b"host") == [host.encode()]
    assert arrived.body == b"\xff\xd8 image"
    assert ended.code == 0
    assert ended.operation("putUpload")["statuses"] == {"200": 1}


def test_the_upstream_of_a_gateway_has_a_path() -> None:
    with raw_upstream() as upstream, running_proxy(f"{upstream.url}/gateway/") as proxy:
        upstream.behave = answering(answer_with(TASK))
        answer = parse_answer(exchange(proxy.port, create()))
        assert upstream.next().line == f"POST /gateway{SUBJECT} HTTP/1.1".encode()
    assert answer.header("x-loracle-verdict") == "request=valid; answer=valid; from=server"
