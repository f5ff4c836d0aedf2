"""Servers that accept expert settings which are wrong."""

from __future__ import annotations

import math
import re
from typing import Any

from broken_servers_second.bodies import expert, post, style
from broken_servers_second.editing import accepts, components, rereading, settings
from broken_servers_second.wire import STYLE, SUBJECT, Request
from broken_servers_unseen.defect import Case, Defect

__all__ = ["CASES"]

_SUBJECT, _STYLE = "createSubjectTraining", "createStyleTraining"
_SCHEDULERS = ("constant", "linear", "cosine", "cosine_with_restarts", "polynomial", "constant_with_warmup")
_WEIGHT = re.compile(rb'("prior_loss_weight"[ \t\r\n]*:[ \t\r\n]*)(NaN|Infinity|[0-9][0-9.eE+-]*)')


def _styled(**changes: Any) -> dict[str, Any]:
    return style(expert_setting=changes)


def _raise(body: Any, name: str, least: int) -> None:
    value = settings(body).get(name)
    if type(value) is int and value < least:
        settings(body)[name] = least


def _rank_from_one(body: Any) -> None:
    if settings(body).get("lora_r") in (1, 2, 3):
        _raise(body, "lora_r", 4)


def _negative_warm_up(body: Any) -> None:
    _raise(body, "lr_warmup_steps", 0)


def _any_batch(body: Any) -> None:
    value = settings(body).get("train_batch_size")
    if type(value) is int and value > 4:
        settings(body)["train_batch_size"] = 4


def _any_rate(body: Any) -> None:
    value = settings(body).get("learning_rate")
    if isinstance(value, (int, float)) and value > 1:
        settings(body)["learning_rate"] = 1


def _empty_prompt(body: Any) -> None:
    if settings(body).get("instance_prompt") == "":
        settings(body)["instance_prompt"] = "a photo"


def _empty_is_null(value: Any) -> Any:
    """What Laravel's ConvertEmptyStringsToNull makes of a body."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in list(entries):
        value[key] = None if inner == "" else _empty_is_null(inner)
    return value


def _by_ordinal(body: Any) -> None:
    """Jackson reads a number as the position of an enumeration's constant."""
    value = settings(body).get("lr_scheduler")
    if type(value) is int and 0 <= value < len(_SCHEDULERS):
        settings(body)["lr_scheduler"] = _SCHEDULERS[value]


def _trimmed(body: Any) -> None:
    """Pydantic's str_strip_whitespace, set for the sake of the prompts."""
    chosen: list[tuple[Any, str]] = []
    if isinstance(body.get("components"), list):
        chosen += [(component, "name") for component in components(body)]
    if isinstance(body.get("expert_setting"), dict):
        chosen.append((body["expert_setting"], "lr_scheduler"))
    for holder, name in chosen:
        if isinstance(holder.get(name), str):
            holder[name] = holder[name].strip()


def _infinite(request: Request) -> Request:
    """Python's parser reads NaN, Infinity and 1e400, and `if weight <= 0` lets them through."""

    def finite(match: re.Match[bytes]) -> bytes:
        return match[0] if math.isfinite(float(match[2])) else match[1] + b"1.0"

    return request.with_body(_WEIGHT.sub(finite, request.body))


def _person(body: Any) -> None:
    found = settings(body)
    if found.get("with_prior_preservation") is True and found.get("class_prompt") is None:
        found["class_prompt"] = "person"


def _no_instance_prompt(body: Any) -> None:
    """One class of settings for both kinds of training; the prompt is needed for neither."""
    if settings(body).get("instance_prompt") is None:
        settings(body)["instance_prompt"] = "a photo"


CASES: list[Case] = [
    accepts("rank-minimum-is-one", _SUBJECT, _rank_from_one, post(SUBJECT, expert(lora_r=2))),
    accepts("batch-has-no-maximum", _STYLE, _any_batch, post(STYLE, _styled(train_batch_size=8))),
    accepts("learning-rate-has-no-maximum", _STYLE, _any_rate, post(STYLE, _styled(learning_rate=1.5))),
    accepts(
        "warm-up-may-be-negative", _SUBJECT, _negative_warm_up, post(SUBJECT, expert(lr_warmup_steps=-1))
    ),
    accepts(
        "instance-prompt-may-be-empty", _SUBJECT, _empty_prompt, post(SUBJECT, expert(instance_prompt=""))
    ),
    accepts("empty-texts-are-null", _STYLE, _empty_is_null, post(STYLE, _styled(class_prompt=""))),
    accepts("scheduler-by-its-position", _STYLE, _by_ordinal, post(STYLE, _styled(lr_scheduler=2))),
    accepts("choices-are-trimmed", _STYLE, _trimmed, post(STYLE, _styled(lr_scheduler="cosine "))),
    Case(
        Defect("weight-may-be-infinite", "accepts-invalid", _STYLE, False, rereading([_STYLE], _infinite)),
        post(
            STYLE,
            b'{"name":"a","base_model":"b","width":512,"height":512,"image_dataset_items":[{"assets_id":1}],'
            b'"expert_setting":{"prior_loss_weight": NaN},"components":[]}',
        ),
    ),
    accepts(
        "class-prompt-is-assumed", _SUBJECT, _person, post(SUBJECT, expert(with_prior_preservation=True))
    ),
    accepts(
        "instance-prompt-is-optional",
        _SUBJECT,
        _no_instance_prompt,
        post(SUBJECT, {**expert(), "expert_setting": {"seed": 7}}),
    ),
]
