"""Servers whose framework reads more out of a head than the contract has in it."""

from __future__ import annotations

import html
from dataclasses import replace

import httpx
from broken_servers_second.bodies import post, subject
from broken_servers_second.editing import behaves
from broken_servers_second.wire import SUBJECT, TRAININGS, Answer, Next, Request
from broken_servers_unseen.client import outcome
from broken_servers_unseen.defect import Case

from broken_servers_fourth.forms import plain

__all__ = ["CASES"]


async def _overridden(request: Request, pass_on: Next) -> Answer:
    """Rack's MethodOverride, Laravel and Symfony put another method for a POST."""
    method = request.header("x-http-method-override").strip().upper()
    if request.method == "POST" and method in ("PUT", "PATCH", "DELETE", "GET"):
        request = replace(request, method=method)
    return await pass_on(request)


async def _any_case(request: Request, pass_on: Next) -> Answer:
    """The routes of ASP.NET and of Express are alike in capitals."""
    lower = request.path.lower()
    return await pass_on(replace(request, path=lower) if lower.startswith("/v3/") else request)


async def _browsable(request: Request, pass_on: Next) -> Answer:
    """The BrowsableAPIRenderer of Django REST framework answers whoever would like HTML."""
    answer = await pass_on(request)
    wishes = request.header("accept").lower()
    before_json = wishes.partition("application/json")[0]
    if request.method != "GET" or "text/html" not in before_json:
        return answer
    text = html.escape(answer.body.decode("utf-8", "replace"))
    page = f"<!DOCTYPE html><html><body><pre>{text}</pre></body></html>"
    return answer.with_body(page.encode()).with_type("text/html; charset=utf-8")


async def _in_capitals(client: httpx.AsyncClient) -> object:
    return outcome(await client.get("/v3/Training"))


async def _as_a_browser(client: httpx.AsyncClient) -> object:
    answer = await client.get(TRAININGS, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    return answer.status_code, answer.headers["content-type"]


CASES: list[Case] = [
    behaves(
        "method-is-overridden",
        "",
        plain(_overridden),
        post(SUBJECT, subject(), x_http_method_override="PUT"),
    ),
    behaves("paths-in-any-case", "", plain(_any_case), _in_capitals),
    behaves("html-for-browsers", "", plain(_browsable), _as_a_browser),
]
