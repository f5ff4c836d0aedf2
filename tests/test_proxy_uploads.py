"""Where uploads go, and what lies below a path of a gateway."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from live import exchange, parse_answer, raw_request
from proxied_calls import AUTHORIZATION, JSON, SUBJECT, TASK, answer_with, create
from raw_upstream import answering, raw_upstream
from running_proxy import running_proxy

from loracle_mockserver.proxy.uploads import UploadRoute
from loracle_mockserver.proxy.upstream import Origin


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


@pytest.mark.parametrize(
    "url",
    [
        "http://storage.test:81/x.png?a=1",
        "https://storage.test/x.png",
        "http://other.test/x.png",
        "http://storage.test.evil.test/x",
        "http://user@storage.test/x.png",
        "http://storage.test",
        "no url",
        "http://[",
        7,
    ],
)
def test_only_urls_at_the_host_that_was_named_lead_through_the_proxy(url: Any) -> None:
    route = UploadRoute(Origin.parse("http://storage.test"))
    body = orjson.dumps({"upload_url": url})
    rewritten = route.rewritten(body, "http://proxy.test")
    leads = b"http://proxy.test/_loracle/uploads/"
    assert rewritten == (
        orjson.dumps({"upload_url": leads.decode()}) if url == "http://storage.test" else body
    )


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"upload_url", b'{"upload_url": 1e999}'])
def test_a_body_without_an_upload_url_stays(body: bytes) -> None:
    assert UploadRoute(Origin.parse("http://storage.test")).rewritten(body, "http://proxy.test") == body


def test_the_upstream_of_a_gateway_has_a_path() -> None:
    with raw_upstream() as upstream, running_proxy(f"{upstream.url}/gateway/") as proxy:
        upstream.behave = answering(answer_with(TASK))
        answer = parse_answer(exchange(proxy.port, create()))
        assert upstream.next().line == f"POST /gateway{SUBJECT} HTTP/1.1".encode()
    assert answer.header("x-loracle-verdict") == "request=valid; answer=valid; from=server"
