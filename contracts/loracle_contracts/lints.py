"""What is legal but has no effect, or is unwise. A lint never changes a verdict or a status.

Contract, decision 0.6. Each check is a generator of (rule id, path of the value).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from loracle_contracts import spec
from loracle_contracts.locate import Lines, locate, pointer
from loracle_contracts.quote import excerpt
from loracle_contracts.verdict import Profile, Violation

__all__ = ["find", "lints"]

Path = tuple[str | int, ...]
Finding = tuple[str, Path]
Payload = dict[str, Any]

_LINTED = ("createSubjectTraining", "createStyleTraining")
_FEW_IMAGES = 6
_POLYNOMIAL_END = 1e-7  # where diffusers' polynomial schedule ends
_ARGUMENTS = {
    "face_crop_region": ("ratio",),
    "resize": ("width", "height"),
    "face_restore": ("method", "upscale"),
}


def lints(
    payload: Any,
    *,
    text: str | None,
    operation: str,
    profile: Profile,
    found: list[Finding] | None = None,
    position: Callable[[int, int], tuple[int, int]] | None = None,
) -> tuple[Violation, ...]:
    """The lints of a valid request body, in the order of the text.

    `text` is the body's source, or None where there is none to point into. `found` is what `find` said of
    the body, for whoever has asked it; `position` leads from line and column in the text to those told.
    """
    if found is None:
        found = find(payload, operation)
    if not found:
        return ()
    places = locate(text, [path for _, path in found]) if text is not None else {}
    lines = Lines(text) if text is not None else None
    out = []
    for rule_id, path in found:
        place = places.get(path)
        # Of a missing member the enclosing object counts.
        start = (place or places[path[:-1]]).start if text is not None else 0
        line, column = lines.place(start) if lines is not None else (None, None)
        if position is not None and line is not None and column is not None:
            line, column = position(line, column)
        got = _got(payload, path, text[place.start : place.end] if text and place else None)
        rule = spec.rule(profile, rule_id)
        out.append(rule.violation("body", pointer(path), got, line, column))
    return tuple(sorted(out, key=lambda lint: (lint.line or 0, lint.column or 0)))


def find(payload: Any, operation: str) -> list[Finding]:
    """The rule of each lint of a valid request body, and the path of the value it is about."""
    if operation not in _LINTED or not isinstance(payload, dict):
        return []
    return [finding for check in _CHECKS for finding in check(payload)]


def _got(payload: Payload, path: Path, quoted: str | None) -> str:
    if quoted is not None:
        return excerpt(quoted)
    value: Any = payload
    for step in path:
        if isinstance(value, dict) and step not in value:
            return "nothing"
        value = value[step]
    return excerpt(json.dumps(value, ensure_ascii=False))


def _setting(payload: Payload) -> Payload:
    setting = payload.get("expert_setting")
    return setting if isinstance(setting, dict) else {}


def _number(value: Any) -> float | None:
    """A number, also where the lenient profile took it as text."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _schedule(payload: Payload) -> Iterator[Finding]:
    setting = _setting(payload)
    warmup = _number(setting.get("lr_warmup_steps"))
    path = ("expert_setting", "lr_warmup_steps")
    scheduler = setting.get("lr_scheduler")
    if warmup and scheduler in (None, "constant"):
        yield "lint.warmup_without_effect", path
    steps = _number(setting.get("max_train_steps"))
    if warmup and steps == 1 and scheduler not in (None, "constant"):
        yield "lint.warmup_trains_nothing", path
    elif warmup and steps is not None and warmup >= steps:
        yield "lint.warmup_longer_than_training", path
    rate = _number(setting.get("learning_rate"))
    if scheduler == "polynomial" and rate is not None and rate <= _POLYNOMIAL_END:
        yield "lint.polynomial_rate_too_small", ("expert_setting", "learning_rate")
    if steps is not None and steps < len(payload["image_dataset_items"]):
        yield "lint.steps_below_images", ("expert_setting", "max_train_steps")


def _text_encoder(payload: Payload) -> Iterator[Finding]:
    setting = _setting(payload)
    if setting.get("train_text_encoder"):
        return
    for name in ("lora_text_encoder_r", "lora_text_encoder_alpha"):
        if setting.get(name) is not None:
            yield "lint.text_encoder_not_trained", ("expert_setting", name)


def _documented_values(payload: Payload) -> Iterator[Finding]:
    setting = _setting(payload)
    definitions = spec.document("strict")["$defs"]
    rate = _number(setting.get("learning_rate"))
    if rate is not None and rate not in definitions["LearningRate"]["examples"]:
        yield "lint.undocumented_learning_rate", ("expert_setting", "learning_rate")
    if payload["base_model"] not in definitions["BaseModel"]["examples"]:
        yield "lint.undocumented_base_model", ("base_model",)
    if _number(setting.get("seed")) == 0:
        yield "lint.seed_zero", ("expert_setting", "seed")
    class_prompt = setting.get("class_prompt")
    if class_prompt is not None and class_prompt != "person":
        yield "lint.class_prompt_not_person", ("expert_setting", "class_prompt")
    if setting.get("with_prior_preservation") is True and class_prompt is None:
        yield "lint.prior_without_class_prompt", ("expert_setting", "class_prompt")


def _images(payload: Payload) -> Iterator[Finding]:
    items = payload["image_dataset_items"]
    if len(items) < _FEW_IMAGES:
        yield "lint.few_images", ("image_dataset_items",)
    for index, item in enumerate(items):
        caption = item.get("caption")
        if isinstance(caption, str) and not caption.strip():
            yield "lint.empty_caption", ("image_dataset_items", index, "caption")


def _components(payload: Payload) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, component in enumerate(payload.get("components") or []):
        name, path = component["name"], ("components", index)
        if name in seen:
            yield "lint.duplicate_component", path
        seen.add(name)
        yield from _arguments(component, (*path, "args"), payload)


def _arguments(component: Payload, path: Path, payload: Payload) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, argument in enumerate(component.get("args") or []):
        name, value = argument.get("name"), argument.get("value")
        if not isinstance(name, str):  # the seed profile takes anything here
            continue
        if name in seen:
            yield "lint.duplicate_argument", (*path, index)
        seen.add(name)
        if isinstance(value, str) and value != value.strip(" \t\n\r"):
            yield "lint.outer_blanks", (*path, index, "value")
        if component["name"] == "resize" and name in ("width", "height"):
            size = _number(payload.get(name))
            if size is not None and _number(value) not in (None, size):
                yield "lint.size_unlike_resize", (*path, index, "value")
    if set(_ARGUMENTS.get(component["name"], ())) - seen:
        yield "lint.missing_argument", path


_CHECKS: tuple[Callable[[Payload], Iterator[Finding]], ...] = (
    _schedule,
    _text_encoder,
    _documented_values,
    _images,
    _components,
)
