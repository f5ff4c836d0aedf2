"""Servers that refuse what has no effect, or is unusual: the contract warns of it and accepts it."""

from __future__ import annotations

from typing import Any

from broken_servers.defect import Corpus
from broken_servers.right_bodies import SUBJECT, plain
from broken_servers.scripts import posted
from broken_servers.wire import Answer, Change, Forward, Request, operation_of, planted, refuse_right
from loracle_contracts import validate

__all__ = ["CASES"]

CASES = Corpus()


def _settings(**changes: Any) -> Any:
    body = plain()
    body["expert_setting"] |= changes
    return body


def _with(**changes: Any) -> Any:
    return {**plain(), **changes}


_PARTS = plain()["components"]
_IMAGES = plain()["image_dataset_items"]
_RESIZE = _PARTS[1]["args"]
_BODIES = {
    "class_prompt_not_person": _settings(class_prompt="cat"),
    "duplicate_argument": _with(components=[{"name": "resize", "args": [*_RESIZE, _RESIZE[0]]}]),
    "duplicate_component": _with(components=[*_PARTS, _PARTS[1]]),
    "few_images": _with(image_dataset_items=_IMAGES[:5]),
    "missing_argument": _with(components=[{"name": "resize", "args": _RESIZE[:1]}]),
    "size_unlike_resize": _with(width=768),
    "steps_below_images": _settings(max_train_steps=7, lr_warmup_steps=0),
    "text_encoder_not_trained": _settings(train_text_encoder=False),
    "undocumented_learning_rate": _settings(learning_rate=0.0003),
    "warmup_longer_than_training": _settings(max_train_steps=60),
    "warmup_without_effect": _settings(lr_scheduler="constant"),
}


def _refusing(lint: str) -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        if operation_of(request) == SUBJECT and request.body:
            verdict = validate(request.body, SUBJECT)
            if not verdict.violations and lint in [found.rule for found in verdict.lints]:
                return await refuse_right(request, forward)
        return await forward(request)

    return change


def _fill() -> None:
    for slug, body in _BODIES.items():

        def make(lint: str = f"lint.{slug}") -> Change:
            return _refusing(lint)

        CASES.add(
            f"refuses.lint.{slug}",
            "rejects-valid",
            SUBJECT,
            planted(make),
            posted(SUBJECT, body),
            needs_create=True,
        )


_fill()
