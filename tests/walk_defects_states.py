"""Defects of states, and of how states and lists agree."""

import itertools
from collections.abc import Callable
from typing import Any

from walk_defect import CREATES, ID, Broken, Call, Defect, Reply, answers, listed, states


def answers_for_another() -> Any:
    seen: list[str] = []

    def change(_: Call, value: Any) -> None:
        seen.append(value["task_id"])
        value["task_id"] = seen[0]

    return answers(change, which=lambda call: call.is_state)


def knows_every_id() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        if call.is_state and reply.status == 404 and ID.fullmatch(call.query["task_id"]):
            value = {
                "task_id": call.query["task_id"],
                "task_status": "UNKNOWN",
                "model_type": "lora",
                "models": [],
            }
            return Reply(200, value)
        return reply

    return behave


def knows_either_route() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        if call.is_state and reply.status == 404:
            other = next(path for path in CREATES if path != call.path)
            return await app.ask(call._replace(path=other))
        return reply

    return behave


def goes_back(value: dict[str, Any], n: int) -> None:
    if n == 3:
        value.update(task_status="QUEUING", models=[], extra={"eta_relative": 1, "progress_percent": 100})
        del value["extra"]


def ends_otherwise(value: dict[str, Any], n: int) -> None:
    if n > 4:
        value.update(task_status="FAILED", models=[])
        del value["extra"]


def extra(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Any:
    return states(lambda value, _: change(value, value["extra"]))


def serves_back(value: dict[str, Any], n: int) -> None:
    if n > 4:
        for model in value["models"]:
            model["model_status"] = "DEPLOYING"


def renames(value: dict[str, Any], n: int) -> None:
    for model in value["models"]:
        model["model_name"] = f"model_1698904832_{n:010X}.safetensors"


def one_model(task: dict[str, Any], _: int = 0) -> None:
    for model in task["models"]:
        model["model_name"] = "model_1698904832_F2BB461625.safetensors"


def early_models(value: dict[str, Any], _: int = 0) -> None:
    if value["task_status"] == "TRAINING":
        value["models"] = [
            {"model_name": "model_1698904832_F2BB461625.safetensors", "model_status": "DEPLOYING"}
        ]


def stale(task: dict[str, Any]) -> None:
    task.update(task_status="QUEUING", models=[])


def rising_eta() -> Any:
    count = itertools.count(1)

    def change(value: dict[str, Any], told: dict[str, Any]) -> None:
        if value["task_status"] in ("QUEUING", "TRAINING"):
            told["eta_relative"] = 1000 * next(count)

    return extra(change)


def falling_progress(value: dict[str, Any], told: dict[str, Any]) -> None:
    if value["task_status"] != "SUCCESS":
        told["progress_percent"] = 99 - told["progress_percent"]


def early_hundred(_: dict[str, Any], told: dict[str, Any]) -> None:
    told["progress_percent"] = 100


def late_hundred(_: dict[str, Any], told: dict[str, Any]) -> None:
    told["progress_percent"] = min(told["progress_percent"], 99)


def late_eta(value: dict[str, Any], told: dict[str, Any]) -> None:
    if value["task_status"] == "SUCCESS":
        told["eta_relative"] = 3


DEFECTS = (
    Defect(
        "the state of another task", answers_for_another, "state.task_id", ("list.models", "state.forward")
    ),
    Defect("every id has a state", knows_every_id, "task_id.unknown", ("task_id.kind",)),
    Defect("ids of the other route", knows_either_route, "task_id.kind"),
    Defect("a state goes back", lambda: states(goes_back), "state.forward", ("walk.agree.state",)),
    Defect("an end that changes", lambda: states(ends_otherwise), "state.forward", ("walk.agree.state",)),
    Defect(
        "success without models",
        lambda: states(lambda v, _: v.update(models=[])),
        "models.success",
        ("list.models",),
    ),
    Defect("models before success", lambda: states(early_models), "models.success"),
    Defect("models in the list before success", lambda: listed(early_models), "models.success"),
    Defect(
        "a model that serves deploys again",
        lambda: states(serves_back),
        "walk.models.back",
        ("walk.agree.state",),
    ),
    Defect(
        "a model gets another name",
        lambda: states(renames),
        "walk.models.changed",
        ("list.models", "walk.models.shared", "walk.models.unlisted"),
    ),
    Defect(
        "one model for all",
        lambda: states(one_model),
        "walk.models.shared",
        ("list.models", "walk.models.unlisted"),
    ),
    Defect("a list with other models", lambda: listed(one_model), "list.models"),
    Defect("a list that stands still", lambda: listed(stale), "walk.agree.state", ("state.forward",)),
    Defect("progress falls", lambda: extra(falling_progress), "walk.progress.fell"),
    Defect("done from the start", lambda: extra(early_hundred), "walk.progress.early"),
    Defect("never done", lambda: extra(late_hundred), "walk.progress.end"),
    Defect("the time to the end rises", rising_eta, "walk.eta.rose"),
    Defect("time to the end after it", lambda: extra(late_eta), "walk.eta.end"),
)
