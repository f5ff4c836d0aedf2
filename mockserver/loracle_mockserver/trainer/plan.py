"""Plans a training: from a request that the contract accepts to what will be done. Pure.

The defaults are those that the contract's descriptions tell; the vendor documents none. Requests that only
the lenient profile accepts are planned, too: numbers as text, absent sizes and components.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from loracle_mockserver.trainer import reading
from loracle_mockserver.trainer.planned import (
    Argument,
    Caps,
    Component,
    Planned,
    Source,
    TrainPlan,
    Untrainable,
    fitted,
)
from loracle_mockserver.trainer.reading import number, switch, text, whole

__all__ = [
    "CLASS_IMAGES",
    "OPERATIONS",
    "Argument",
    "Caps",
    "Component",
    "Planned",
    "Source",
    "TrainPlan",
    "Untrainable",
    "plan",
]

T = TypeVar("T")
Json = Mapping[str, Any]

OPERATIONS = ("createSubjectTraining", "createStyleTraining")

CLASS_IMAGES = 32
"""How many class images are sampled: with fewer the class is not held in place (measured over ten seeds)."""

POLYNOMIAL_END = 1e-7
"""The rate at which diffusers' polynomial schedule ends; it refuses one that does not begin above it."""

_RANK = 32
_STEPS, _STEPS_PER_IMAGE = 2000, 200
_SIDE = 512
_NO_WARMUP = "constant"
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "face_crop_region": ("ratio",),
    "resize": ("width", "height"),
    "face_restore": ("method", "upscale"),
}


def plan(
    request: Json,
    *,
    operation: str = "createSubjectTraining",
    caps: Caps | None = None,
    default_seed: int = 0,
) -> TrainPlan:
    """What a valid request comes to.

    `request` is the parsed body, one that the contract accepts. `default_seed` is the training's seed where
    the request has none. Raises Untrainable where no training can come of it.
    """
    if operation not in OPERATIONS:
        raise Untrainable("not_a_training", f"{operation} starts no training; {' and '.join(OPERATIONS)} do.")
    caps = caps or Caps()
    setting = _Setting(request.get("expert_setting"))
    width, height = _size(request, caps)
    images = _images(request, caps)
    instance = _instance_prompt(setting, operation)
    prior = setting.value("with_prior_preservation", switch, default=False)
    encoder = setting.value("train_text_encoder", switch, default=False)
    scheduler = setting.value("lr_scheduler", text, default=_NO_WARMUP)
    steps = _steps(setting, len(request["image_dataset_items"]), caps)
    return TrainPlan(
        operation=operation,
        name=str(request["name"]),
        base_model=str(request["base_model"]),
        width=width,
        height=height,
        images=images,
        captions=tuple(
            caption
            if isinstance(caption := item.get("caption"), str) and caption.strip()
            else instance.effective
            for item in request["image_dataset_items"][: images.effective]
        ),
        instance_prompt=instance,
        class_prompt=_only_with(
            "with_prior_preservation", prior, setting.value("class_prompt", text, default="person")
        ),
        train_batch_size=setting.value("train_batch_size", whole, default=1),
        max_train_steps=steps,
        seed=setting.value(
            "seed",
            int,
            default=default_seed,
            why=f"the trainer's own seed, {default_seed}, where none is given",
        ),
        lr_warmup_steps=_warmup(setting, scheduler.effective, steps.effective),
        learning_rate=_rate(setting, scheduler.effective),
        lr_scheduler=scheduler,
        with_prior_preservation=prior,
        train_text_encoder=encoder,
        prior_loss_weight=_only_with(
            "with_prior_preservation", prior, setting.value("prior_loss_weight", number, default=1.0)
        ),
        class_images=_class_images(prior.effective),
        lora_r=setting.value("lora_r", whole, default=_RANK),
        lora_alpha=setting.value("lora_alpha", whole, default=_RANK),
        lora_text_encoder_r=_only_with(
            "train_text_encoder", encoder, setting.value("lora_text_encoder_r", whole, default=_RANK)
        ),
        lora_text_encoder_alpha=_only_with(
            "train_text_encoder", encoder, setting.value("lora_text_encoder_alpha", whole, default=_RANK)
        ),
        components=tuple(
            _component(component, index, (width.effective, height.effective), caps)
            for index, component in enumerate(request.get("components") or ())
        ),
    )


class _Setting:
    """The expert settings of a request; none where the member is absent or null."""

    def __init__(self, setting: Any) -> None:
        self._members: Json = setting if isinstance(setting, Mapping) else {}

    def value(self, name: str, kind: Callable[[Any], T], *, default: T, why: str = "") -> Planned[T]:
        """One setting as requested, or the default. Raises Untrainable for what is no value of that kind."""
        requested = self._members.get(name)
        if requested is None:
            absence = "null" if name in self._members else "absent"
            return Planned(None, default, "default", f"{absence}: {why or f'{default} is assumed'}")
        read = reading.read(requested, kind, f"/expert_setting/{name}")
        return Planned(read, read, "request")


