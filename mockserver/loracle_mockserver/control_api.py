"""The control API: what can be said to a running mock over HTTP, below /_mock/."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from loracle_mockserver.behaviour import Behaviour
from loracle_mockserver.control import Control
from loracle_mockserver.control_answers import add_error_handlers, json_response
from loracle_mockserver.control_journal import journal_routes, metrics_routes
from loracle_mockserver.control_reading import RefusedError, read_body, read_mapping, read_nothing, read_query
from loracle_mockserver.engine import Engine
from loracle_mockserver.faults import scenarios
from loracle_mockserver.journal_search import Search
from loracle_mockserver.life_cycle import STATES

__all__ = ["add_control_api"]

_TASKS = 100


def add_control_api(app: FastAPI, engine: Engine) -> None:
    """Adds the routes below /_mock/ to the app.

    Every route takes `?namespace=` where its state belongs to one; without it, it is about all of them.
    Errors have the envelope of the API.
    """
    control = Control(engine)
    for router in (
        _health(control),
        _faults(control),
        _world(control),
        journal_routes(control, engine),
        _tasks(control, engine),
        metrics_routes(engine),
    ):
        app.include_router(router)
    add_error_handlers(app)


def _health(control: Control) -> APIRouter:
    router = APIRouter()

    @router.api_route("/_mock/health", methods=["GET", "HEAD"])
    async def health() -> Response:
        """That the mock is ready: version, profile, seed, and how much it keeps. Open to everybody."""
        return json_response(control.health())

    return router


def _faults(control: Control) -> APIRouter:
    router = APIRouter()

    def in_force(namespace: str | None) -> Response:
        return json_response({"namespace": namespace, "faults": control.faults(namespace)})

    @router.get("/_mock/faults")
    async def faults(request: Request) -> Response:
        """The rules in force, in their order; for one namespace with how many calls each has matched."""
        return in_force(read_query(request, "namespace").get("namespace"))

    @router.put("/_mock/faults")
    async def replace_faults(request: Request) -> Response:
        """Replaces the rules by those of a plan, and answers the rules in force.

        The body, JSON or YAML (Content-Type: application/yaml), is a plan as in a file, one rule, a list
        of rules, or {"scenario": "flaky"}; settings in it are taken over. Without a namespace the rules
        of every namespace and of the plan's file go, until the next reset.
        """
        namespace = read_query(request, "namespace").get("namespace")
        control.replace_faults(await read_body(request), namespace)
        return in_force(namespace)

    @router.post("/_mock/faults")
    async def add_faults(request: Request) -> Response:
        """Adds the rules of a plan behind the others, and answers the rules in force. Body: as for PUT."""
        namespace = read_query(request, "namespace").get("namespace")
        control.add_faults(await read_body(request), namespace)
        return in_force(namespace)

    @router.delete("/_mock/faults")
    async def clear_faults(request: Request) -> Response:
        """Removes the rules of a namespace, or all of them, and answers the rules still in force."""
        namespace = read_query(request, "namespace").get("namespace")
        await read_nothing(request)
        control.clear_faults(namespace)
        return in_force(namespace)

    @router.get("/_mock/scenarios")
    async def all_scenarios(request: Request) -> Response:
        """The shipped fault plans: what each does, and what a good client makes of it."""
        read_query(request)
        return json_response({"scenarios": [{"name": name, **plan} for name, plan in scenarios().items()]})

    return router


def _world(control: Control) -> APIRouter:
    router = APIRouter()

    @router.get("/_mock/clock")
    async def clock(request: Request) -> Response:
        """The moment in Unix seconds, whether the clock stands still, its speed, and what moves jobs on."""
        return json_response(control.clock(read_query(request, "namespace").get("namespace")))

    @router.post("/_mock/clock")
    async def set_clock(request: Request) -> Response:
        """Sets the clock, and answers it as GET does.

        The body has one or more of `scale` (how much faster than time), `frozen` (true or false) and
        `advance` (seconds), which take effect in this order.
        """
        namespace = read_query(request, "namespace").get("namespace")
        given = await read_mapping(request, "frozen", "advance", "scale")
        for name, value in given.items():
            wanted, types = ("true or false", (bool,)) if name == "frozen" else ("a number", (int, float))
            if type(value) not in types:
                raise RefusedError(f"{name} is {wanted}, not {json.dumps(value)[:80]}.")
        return json_response(control.set_clock(namespace, **given))

    @router.get("/_mock/settings")
    async def settings(request: Request) -> Response:
        """The settings in force: how jobs move on, which asset ids there are."""
        return json_response(control.behaviour(read_query(request, "namespace").get("namespace")))

    @router.put("/_mock/settings")
    async def configure(request: Request) -> Response:
        """Changes the settings that the body names, and answers all of them; the others stay."""
        namespace = read_query(request, "namespace").get("namespace")
        given = await read_mapping(request, *Behaviour.names())
        return json_response(control.configure(given, namespace))

    @router.post("/_mock/reset")
    async def reset(request: Request) -> Response:
        """Puts tasks, journal, clock, rules and settings back to the start; the plan's file stays."""
        namespace = read_query(request, "namespace").get("namespace")
        await read_nothing(request)
        control.reset(namespace)
        return json_response({"status": "reset", "namespace": namespace})

    return router


def _tasks(control: Control, engine: Engine) -> APIRouter:
    router = APIRouter()

    @router.get("/_mock/tasks")
    async def tasks(request: Request) -> Response:
        """The tasks, newest first in each namespace, with their state; the first 100, or `limit`.

        `total` counts all that are kept (of the namespace), `dropped` those of every namespace that went
        because the store was full.
        """
        given = read_query(request, "namespace", "limit")
        limit = Search.parse({"limit": given.get("limit", str(_TASKS))}).limit
        namespace, counted = given.get("namespace"), engine.store.statistics()
        total = counted.tasks if namespace is None else sum(1 for _ in engine.store.tasks(namespace))
        found = control.tasks(namespace, limit)
        return json_response({"total": total, "dropped": counted.tasks_dropped, "tasks": found})

    @router.post("/_mock/tasks/{task_id}")
    async def force(task_id: str, request: Request) -> Response:
        """Puts a task into a state in which it stays, and answers it; a state of null lets it go on.

        The body is {"state": "FAILED"}, or what a status call is to show: {"task_status": "SUCCESS",
        "model_status": "DEPLOYING"}. 404 where there is no such task, 409 where several namespaces have
        it and none was named.
        """
        namespace = read_query(request, "namespace").get("namespace")
        given = await read_mapping(request, "state", "task_status", "model_status")
        return json_response(control.force(task_id, _state(given), namespace))

    return router


def _state(given: dict[str, Any]) -> str | None:
    """The state that a body asks for. Raises RefusedError where there is none that looks so."""
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise RefusedError(f"{name} is text or null, not {json.dumps(value)[:80]}.")
    if "state" in given:
        if len(given) > 1:
            raise RefusedError("Give state, or task_status and model_status, not both.")
        state: str | None = given["state"]
        return state
    shown = (given.get("task_status"), given.get("model_status"))
    if shown == (None, None):
        return None
    if shown[0] == "SUCCESS" and "model_status" not in given:
        return "SERVING"  # how a training ends unless something is said against it
    for name, state_shown in STATES.items():
        if tuple(state_shown) == shown:
            return name
    known = ", ".join(dict.fromkeys(" with ".join(filter(None, state)) for state in STATES.values()))
    raise RefusedError(f"No state shows task_status and model_status so; there are {known}.")
