"""The pictures of a training: from a folder or from uploaded bytes, through the components, to arrays."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from loracle_mockserver.trainer.components import ComponentRecord, process
from loracle_mockserver.trainer.planned import Caps, TrainPlan, Untrainable

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["INPUT", "SIDE", "TrainingImages", "area_average", "built_in", "from_bytes", "from_folder"]

SIDE = 8
"""The engine trains on pictures of so many pixels a side."""
INPUT = "input"
"""The name of the record that tells how a picture was read."""

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_FORMATS = ("PNG", "JPEG", "WEBP")
_MAX_BYTES = 30 * 1024 * 1024  # of an upload, contract decision 0.3
_KEPT_SIDE = 128
"""The longest side of the pictures that are kept for the report: the full ones are let go one by one."""
_DRAFT_SIDE = 2048
"""A JPEG is decoded at a fraction of its size where that leaves at least so many pixels a side."""
_DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
)
"""What Pillow's readers raise for broken files."""


@dataclass(frozen=True)
class TrainingImages:
    """Pictures to train on.

    `pixels` has the shape (n, 8, 8, 3) and values in [-1, 1]: the area average of each picture after its
    components. `processed` holds those pictures, at most 128 pixels a side, for the report. `ignored` names
    the files of the folder that are no pictures. `whole` holds the pictures after their components at their
    full size, where that was asked for.
    """

    pixels: NDArray[np.float64]
    captions: tuple[str, ...]
    processed: tuple[Image.Image, ...]
    records: tuple[ComponentRecord, ...]
    source: str
    ignored: tuple[str, ...] = ()
    whole: tuple[Image.Image, ...] = ()


def from_folder(
    folder: Path, plan: TrainPlan, caps: Caps | None = None, *, keep_whole: bool = False
) -> TrainingImages:
    """The pictures of a folder, in the order of their names (2 before 10): one for each item of the request.

    `keep_whole` keeps them at their full size, too.
    Raises Untrainable for a folder or a file that cannot be read, and for too many or too few pictures.
    """
    try:
        names = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=_natural)
        files = [path for path in names if path.suffix.lower() in _SUFFIXES and path.is_file()]
    except OSError as error:
        raise Untrainable(
            "images_unreadable", f"{folder} cannot be read: {error.strerror or error}"
        ) from None
    expected = plan.images.requested or plan.images.effective
    if len(files) != expected:
        raise Untrainable(
            "image_count",
            f"{folder} holds {_counted(len(files), 'picture')} (png, jpeg, webp), and the request "
            f"{_counted(expected, 'item')}. Give one picture for each item of image_dataset_items; they are "
            "taken in the order of their names.",
            "/image_dataset_items",
        )
    ignored = tuple(path.name for path in names if path not in files)
    used = files[: plan.images.effective]
    steps = _Steps(plan, caps or Caps(), keep_whole=keep_whole)
    return _processed(((str(path), _read(path)) for path in used), steps, "folder", ignored)


def from_bytes(
    uploads: Iterable[bytes],
    plan: TrainPlan,
    caps: Caps | None = None,
    *,
    source: str = "uploads",
    keep_whole: bool = False,
) -> TrainingImages:
    """The pictures of uploads, one for each item that the plan trains on; read one after the other.

    `keep_whole` keeps them at their full size, too.
    Raises Untrainable for bytes that are no picture, and for too many or too few of them.
    """
    named = ((f"upload {index + 1}", data) for index, data in enumerate(uploads))
    return _processed(named, _Steps(plan, caps or Caps(), keep_whole=keep_whole), source, ())


def built_in(plan: TrainPlan, caps: Caps | None = None, *, keep_whole: bool = False) -> TrainingImages:
    """Drawn avatars of one made-up person, for whoever brings no pictures; the plan's seed says which person.

    `keep_whole` keeps them at their full size, too. No face detector is asked: it was made for photographs.
    """
    from loracle_mockserver.trainer import avatars  # noqa: PLC0415 - drawn only where they are needed

    drawn = avatars.built_in(plan.images.effective, plan.seed.effective)
    steps = _Steps(plan, caps or Caps(), has_faces=False, keep_whole=keep_whole)
    for pixels in drawn:
        steps.take(Image.fromarray(pixels), "drawn")
    return steps.images("built-in avatars")


def area_average(picture: Image.Image) -> NDArray[np.float64]:
    """An RGB picture as (8, 8, 3) numbers in [-1, 1], each the mean over its part of the area.

    Pixels that lie in two parts count for both by their share. Summed in whole numbers, so that the result
    does not depend on the order of the additions, nor on the machine.
    """
    values = np.asarray(picture.convert("RGB"))
    summed = _summed(_summed(values).swapaxes(0, 1)).swapaxes(0, 1)
    mean = summed / (values.shape[0] * values.shape[1])
    return np.asarray(mean / 127.5 - 1.0, dtype=np.float64)


