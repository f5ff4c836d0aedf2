"""Pictures that the tests draw: faces that a detector of photographs finds, and plain ones; as files, too."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def face(side: int) -> Image.Image:
    """A face in a square; its middle is a little below that of the picture."""
    picture = Image.new("RGB", (side, side), (120, 120, 120))
    draw = ImageDraw.Draw(picture)

    def ellipse(x: float, y: float, width: float, height: float, colour: tuple[int, int, int]) -> None:
        box = ((x - width) * side, (y - height) * side, (x + width) * side, (y + height) * side)
        draw.ellipse(box, fill=colour)

    ellipse(0.5, 0.5, 0.36, 0.46, (60, 45, 40))
    ellipse(0.5, 0.56, 0.29, 0.38, (215, 180, 160))
    for at in (0.38, 0.62):
        ellipse(at, 0.45, 0.075, 0.05, (120, 85, 75))
        ellipse(at, 0.46, 0.05, 0.022, (240, 240, 240))
        ellipse(at, 0.46, 0.024, 0.024, (30, 25, 25))
        ellipse(at, 0.395, 0.08, 0.014, (60, 45, 40))
    ellipse(0.33, 0.6, 0.07, 0.07, (228, 195, 175))
    ellipse(0.67, 0.6, 0.07, 0.07, (228, 195, 175))
    ellipse(0.5, 0.52, 0.03, 0.1, (230, 200, 180))
    ellipse(0.5, 0.63, 0.05, 0.018, (150, 110, 100))
    ellipse(0.5, 0.75, 0.1, 0.025, (150, 70, 70))
    return picture.filter(ImageFilter.GaussianBlur(side * 0.012))


def with_faces(size: tuple[int, int], *faces: tuple[int, int, int]) -> Image.Image:
    """A plain picture with faces in it: (left, upper, side) each."""
    picture = Image.new("RGB", size, (150, 160, 170))
    for left, upper, side in faces:
        picture.paste(face(side), (left, upper))
    return picture


def quarters(size: tuple[int, int] = (40, 40)) -> Image.Image:
    """Red, green above; blue, white below: what is turned or mirrored shows it."""
    picture = Image.new("RGB", size, "red")
    half = size[0] // 2, size[1] // 2
    picture.paste("green", (half[0], 0, size[0], half[1]))
    picture.paste("blue", (0, half[1], half[0], size[1]))
    picture.paste("white", (half[0], half[1], size[0], size[1]))
    return picture


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """A picture without any pattern."""
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


def encoded(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The bytes of a file."""
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()
