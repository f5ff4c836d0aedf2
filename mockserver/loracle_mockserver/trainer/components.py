"""What the components of a request do to a picture; each tells what it did, or why it did nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from loracle_mockserver.trainer.planned import Caps, Component, TrainPlan, Untrainable, fitted

__all__ = ["TRAINING_SIZE", "ComponentRecord", "process"]

TRAINING_SIZE = "training size"
"""The last step of every picture: to the width and height of the request."""

_NEEDS_OPENCV = "face_crop_region needs OpenCV: pip install 'loracle[trainer-face]'"
_NO_WEIGHTS = "not applied: no package ships the weights of GFPGAN"
_NO_FACE = "no face found: the centre square"
_NOT_LOOKED_FOR = "no photograph, no face looked for: the centre square"
_CASCADE = "haarcascade_frontalface_default.xml"
_DETECTION_SIDE = 640
"""The longest side of a picture that faces are looked for in; larger ones are made smaller for it."""
_SMALLEST_FACE = 24


@dataclass(frozen=True, slots=True)
class ComponentRecord:
    """What one step did to one picture. Sizes are (width, height) in pixels."""

    image: int
    """The picture's place in image_dataset_items."""
    component: str
    applied: bool
    note: str
    before: tuple[int, int]
    after: tuple[int, int]
    box: tuple[int, int, int, int] | None = None
    """What a crop kept: left, upper, right, lower, in pixels of the picture before it."""

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON values."""
        found = asdict(self)
        found.update(before=list(self.before), after=list(self.after), box=self.box and list(self.box))
        return found


def process(
    picture: Image.Image, image: int, plan: TrainPlan, caps: Caps, *, has_faces: bool = True
) -> tuple[Image.Image, list[ComponentRecord]]:
    """An RGB picture after the plan's components, in their order, and at the training's size; with records.

    Where it is known that there are no faces, none are looked for. Raises Untrainable (`missing_extra`)
    where they are looked for and OpenCV is not installed.
    """
    records: list[ComponentRecord] = []

    def step(name: str, after: Image.Image, note: str, *, applied: bool = True, box: Any = None) -> None:
        nonlocal picture
        records.append(ComponentRecord(image, name, applied, note, picture.size, after.size, box))
        picture = after

    for component in plan.components:
        if component.name == "face_crop_region":
            box, note = _face_region(picture, component, has_faces=has_faces)
            step(component.name, picture.crop(box), note, box=box)
        elif component.name == "resize":
            size = component["width"], component["height"]
            step(component.name, _resized(picture, size), f"cropped around the centre to {_text(size)}")
        else:
            step(component.name, picture, _NO_WEIGHTS, applied=False)
            _upscale(picture, component["upscale"], caps, step)
    size = plan.width.effective, plan.height.effective
    note = "has that size already" if picture.size == size else f"cropped around the centre to {_text(size)}"
    step(TRAINING_SIZE, _resized(picture, size), note, applied=picture.size != size)
    return picture, records


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture if picture.size == size else ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


def _upscale(picture: Image.Image, factor: float, caps: Caps, step: Any) -> None:
    name = "face_restore: upscale"
    if factor == 1.0:
        step(name, picture, "a factor of 1 changes nothing", applied=False)
        return
    wanted = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    size = fitted(*wanted, caps.max_pixels)
    note = f"a resize by {factor:g}, no restoration"
    if size != wanted:
        note += f"; at most {caps.max_pixels} pixels in all"
    step(name, picture.resize(size, Image.Resampling.LANCZOS), note)


def _face_region(
    picture: Image.Image, component: Component, *, has_faces: bool
) -> tuple[tuple[int, int, int, int], str]:
    """The square around the largest face, its side the face's times the ratio; without a face the centre."""
    ratio = component["ratio"]
    face = _largest_face(picture) if has_faces else None
    limit = min(picture.size)
    if face is None:
        return _square(
            picture, picture.width / 2, picture.height / 2, limit
        ), _NO_FACE if has_faces else _NOT_LOOKED_FOR
    left, upper, side = face
    wanted = side * ratio
    note = f"a face of {round(side)} pixels, ratio {ratio:g}"
    if wanted > limit:
        note += "; the picture is not larger"
    # Compared as floats: a ratio may have 32 digits.
    kept = limit if wanted > limit else max(1, round(wanted))
    return _square(picture, left + side / 2, upper + side / 2, kept), note


def _square(picture: Image.Image, x: float, y: float, side: int) -> tuple[int, int, int, int]:
    """A square around a point, moved where it would leave the picture."""
    left = min(max(0, round(x - side / 2)), picture.width - side)
    upper = min(max(0, round(y - side / 2)), picture.height - side)
    return left, upper, left + side, upper + side


def _largest_face(picture: Image.Image) -> tuple[float, float, float] | None:
    """Left, upper and side of the largest face in pixels; of equal ones the first from the top left."""
    import numpy as np  # noqa: PLC0415 - OpenCV's form of a picture

    detector = _detector()
    scale = max(1.0, max(picture.size) / _DETECTION_SIDE)
    size = max(1, round(picture.width / scale)), max(1, round(picture.height / scale))
    grey = picture.convert("L").resize(size, Image.Resampling.BOX)
    found = detector.detectMultiScale(
        np.asarray(grey), scaleFactor=1.1, minNeighbors=5, minSize=(_SMALLEST_FACE, _SMALLEST_FACE)
    )
    if not len(found):
        return None
    left, upper, width, _ = min(([int(n) for n in face] for face in found), key=lambda f: (-f[2], f[1], f[0]))
    return left * scale, upper * scale, width * scale


@cache
def _detector() -> Any:
    try:
        import cv2  # noqa: PLC0415 - heavy, and an extra
    except ModuleNotFoundError as error:
        if error.name != "cv2":
            raise
        raise Untrainable("missing_extra", _NEEDS_OPENCV, "/components") from None
    cv2.setNumThreads(1)  # the same faces in the same order, and one core
    detector = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / _CASCADE))
    if detector.empty():
        raise Untrainable("missing_extra", f"OpenCV cannot read {_CASCADE}. {_NEEDS_OPENCV}", "/components")
    return detector


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
