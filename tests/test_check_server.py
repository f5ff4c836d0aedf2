"""`check_server` in tests of servers: in process and by URL, with texts that say what to do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from live import RunningMock

from loracle_contracts import check_server, check_server_async, spec, validate
from loracle_contracts.checks import ServerBrokeContractError
from loracle_contracts.fuzzing.in_process import AppFailedError, InProcess
from loracle_mockserver.training_app import TrainingApp

QUICK = ("examples",)
ACCEPTED = b'{"task_id": "b299b567-531a-4745-b600-eca9591aae24"}'


class Replaced:
    """The mock, but for creates whose body breaks one rule: those get another answer."""

    def __init__(self, rule: str, answer: Any) -> None:
        self.rule, self.answer, self.inner = rule, answer, TrainingApp()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.inner(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        operation = {one.path: one.id for one in spec.operations().values() if one.method == "POST"}
        found = validate(body, operation[scope["path"]]).violations if scope["path"] in operation else ()
        if [violation.rule for violation in found] == [self.rule]:
            await self.answer(send)
            return

        async def again() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        await self.inner(scope, again, send)


async def accept(send: Any) -> None:
    head = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": ACCEPTED})


async def crash(send: Any) -> None:  # noqa: ARG001
    raise KeyError("a bug of the app")


def test_a_right_app_is_clean() -> None:
    report = check_server(TrainingApp(), api_key="test-key", layers=("examples", "random"))
    assert report.is_clean
    assert set(report.requests) == {"examples", "baseline", "random"}
    assert 1 < report.creates <= report.options.max_creates == 70


def test_a_broken_app_fails_with_all_that_repeats_it() -> None:
    with pytest.raises(AssertionError) as caught:
        check_server(Replaced("width.minimum", accept), api_key="test-key", layers=QUICK)
    error = caught.value
    assert isinstance(error, ServerBrokeContractError)
    assert [finding.cause for finding in error.findings] == [("accepted", "width.minimum")]
    assert error.report.mistakes == 1
    text = str(error)
    assert text.startswith("the server breaks the contract in 1 way (profile strict, seed 0, ")
    for part in ("accepted: width.minimum", "expected  400 INVALID_REQUEST_BODY", "got       200"):
        assert part in text
    assert "curl -sS" in text
    assert "/v3/training/subject" in text
    assert "$LORACLE_API_KEY" in text
    assert "test-key" not in text, "the key is no one's business"


def test_what_the_app_raises_is_told_with_its_traceback() -> None:
    with pytest.raises(ServerBrokeContractError) as caught:
        check_server(Replaced("width.minimum", crash), layers=QUICK)
    assert [error.request for error in caught.value.app_errors] == ["POST /v3/training/subject"]
    assert "500" in str(caught.value)
    assert "KeyError: 'a bug of the app'" in str(caught.value)
    assert "in crash" in str(caught.value)


def test_in_a_running_loop_it_says_what_to_do() -> None:
    async def test() -> None:
        with pytest.raises(RuntimeError, match="await check_server_async"):
            check_server(TrainingApp())
        assert (await check_server_async(TrainingApp(), layers=QUICK)).is_clean

    asyncio.run(test())


def test_a_url_is_tested_without_trainings(strict_mock: RunningMock) -> None:
    report = check_server(strict_mock.url, api_key="a-key-of-this-test", layers=("examples", "random"))
    assert (report.creates, report.mistakes) == (0, 0)
    assert report.options.rate is None
    assert report.total_requests > 200


def test_a_server_that_is_not_there_is_no_broken_contract() -> None:
    with pytest.raises(RuntimeError, match="does not answer"):
        check_server("http://127.0.0.1:9", layers=QUICK)


@pytest.mark.parametrize(
    ("target", "options", "error", "said"),
    [
        ("127.0.0.1:8000", {}, ValueError, "write it as"),
        (3, {}, TypeError, "an ASGI app or a URL, not int"),
        ("http://127.0.0.1:9", {"max_request": 3}, TypeError, "max_requests"),
        ("http://127.0.0.1:9", {"layers": ["tables"]}, ValueError, "no layer 'tables'"),
    ],
)
def test_wrong_use_is_explained(target: Any, options: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        check_server(target, **options)


# --- the lifespan


class WithLifespan(TrainingApp):
    """The mock, which answers only between its own start and stop, and with the state of its start."""

    def __init__(self, fail: str = "", hang: str = "") -> None:
        super().__init__()
        self.fail, self.hang, self.log = fail, hang, list[str]()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            assert self.log == ["startup"]
            assert scope["state"] == {"pool": 1}
            await super().__call__(scope, receive, send)
            return
        for name in ("startup", "shutdown"):
            message = await receive()
            assert message == {"type": f"lifespan.{name}"}
            scope["state"]["pool"] = 1
            if name == self.hang:
                await asyncio.Event().wait()
            self.log.append(name)
            if name == self.fail:
                await send({"type": f"lifespan.{name}.failed", "message": "no database"})
                return
            await send({"type": f"lifespan.{name}.complete"})


def test_the_app_is_started_and_stopped_as_by_a_server() -> None:
    app = WithLifespan()
    check_server(app, layers=QUICK)
    assert app.log == ["startup", "shutdown"]


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
def test_an_app_that_fails_to_start_or_stop_says_why(phase: str) -> None:
    with pytest.raises(AppFailedError, match=f"{phase} failed: no database"):
        check_server(WithLifespan(fail=phase), layers=QUICK)


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
def test_an_app_that_hangs_is_waited_for_in_vain_but_not_for_ever(phase: str) -> None:
    async def test() -> None:
        async with InProcess(WithLifespan(hang=phase), seconds=0.01):
            pass

    with pytest.raises(AppFailedError, match=f"{phase} took longer than 0.01 s"):
        asyncio.run(test())


@pytest.mark.parametrize("ends", ["returns", "raises"])
def test_an_app_without_a_lifespan_is_served(ends: str) -> None:
    inner = TrainingApp()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            assert ends == "returns", "as apps do that know http only"
            return
        await inner(scope, receive, send)

    assert check_server(app, layers=QUICK).is_clean
