"""Who may steer a mock: from afar nobody without the token, on loopback no web page that was not named."""

from __future__ import annotations

from typing import Any

import pytest
from control_calls import App, check_refusal
from hypothesis import given
from hypothesis import strategies as st
from live import ask as ask_live
from live import exchange, parse_answer, raw_request, running_mock

from loracle_mockserver import control_guard, live_server
from loracle_mockserver.control_guard import ControlGuard

TOKEN = "open-sesame"
CALLS: list[tuple[str, str]] = [
    ("POST", "reset"),
    ("GET", "faults"),
    ("PUT", "faults"),
    ("POST", "faults"),
    ("DELETE", "faults"),
    ("GET", "scenarios"),
    ("GET", "clock"),
    ("POST", "clock"),
    ("GET", "settings"),
    ("PUT", "settings"),
    ("GET", "requests"),
    ("POST", "verify"),
    ("GET", "tasks"),
    ("POST", "tasks/x"),
    ("GET", "metrics"),
    ("GET", ""),
    ("GET", "no-such-page"),
    ("PATCH", "faults"),
]
ORIGIN = "http://shop.example"


def app_of(*arguments: Any, **options: Any) -> App:
    return App(guard=ControlGuard(*arguments, **options))


def bearer(token: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {token}")


class TestFromAfar:
    @pytest.mark.parametrize("token", [None, TOKEN])
    def test_health_is_open_and_nothing_else(self, token: str | None) -> None:
        app = app_of(token, reach="network")
        for method in ("GET", "HEAD"):
            assert app.ask(method, "/_mock/health", host="mock.example").status == 200
        for method, page in CALLS:
            refused = app.ask(method, f"/_mock/{page}", host="mock.example", body=b"{}")
            check_refusal(refused, 403, "API_NOT_ALLOWED", "admin")
        assert app.ask("POST", "/_mock", host="mock.example").status == 403
        assert app.create().status == 200, "the contract's operations want their own keys"
        assert app.ask("GET", "/openapi.json").status == 200

    def test_the_token_opens_every_page(self) -> None:
        app = app_of(TOKEN, reach="network")
        for method, page in CALLS:
            answer = app.ask(method, f"/_mock/{page}", bearer(TOKEN), host="mock.example", body=b"{}")
            assert answer.status != 403, (method, page)

    @pytest.mark.parametrize(
        "headers",
        [
            [("Authorization", TOKEN)],
            [("Authorization", f"Basic {TOKEN}")],
            [("Authorization", "Bearer")],
            [("Authorization", "Bearer ")],
            [("Authorization", f"Bearer {TOKEN}x")],
            [("Authorization", f"Bearer {TOKEN[:-1]}")],
            [("Authorization", f"Bearer {TOKEN.upper()}")],
            [bearer(TOKEN), bearer("other")],
            [("X-Authorization", f"Bearer {TOKEN}")],
            [("Cookie", f"token={TOKEN}")],
        ],
    )
    def test_nothing_but_the_token_does(self, headers: list[tuple[str, str]]) -> None:
        check_refusal(
            app_of(TOKEN, reach="network").ask("GET", "/_mock/tasks", *headers), 403, "API_NOT_ALLOWED"
        )

    @given(token=st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1), other=st.text())
    def test_any_text_can_be_the_token(self, token: str, other: str) -> None:
        guard = ControlGuard(token, reach="network")

        def sent(text: str) -> list[tuple[bytes, bytes]]:
            return [(b"authorization", b"bearer " + text.encode("utf-8", "surrogatepass"))]

        assert guard.refusal(sent(token)) is None
        assert (guard.refusal(sent(other)) is None) is (other.strip() == token)
        assert guard.refusal(sent(f"{token}.")) is not None

    def test_a_token_of_other_bytes_than_text_is_compared_as_they_are(self) -> None:
        # What the operating system gives for a byte that is no UTF-8.
        guard = ControlGuard(b"\xff\xfe".decode("utf-8", "surrogateescape"), reach="network")
        assert guard.refusal([(b"authorization", b"Bearer \xff\xfe")]) is None
        assert guard.refusal([(b"authorization", b"Bearer \xff")]) is not None

    def test_the_time_to_compare_does_not_tell_how_much_was_right(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compared = []

        def compare(sent: bytes, wanted: bytes) -> bool:
            compared.append((sent, wanted))
            return False

        monkeypatch.setattr(control_guard.secrets, "compare_digest", compare)
        app = app_of(TOKEN, reach="network")
        assert app.ask("GET", "/_mock/tasks", bearer(TOKEN)).status == 403, "nothing else decides"
        assert compared == [(TOKEN.encode(), TOKEN.encode())]


class TestOnLoopback:
    def test_every_page_is_open_to_programs(self) -> None:
        for host in (
            "127.0.0.1:8000",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8000",
            "10.1.2.3",
            "a.localhost.",
            "",
        ):
            assert app_of(reach="loopback").ask("GET", "/_mock/tasks", host=host).status == 200, host
        guard = ControlGuard(reach="loopback")
        assert guard.refusal([]) is None, "HTTP/1.0 names no host"

    @pytest.mark.parametrize(
        "host", ["shop.example", "shop.example:8000", "localhost.shop.example", "[::1", "x@127.0.0.1"]
    )
    def test_a_name_that_anybody_could_have_made_up_is_refused(self, host: str) -> None:
        # DNS rebinding: to the browser the page and the mock have one origin, so it says no Origin.
        app = app_of(TOKEN, reach="loopback")
        for method, page in CALLS:
            refused = app.ask(method, f"/_mock/{page}", host=host)
            check_refusal(refused, 403, "API_NOT_ALLOWED", host, "localhost")
            same = app.ask(method, f"/_mock/{page}", ("Origin", f"http://{host}"), host=host)
            check_refusal(same, 403, "API_NOT_ALLOWED")
        assert app.ask("GET", "/_mock/tasks", bearer(TOKEN), host=host).status == 200
        assert app.ask("GET", "/_mock/health", host=host).status == 200
        assert app.list().status == 200

    @pytest.mark.parametrize("reach", ["process", "loopback"])
    def test_a_web_page_may_not_steer_unless_it_was_named(self, reach: Any) -> None:
        # A form or fetch() with a plain body is sent without asking first: CORS keeps only the answer away.
        closed, named = app_of(reach=reach), app_of(reach=reach, origins=[ORIGIN, "null"])
        everybody = app_of(TOKEN, reach=reach, origins=["*"])
        for method, page in CALLS:
            target, plain = f"/_mock/{page}", ("Content-Type", "text/plain")
            for origin in (ORIGIN, "http://127.0.0.1:3000", "null", "http://localhost"):
                refused = closed.ask(method, target, ("Origin", origin), plain, body=b"{}")
                check_refusal(refused, 403, "API_NOT_ALLOWED", origin, f"--cors {origin}")
                assert everybody.ask(method, target, ("Origin", origin), plain, body=b"{}").status != 403
            for origin in (ORIGIN, ORIGIN.upper(), "null", "http://127.0.0.1"):
                assert named.ask(method, target, ("Origin", origin), plain, body=b"{}").status != 403
            assert named.ask(method, target, ("Origin", f"{ORIGIN}:1"), body=b"{}").status == 403
        assert closed.ask("GET", "/_mock/health", ("Origin", ORIGIN)).status == 200

    def test_the_mocks_own_page_may(self) -> None:
        app = app_of(reach="loopback")
        for host in ("127.0.0.1:8000", "localhost:8000", "[::1]:8000"):
            for scheme in ("http", "https"):
                answer = app.ask("POST", "/_mock/reset", ("Origin", f"{scheme}://{host}"), host=host)
                assert answer.status == 200
            assert app.ask("POST", "/_mock/reset", ("Origin", "http://localhost:1"), host=host).status == 403

    def test_inside_a_process_the_host_does_not_matter(self) -> None:
        app = App()
        for host in ("any.test", "a b", "[::1", "x/y?z#q", "//x"):
            assert app.ask("GET", "/_mock/tasks", host=host).status == 200
            check_refusal(app.ask("GET", "/_mock/none", host=host), 404, "API_NOT_FOUND", "/_mock/none ")
            refused = app.ask("GET", "/_mock/tasks?x=1", host=host)
            check_refusal(refused, 400, "INVALID_REQUEST_BODY", "GET /_mock/tasks has no")


def test_the_servers_have_their_guards() -> None:
    page = ("Origin", ORIGIN)
    rebound = raw_request("GET", "/_mock/tasks").replace(b"127.0.0.1", b"shop.example")
    with live_server() as mock, running_mock("--cors", ORIGIN, "--admin-token", TOKEN) as running:
        port = int(mock.url.rpartition(":")[2])
        assert ask_live(port, "POST", "/_mock/reset", page).status == 403
        assert ask_live(port, "POST", "/_mock/reset").status == 200
        assert parse_answer(exchange(port, rebound)).status == 403
        assert ask_live(running.port, "POST", "/_mock/reset", page).status == 200
        assert ask_live(running.port, "POST", "/_mock/reset", ("Origin", "http://b.example")).status == 403
        assert parse_answer(exchange(running.port, rebound)).status == 403
        with_token = rebound.replace(b"\r\n\r\n", b"\r\nAuthorization: Bearer open-sesame\r\n\r\n")
        assert parse_answer(exchange(running.port, with_token)).status == 200
