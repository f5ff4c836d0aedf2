"""What a plan is made of: each value as requested, as used, and why; what may be cut; what is refused."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

__all__ = ["Argument", "Caps", "Component", "Planned", "Source", "TrainPlan", "Untrainable", "fitted"]

T = TypeVar("T")
Source = Literal["request", "default", "cap", "unused"]


class Untrainable(Exception):  # noqa: N818 - it is an answer, not a fault of the program
    """A request, or its images, that cannot be trained.

    `reason` is a slug for programs, `message` says why and what to do, `pointer` is the JSON Pointer of
    the value in the request that it is about ("" for the whole of it).
    """

    def __init__(self, reason: str, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.pointer = pointer

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, self.message, self.pointer)


class Canceled(Exception):  # noqa: N818 - it was asked for
    """The training was canceled after `step` steps."""

    def __init__(self, step: int) -> None:
        super().__init__(f"canceled after {step} steps")
        self.step = step

    def __reduce__(self) -> tuple[type[Canceled], tuple[int]]:
        return type(self), (self.step,)


@dataclass(frozen=True, slots=True)
class Caps:
    """What one training may cost at most; what a request asks beyond it is cut, and that is told."""

    max_steps: int = 2000
    max_images: int = 50
    max_pixels: int = 1024 * 1024
    """Of a picture after its components."""
    max_input_pixels: int = 50_000_000
    """Of a picture as it is uploaded; a larger one is not decoded."""
    wall_seconds: float = 120.0
    cpu_seconds: float = 120.0
    queue_length: int = 100


@dataclass(frozen=True, slots=True)
class Planned(Generic[T]):
    """One value of the plan.

    `requested` is what the request says (None where it is absent or null), `effective` what the training
    uses. `source` says where that comes from: the request, a default, a cap that cut what was requested,
    or `unused`: requested, but another value of the request leaves it without effect. `note` says why.
    """

    requested: T | None
    effective: T
    source: Source
    note: str = ""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a component, read from its text."""

    name: str
    planned: Planned[Any]


@dataclass(frozen=True, slots=True)
class Component:
    """A component of the request, and all of its documented arguments."""

    name: str
    index: int
    """Its place in the request."""
    arguments: tuple[Argument, ...]

    def __getitem__(self, name: str) -> Any:
        """The value in effect of an argument. Raises KeyError for one that the component has not."""
        for argument in self.arguments:
            if argument.name == name:
                return argument.planned.effective
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """A training, decided. Sizes are pixels; of the images the engine trains on an 8 x 8 average."""

    operation: str
    name: str
    base_model: str
    width: Planned[int]
    height: Planned[int]
    images: Planned[int]
    """How many images are trained on: the first ones of the request, where a cap cuts them."""
    captions: tuple[str, ...]
    """One for each image: its own caption, or the instance prompt where that is empty or absent."""
    instance_prompt: Planned[str]
    class_prompt: Planned[str]
    train_batch_size: Planned[int]
    max_train_steps: Planned[int]
    seed: Planned[int]
    lr_warmup_steps: Planned[int]
    learning_rate: Planned[float]
    lr_scheduler: Planned[str]
    with_prior_preservation: Planned[bool]
    train_text_encoder: Planned[bool]
    prior_loss_weight: Planned[float]
    class_images: Planned[int]
    """How many are sampled from the base model for prior preservation."""
    lora_r: Planned[int]
    lora_alpha: Planned[int]
    lora_text_encoder_r: Planned[int]
    lora_text_encoder_alpha: Planned[int]
    components: tuple[Component, ...]

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON values."""
        found = dataclasses.asdict(self)
        found["captions"] = list(self.captions)
        found["components"] = [
            {
                "name": component.name,
                "index": component.index,
                "arguments": {one.name: dataclasses.asdict(one.planned) for one in component.arguments},
            }
            for component in self.components
        ]
        return found


def fitted(width: int, height: int, pixels: int) -> tuple[int, int]:
    """The largest size of about the same shape that has at most so many pixels, no side below 1.

    Sizes of any magnitude are taken: a request may ask for 2**53 - 1 pixels a side, and a component for 32
    digits.
    """
    if width * height <= pixels:
        return width, height
    # Whole numbers: beyond 2**53 a float would no longer be exact, and 32 digits squared are too many.
    narrow = min(max(1, math.isqrt(pixels * width // height)), pixels)
    return narrow, min(max(1, height * narrow // width), pixels // narrow)
