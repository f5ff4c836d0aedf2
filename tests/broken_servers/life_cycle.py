"""Servers whose trainings do not live as the contract says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from broken_servers.changes import LISTS, STATES, Make, behaviour, rewritten
from broken_servers.defect import Corpus
from broken_servers.scripts import walked
from broken_servers.wire import Answer, Change, Forward, Request, operation_of, refusal

__all__ = ["CASES"]

CASES = Corpus()
_MODEL = {"model_name": "model_1700000000_0123456789.safetensors", "model_status": "SERVING"}


def _at(number: int, edit: Callable[[Any], Any], *, later: bool = False) -> Make:
    """Changes the answer to one poll of each task, counted from one; with `later`, those after it, too."""

    def make() -> Callable[[Any], Any]:
        polls: Counter[str] = Counter()

        def one(value: Any) -> Any:
            polls[value["task_id"]] += 1
            seen = polls[value["task_id"]]
            return edit(value) if seen == number or (later and seen > number) else value

        return one

    return rewritten(STATES, make=make)


def _as(status: str, progress: float = 0.0, **more: Any) -> Callable[[Any], Any]:
    extra = {"eta_relative": 30.0, "progress_percent": progress}
    return lambda value: {**value, "task_status": status, "models": [], "extra": extra, **more}


def _where(edit: Callable[[Any], Any], *statuses: str) -> Make:
    return rewritten(STATES, lambda value: edit(value) if value["task_status"] in statuses else value)


def _models(**changes: Any) -> Callable[[Any], Any]:
    return lambda value: {**value, "models": [{**model, **changes} for model in value["models"]]}


def _extra(**changes: Any) -> Callable[[Any], Any]:
    return lambda value: {**value, "extra": {**value["extra"], **changes}}


def _with(**changes: Any) -> Callable[[Any], Any]:
    return lambda value: {**value, **changes}


def _without(*names: str) -> Callable[[Any], Any]:
    return lambda value: {name: held for name, held in value.items() if name not in names}


_ENDED = ("SUCCESS",)
_UNDER_WAY = ("QUEUING", "TRAINING")
_DEFECTS: dict[str, Make] = {
    "status-goes-back": _at(3, _as("QUEUING")),
    "success-then-training": _at(5, _as("TRAINING", 80.0), later=True),
    "success-then-training-once": _at(4, _as("TRAINING", 80.0)),
    "success-then-failed": _at(5, _as("FAILED", 50.0), later=True),
    "failed-then-success": _at(2, _as("FAILED", 50.0)),
    "canceled-then-training": _at(1, _as("CANCELED")),
    "model-goes-back-to-deploying": _at(5, _models(model_status="DEPLOYING"), later=True),
    "model-lost-after-success": _at(5, _with(models=[]), later=True),
    "model-renamed": _at(5, _models(model_name=_MODEL["model_name"]), later=True),
    "progress-falls": _at(5, _extra(progress_percent=60.0), later=True),
    "progress-falls-in-training": _at(1, _extra(progress_percent=90.0)),
    "progress-above-100": _where(_extra(progress_percent=250), *_ENDED),
    "progress-negative": _where(_extra(progress_percent=-1), "QUEUING"),
    "progress-as-text": _where(_extra(progress_percent="50%"), "TRAINING"),
    "eta-negative": _where(_extra(eta_relative=-1.0), *_ENDED),
    "eta-as-text": _where(_extra(eta_relative="9 minutes"), *_UNDER_WAY),
    "eta-null": _where(_extra(eta_relative=None), *_UNDER_WAY),
    "extra-null": _where(_with(extra=None), *_UNDER_WAY),
    "extra-as-list": rewritten(STATES, _with(extra=[])),
    "success-without-models": _where(_with(models=[]), *_ENDED),
    "models-null-before-the-end": _where(_with(models=None), *_UNDER_WAY),
    "models-missing": _where(_without("models"), *_UNDER_WAY),
    "models-as-object": _where(lambda value: _with(models=value["models"][0])(value), *_ENDED),
    "models-before-success": _where(_with(models=[_MODEL]), *_UNDER_WAY),
    "failed-with-models": _where(_with(task_status="FAILED"), *_ENDED),
    "model-status-unknown": _where(_models(model_status="READY"), *_ENDED),
    "model-status-lower-case": _where(_models(model_status="serving"), *_ENDED),
    "model-name-of-a-file-path": _where(_models(model_name="/models/lora.safetensors"), *_ENDED),
    "model-name-null": _where(_models(model_name=None), *_ENDED),
    "status-unknown-to-the-contract": _where(_with(task_status="RUNNING"), "TRAINING"),
    "status-lower-case": rewritten(
        STATES, lambda value: _with(task_status=value["task_status"].lower())(value)
    ),
    "status-as-number": _where(_with(task_status=2), *_ENDED),
    "model-type-checkpoint": rewritten(STATES, _with(model_type="checkpoint")),
    "model-type-null": _where(_with(model_type=None), *_UNDER_WAY),
    "model-type-missing": rewritten(STATES, _without("model_type")),
    "state-of-another-task": rewritten(STATES, _with(task_id="11111111-1111-4111-8111-111111111111")),
    "state-without-id": rewritten(STATES, _without("task_id")),
    "state-in-an-envelope": rewritten(STATES, lambda value: {"code": 0, "data": value}),
    "list-keeps-the-first-status": rewritten(
        LISTS,
        lambda value: _with(tasks=[_with(task_status="QUEUING", models=[])(task) for task in value["tasks"]])(
            value
        ),
    ),
    "list-without-models-after-success": rewritten(
        LISTS, lambda value: _with(tasks=[_with(models=[])(task) for task in value["tasks"]])(value)
    ),
}


def _vanishes() -> Change:
    ended: Counter[str] = Counter()

    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        value = answer.value()
        if operation_of(request) in STATES and answer.status == 200 and value["task_status"] == "SUCCESS":
            ended[value["task_id"]] += 1
            if ended[value["task_id"]] > 2:
                return refusal("TASK_NOT_FOUND")
        return answer

    return change


_DEFECTS["task-vanishes-after-success"] = _vanishes


def _fill() -> None:
    for slug, make in _DEFECTS.items():
        operation = "listTrainings" if slug.startswith("list-") else ""
        behaviour(CASES, slug, operation, make, walked, needs_create=True)


_fill()
