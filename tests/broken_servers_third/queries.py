"""Servers that read queries in a way of their own: too laxly, and too narrowly."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from broken_servers_second.bodies import get, start
from broken_servers_second.wire import (
    MODELS,
    SUBJECT,
    TRAININGS,
    Answer,
    Handler,
    Next,
    Plant,
    Request,
    around,
    envelope,
)
from broken_servers_unseen.defect import Case, Defect
from httpx import AsyncClient

__all__ = ["CASES"]

_TYPES = ("checkpoint", "lora", "vae", "controlnet", "upscaler", "textualinversion")


def _parameters(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True, encoding="utf-8", errors="replace")


def _dropping(path: str, is_dropped: Callable[[str, str], object]) -> Plant:
    """A plant of a server that leaves out parameters before it judges the query."""

    def make() -> Handler:
        async def handler(request: Request, pass_on: Next) -> Answer:
            if request.is_to("GET", path):
                pairs = request.query.split("&")
                kept = [pair for pair in pairs if not any(is_dropped(*known) for known in _parameters(pair))]
                if len(kept) != len(pairs):
                    request = Request(
                        request.method, request.path, "&".join(kept), request.headers, request.body
                    )
            return await pass_on(request)

        return handler

    return around(make)


def _refusing(path: str, is_refused: Callable[[str, str], object]) -> Plant:
    """A plant of a server that refuses a query with such a parameter."""

    def make() -> Handler:
        async def handler(request: Request, pass_on: Next) -> Answer:
            is_seen = request.is_to("GET", path) and request.is_authorised
            if is_seen and any(is_refused(*known) for known in _parameters(request.query)):
                return envelope(400, "INVALID_REQUEST_BODY", "The query is not valid.")
            return await pass_on(request)

        return handler

    return around(make)


def _is_broken_cursor(name: str, value: str) -> bool:
    return name == "pagination.cursor" and not re.fullmatch(r"(c_[0-9]{1,15})?\s*", value)


def _is_empty_limit(name: str, value: str) -> bool:
    return name == "pagination.limit" and value == ""


def _is_unknown_type(name: str, value: str) -> bool:
    return name == "filter.types" and value not in _TYPES


def _is_first_cursor(name: str, value: str) -> bool:
    return (name, value) == ("pagination.cursor", "c_0")


def _is_style(name: str, value: str) -> bool:
    return (name, value) == ("task_type", "style")


def _is_textual_inversion(name: str, value: str) -> bool:
    """The enumeration spells it textual_inversion."""
    return (name, value) == ("filter.types", "textualinversion")


def _is_unknown(name: str, _value: str) -> bool:
    return name != "task_id"


async def _with_a_timestamp(client: AsyncClient) -> object:
    query = {"task_id": await start(client), "_": "1699325531"}
    return (await client.get(SUBJECT, params=query)).status_code


def _lax(name: str, operation: str, plant: Plant, query: str) -> Case:
    path = TRAININGS if operation == "listTrainings" else MODELS
    return Case(Defect(name, "accepts-invalid", operation, False, plant), get(f"{path}?{query}"))


def _narrow(name: str, operation: str, plant: Plant, query: str) -> Case:
    path = TRAININGS if operation == "listTrainings" else MODELS
    return Case(Defect(name, "rejects-valid", operation, False, plant), get(f"{path}?{query}"))


CASES: list[Case] = [
    _lax(
        "broken-cursor-is-the-start",
        "listTrainings",
        _dropping(TRAININGS, _is_broken_cursor),
        "pagination.cursor=x_5",
    ),
    _lax("empty-limit-is-absent", "listModels", _dropping(MODELS, _is_empty_limit), "pagination.limit="),
    _lax(
        "unknown-types-are-all-types", "listModels", _dropping(MODELS, _is_unknown_type), "filter.types=gan"
    ),
    _narrow(
        "cursor-of-zero", "listTrainings", _refusing(TRAININGS, _is_first_cursor), "pagination.cursor=c_0"
    ),
    _narrow("style-is-no-kind-to-list", "listTrainings", _refusing(TRAININGS, _is_style), "task_type=style"),
    _narrow(
        "textual-inversion-has-another-name",
        "listModels",
        _refusing(MODELS, _is_textual_inversion),
        "filter.types=textualinversion",
    ),
    Case(
        Defect(
            "state-takes-one-parameter",
            "rejects-valid",
            "getSubjectTraining",
            True,
            _refusing(SUBJECT, _is_unknown),
        ),
        _with_a_timestamp,
    ),
]
