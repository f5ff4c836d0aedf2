"""One picture of a training: the loss curve, samples before and after, the inputs after their components."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from loracle_mockserver.trainer.images import TrainingImages
    from loracle_mockserver.trainer.planned import TrainPlan
    from loracle_mockserver.trainer.training import Outcome

__all__ = ["picture"]

_WIDTH, _MARGIN, _TILE, _GAP, _LINE, _CURVE = 672, 16, 72, 8, 22, 160
_TILES = (_WIDTH - 2 * _MARGIN + _GAP) // (_TILE + _GAP)
_PAPER, _INK, _FAINT, _LOSS, _MEAN = "#ffffff", "#222222", "#888888", "#a9c6ea", "#1f5fb0"
_TEXT_SIZE = 13
_SMOOTHED = 20  # a running mean over so many parts of the training


def picture(outcome: Outcome, plan: TrainPlan, images: TrainingImages) -> bytes:
    """The picture as PNG; the same bytes for the same training and version of Pillow."""
    rows = [
        ("the images after their components", [_tile(image) for image in images.processed[:_TILES]]),
        ("the instance prompt before the training", _tiles(outcome.samples_before)),
        ("the instance prompt after the training", _tiles(outcome.samples_after)),
        ("the class images of prior preservation", _tiles(outcome.class_images)),
    ]
    rows = [(text, tiles) for text, tiles in rows if tiles]
    height = 2 * _MARGIN + 2 * _LINE + _CURVE + len(rows) * (_LINE + _TILE + _GAP)
    sheet = Image.new("RGB", (_WIDTH, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_TEXT_SIZE)
    steps, rate = plan.max_train_steps.effective, plan.learning_rate.effective
    noun = "step" if steps == 1 else "steps"
    head = (
        f"{steps} {noun}, learning rate {rate:g}, {plan.lr_scheduler.effective}, seed {plan.seed.effective}"
    )
    draw.text((_MARGIN, _MARGIN), head, fill=_INK, font=font)
    top = _MARGIN + _LINE
    draw.text((_MARGIN, top), _range(outcome.losses), fill=_FAINT, font=font)
    _curve(draw, outcome.losses, (_MARGIN, top + _LINE, _WIDTH - _MARGIN, top + _LINE + _CURVE - _GAP))
    top += _LINE + _CURVE
    for text, tiles in rows:
        draw.text((_MARGIN, top), text, fill=_INK, font=font)
        for place, tile in enumerate(tiles):
            sheet.paste(tile, (_MARGIN + place * (_TILE + _GAP), top + _LINE))
        top += _LINE + _TILE + _GAP
    out = io.BytesIO()
    sheet.save(out, "PNG", optimize=True)
    return out.getvalue()


def _range(losses: Sequence[float]) -> str:
    finite = [loss for loss in losses if math.isfinite(loss)]
    if not finite:
        return "loss: no finite number"
    return f"loss, and its running mean: from {min(finite):.4g} to {max(finite):.4g}"


def _curve(draw: ImageDraw.ImageDraw, losses: Sequence[float], box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    draw.rectangle(box, outline=_FAINT)
    finite = [loss for loss in losses if math.isfinite(loss)]
    if not finite:
        return
    low, high = min(finite), max(finite)
    spread = high - low

    def place(step: int, loss: float) -> tuple[float, float]:
        across = step / max(1, len(losses) - 1) if len(losses) > 1 else 0.5
        up = (loss - low) / spread if spread > 0 and math.isfinite(spread) else 0.5
        return left + 4 + across * (right - left - 8), bottom - 4 - up * (bottom - top - 8)

    points = [(step, loss) for step, loss in enumerate(losses) if math.isfinite(loss)]
    window = max(1, len(points) // _SMOOTHED)
    sums = np.concatenate(([0.0], np.cumsum([loss / len(points) for _, loss in points])))
    means = [
        (points[end - 1][0], float(sums[end] - sums[end - window]) * len(points) / window)
        for end in range(window, len(points) + 1)
    ]
    draw.line([place(*point) for point in points], fill=_LOSS)
    draw.line([place(*point) for point in means], fill=_MEAN, width=2)
    x, y = place(*means[-1])
    draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=_MEAN)


def _tiles(samples: NDArray[np.float64]) -> list[Image.Image]:
    """Pictures (n, 8, 8, 3) from -1 to 1, as large squares of their pixels."""
    values = np.nan_to_num(np.clip((samples[:_TILES] + 1.0) * 127.5, 0.0, 255.0))
    return [_tile(Image.fromarray(np.rint(one).astype(np.uint8)), Image.Resampling.NEAREST) for one in values]


def _tile(image: Image.Image, method: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
    """A picture in a square, whole."""
    scale = _TILE / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    tile = Image.new("RGB", (_TILE, _TILE), _PAPER)
    tile.paste(image.convert("RGB").resize(size, method), ((_TILE - size[0]) // 2, (_TILE - size[1]) // 2))
    return tile