def _size(request: Json, caps: Caps) -> tuple[Planned[int], Planned[int]]:
    asked = [request.get(side) for side in ("width", "height")]
    read = [
        _SIDE if value is None else reading.read(value, whole, pointer)
        for value, pointer in zip(asked, ("/width", "/height"), strict=True)
    ]
    if min(read) < 1:
        raise Untrainable("invalid_request", "A picture needs at least one pixel a side.", "/width")
    cut = fitted(read[0], read[1], caps.max_pixels)
    width, height = (
        Planned(None, size, "default", f"absent: {size} is assumed")
        if value is None
        else Planned(size, size, "request")
        for value, size in zip(asked, read, strict=True)
    )
    return _cut(width, cut[0], caps), _cut(height, cut[1], caps)


def _cut(side: Planned[int], length: int, caps: Caps) -> Planned[int]:
    """A side of a picture, made shorter where the picture would have too many pixels."""
    if length == side.effective:
        return side
    return Planned(side.requested, length, "cap", f"at most {caps.max_pixels} pixels in all")


def _images(request: Json, caps: Caps) -> Planned[int]:
    count = len(request["image_dataset_items"])
    if not count:
        raise Untrainable(
            "no_images", "There is nothing to train on without an image.", "/image_dataset_items"
        )
    if count <= caps.max_images:
        return Planned(count, count, "request")
    return Planned(
        count, caps.max_images, "cap", f"the first {caps.max_images}; more are not trained on here"
    )


def _instance_prompt(setting: _Setting, operation: str) -> Planned[str]:
    default = "a photo of sks person" if operation == "createSubjectTraining" else "a picture in sks style"
    return setting.value("instance_prompt", text, default=default, why=f"{default!r} is assumed")


def _steps(setting: _Setting, images: int, caps: Caps) -> Planned[int]:
    default = min(_STEPS, _STEPS_PER_IMAGE * images)
    why = f"{default}, the lesser of {_STEPS} and {_STEPS_PER_IMAGE} an image"
    steps = setting.value("max_train_steps", whole, default=default, why=why)
    if steps.effective <= caps.max_steps:
        return steps
    note = (
        f"{steps.note}; " * bool(steps.note)
        + f"{steps.effective} is beyond {caps.max_steps}, the most that is run"
    )
    return Planned(steps.requested, caps.max_steps, "cap", note)


def _warmup(setting: _Setting, scheduler: str, steps: int) -> Planned[int]:
    warmup = setting.value("lr_warmup_steps", whole, default=0)
    if not warmup.effective:
        return warmup
    if scheduler == _NO_WARMUP:
        return Planned(warmup.requested, 0, "unused", f"the scheduler {_NO_WARMUP} has no warm-up")
    if steps == 1:
        note = "the warm-up begins at rate 0, and that is the only step: nothing is trained"
    elif warmup.effective >= steps:
        note = "the warm-up is as long as the training: the rate is never reached"
    else:
        note = ""
    return Planned(warmup.requested, warmup.effective, "request", note)


def _rate(setting: _Setting, scheduler: str) -> Planned[float]:
    rate = setting.value("learning_rate", number, default=1e-4)
    if scheduler == "polynomial" and rate.effective <= POLYNOMIAL_END:
        raise Untrainable(
            "polynomial_rate_too_small",
            f"The polynomial schedule ends at {POLYNOMIAL_END:g}, and learning_rate {rate.effective:g} is "
            "not above it. Raise learning_rate, or choose another scheduler.",
            "/expert_setting/learning_rate",
        )
    return rate


def _only_with(switch: str, is_on: Planned[bool], planned: Planned[T]) -> Planned[T]:
    """A value that has an effect only where another one is true; said where it has none."""
    if is_on.effective or planned.requested is None:
        return planned
    return Planned(planned.requested, planned.effective, "unused", f"no effect without {switch}")


def _class_images(is_on: bool) -> Planned[int]:
    if not is_on:
        return Planned(None, 0, "default", "none without with_prior_preservation")
    return Planned(
        None, CLASS_IMAGES, "default", "a request cannot say how many; fewer do not hold the class"
    )


def _component(component: Json, index: int, size: tuple[int, int], caps: Caps) -> Component:
    name = component["name"]
    given: dict[str, list[Any]] = {argument: [] for argument in _ARGUMENTS[name]}
    for argument in component.get("args") or ():
        given[argument["name"]].append(argument["value"])
    pointer = f"/components/{index}/args"
    defaults: dict[str, Any] = {
        "ratio": 1.0, "width": size[0], "height": size[1], "method": "gfpgan_1.4", "upscale": 1.0,
    }  # fmt: skip
    planned = {argument: _argument(values, defaults[argument], pointer) for argument, values in given.items()}
    if name == "resize":
        cut = fitted(planned["width"].effective, planned["height"].effective, caps.max_pixels)
        for side, length in zip(("width", "height"), cut, strict=True):
            planned[side] = _cut(planned[side], length, caps)
    return Component(name, index, tuple(Argument(argument, value) for argument, value in planned.items()))


def _argument(values: list[Any], default: Any, pointer: str) -> Planned[Any]:
    if not values:
        return Planned(None, default, "default", f"absent: {default} is assumed")
    value = values[-1]
    kinds: dict[type, Callable[[Any], Any]] = {
        int: whole,
        float: number,
        str: lambda found: text(found).strip(),
    }
    read = reading.read(value, kinds[type(default)], pointer)
    return Planned(read, read, "request", "given more than once: the last one counts" if values[1:] else "")