def _summed(values: NDArray[Any]) -> NDArray[np.int64]:
    """The sums over the 8 equal parts of the first axis, in units of an 8th of a pixel."""
    length = values.shape[0]
    before = np.zeros((length + 1, *values.shape[1:]), dtype=np.int64)
    np.cumsum(values, axis=0, out=before[1:])
    # Where each part begins: a whole pixel, and how many 8ths of it.
    pixel, eighths = np.divmod(np.arange(SIDE + 1) * length, SIDE)
    begun = values[np.minimum(pixel, length - 1)].astype(np.int64) * eighths[:, None, None]
    sums: NDArray[np.int64] = np.diff(before[pixel] * SIDE + begun, axis=0)
    return sums


class _Steps:
    """Takes the pictures one after the other through the components; the full ones are let go, or kept."""

    def __init__(
        self, plan: TrainPlan, caps: Caps, *, has_faces: bool = True, keep_whole: bool = False
    ) -> None:
        self.plan, self.caps = plan, caps
        self._has_faces, self._keep_whole = has_faces, keep_whole
        self._whole: list[Image.Image] = []
        self._pixels: list[NDArray[np.float64]] = []
        self._kept: list[Image.Image] = []
        self._records: list[ComponentRecord] = []

    @property
    def count(self) -> int:
        """How many were taken."""
        return len(self._pixels)

    def take(self, picture: Image.Image, note: str) -> None:
        """Processes the next picture; `note` says how it was read."""
        self._records.append(ComponentRecord(self.count, INPUT, True, note, picture.size, picture.size))
        picture, done = process(picture, self.count, self.plan, self.caps, has_faces=self._has_faces)
        self._records += done
        self._pixels.append(area_average(picture))
        self._kept.append(_thumbnail(picture))
        if self._keep_whole:
            self._whole.append(picture)

    def images(self, source: str, ignored: Iterable[str] = ()) -> TrainingImages:
        """All that were taken. Raises Untrainable where the plan has more."""
        if self.count != len(self.plan.captions):
            raise _wrong_count(str(self.count), self.plan)
        return TrainingImages(
            np.stack(self._pixels),
            self.plan.captions,
            tuple(self._kept),
            tuple(self._records),
            source,
            tuple(ignored),
            tuple(self._whole),
        )


def _processed(
    named: Iterable[tuple[str, bytes]], steps: _Steps, source: str, ignored: Iterable[str]
) -> TrainingImages:
    for name, data in named:
        if steps.count == len(steps.plan.captions):
            raise _wrong_count(f"more than {steps.count}", steps.plan)
        steps.take(*_decoded(name, data, f"/image_dataset_items/{steps.count}", steps.caps))
    return steps.images(source, ignored)


def _wrong_count(found: str, plan: TrainPlan) -> Untrainable:
    expected = _counted(len(plan.captions), "item")
    message = f"There are {found} pictures, and the plan trains on {expected}. Give one for each."
    return Untrainable("image_count", message, "/image_dataset_items")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise Untrainable("images_unreadable", f"{path} cannot be read: {error.strerror or error}") from None


def _decoded(name: str, data: bytes, pointer: str, caps: Caps) -> tuple[Image.Image, str]:
    """A picture as RGB, upright, and what was done for that."""
    if len(data) > _MAX_BYTES:
        raise Untrainable("image_too_large", f"{name} has more than {_MAX_BYTES // 2**20} MiB.", pointer)
    try:
        with _quiet(), Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            notes = [f"{picture.format}, {picture.width} x {picture.height}"]
            if picture.width * picture.height > caps.max_input_pixels:
                raise _bomb(name, pointer, caps)
            if getattr(picture, "n_frames", 1) > 1:
                notes.append("the first of several frames")
            picture.draft("RGB", (_DRAFT_SIDE, _DRAFT_SIDE))
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            if picture.getexif().get(_ORIENTATION, 1) != 1:
                notes.append("turned upright as its EXIF data say")
            return _rgb(upright, notes), "; ".join(notes)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _bomb(name, pointer, caps) from None
    except UnidentifiedImageError:
        raise Untrainable("image_unreadable", f"{name} is no png, jpeg or webp.", pointer) from None
    except _DAMAGED as error:
        message = f"{name} is damaged: {str(error) or type(error).__name__}. Save it anew."
        raise Untrainable("image_unreadable", message, pointer) from None


_ORIENTATION = 0x0112


def _bomb(name: str, pointer: str, caps: Caps) -> Untrainable:
    message = f"{name} has more than {caps.max_input_pixels} pixels. Make it smaller before the training."
    return Untrainable("image_too_large", message, pointer)


def _rgb(picture: Image.Image, notes: list[str]) -> Image.Image:
    if picture.mode.startswith("I;16"):
        notes.append("16 bits cut to 8")
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        notes.append("transparency shown on white")
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns of odd metadata; of a picture that is a bomb it only warns, too, and that is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _thumbnail(picture: Image.Image) -> Image.Image:
    copy = picture.copy()
    copy.thumbnail((_KEPT_SIDE, _KEPT_SIDE), Image.Resampling.LANCZOS)
    return copy


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Orders names by the numbers in them; without these by their letters."""
    parts = re.split(r"([0-9]+)", path.name.casefold())
    # Every second part is a number.
    return [(int(part), "") if at % 2 else (0, part) for at, part in enumerate(parts)], path.name


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
