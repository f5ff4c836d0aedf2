"""Drawn heads of people, cats and dogs: what the base model has seen, and the images of who brings none.

A picture is computed, not loaded: the same at every size, but for its edges. Who is drawn is a `Sitter`;
how it is drawn this time, a `Scene`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "COLOURS",
    "KINDS",
    "Pixels",
    "Scene",
    "Sitter",
    "built_in",
    "draw",
    "random_scene",
    "random_sitter",
]

Pixels = npt.NDArray[np.uint8]
Colour = tuple[float, float, float]

COLOURS: dict[str, Colour] = {
    "black": (0.10, 0.10, 0.12),
    "white": (0.92, 0.92, 0.90),
    "grey": (0.50, 0.50, 0.52),
    "red": (0.80, 0.16, 0.14),
    "orange": (0.92, 0.52, 0.12),
    "yellow": (0.94, 0.84, 0.25),
    "green": (0.18, 0.60, 0.25),
    "blue": (0.16, 0.34, 0.78),
    "purple": (0.52, 0.22, 0.64),
    "brown": (0.42, 0.26, 0.14),
    "pink": (0.94, 0.60, 0.70),
}
KINDS = ("man", "woman", "cat", "dog")
_HAIR = ("black", "brown", "orange", "yellow", "grey", "red")
_FUR = ("black", "white", "grey", "orange", "brown")
_CLOTHES = ("red", "green", "blue", "yellow", "purple", "white", "black", "pink")
_BACKGROUNDS = ("grey", "blue", "green", "white", "pink", "orange", "black", "yellow")
_LIGHT_SKIN, _DARK_SKIN = (0.96, 0.80, 0.69), (0.36, 0.22, 0.14)


@dataclass(frozen=True, slots=True)
class Sitter:
    """Who is drawn. Lengths are in units of half a picture."""

    kind: str
    """One of KINDS."""
    skin: float
    """From 0 (light) to 1 (dark); of people only."""
    hair: str
    """A name in COLOURS; of animals the fur's."""
    clothes: str
    """A name in COLOURS; of animals the collar's."""
    long_hair: bool
    hat: bool
    glasses: bool
    beard: bool
    width: float
    """Of the face; 0.30 to 0.46."""


@dataclass(frozen=True, slots=True)
class Scene:
    """How a sitter is drawn this time."""

    background: str
    """A name in COLOURS."""
    x: float = 0.0
    y: float = 0.0
    """How far the head is from its usual place, to the right and down; units of half a picture."""
    size: float = 1.0
    light: float = 1.0
    """What all colours are multiplied with."""


def random_sitter(random: np.random.Generator, kinds: tuple[str, ...] = KINDS) -> Sitter:
    """Somebody of these kinds."""
    kind = kinds[int(random.integers(len(kinds)))]
    is_person = kind in ("man", "woman")

    def chance(of: float) -> bool:
        return bool(random.random() < of)

    return Sitter(
        kind=kind,
        skin=float(random.random()),
        hair=_one(random, _HAIR if is_person else _FUR),
        clothes=_one(random, _CLOTHES),
        long_hair=chance(0.8 if kind == "woman" else 0.1) and is_person,
        hat=chance(0.2) and is_person,
        glasses=chance(0.25) and is_person,
        beard=chance(0.35) and kind == "man",
        width=float(random.uniform(0.30, 0.46)),
    )


def random_scene(random: np.random.Generator) -> Scene:
    """A scene with any background, the head near its usual place."""
    return Scene(
        background=_one(random, _BACKGROUNDS),
        x=float(random.uniform(-0.15, 0.15)),
        y=float(random.uniform(-0.12, 0.12)),
        size=float(random.uniform(0.85, 1.2)),
        light=float(random.uniform(0.75, 1.1)),
    )


def built_in(count: int, seed: int = 0, side: int = 256) -> tuple[Pixels, ...]:
    """Pictures (side, side, 3) of one made-up person in one place: the images of whoever brings none."""
    random = np.random.default_rng([seed, 0xA7A7])
    sitter = random_sitter(random, ("man", "woman"))
    place = random_scene(random)
    return tuple(draw(sitter, _moved(place, random), side) for _ in range(count))


def _moved(scene: Scene, random: np.random.Generator) -> Scene:
    """The scene a moment later."""
    x, y, size, light = random.uniform(-1.0, 1.0, 4).tolist()
    return Scene(
        background=scene.background,
        x=scene.x + 0.06 * x,
        y=scene.y + 0.05 * y,
        size=scene.size * (1.0 + 0.06 * size),
        light=scene.light * (1.0 + 0.08 * light),
    )


def draw(sitter: Sitter, scene: Scene, side: int) -> Pixels:
    """A picture, shape (side, side, 3)."""
    canvas = _Canvas(side, scene)
    if sitter.kind in ("man", "woman"):
        _draw_person(canvas, sitter)
    else:
        _draw_animal(canvas, sitter)
    return canvas.pixels(scene.light)


class _Canvas:
    """A picture that is painted from back to front, in coordinates of the head."""

    def __init__(self, side: int, scene: Scene) -> None:
        places = (np.arange(side) + 0.5) / side * 2.0 - 1.0
        self._x = ((places - scene.x) / scene.size)[np.newaxis, :]
        self._y = ((places - scene.y) / scene.size)[:, np.newaxis]
        self._colours = np.empty((side, side, 3))
        self._colours[:] = COLOURS[scene.background]
        self._colours *= (1.0 - 0.15 * places)[:, np.newaxis, np.newaxis]

    def ellipse(
        self, x: float, y: float, width: float, height: float, colour: Colour, above: float | None = None
    ) -> None:
        """Fills an ellipse around a place; with `above` only the part of it that is above that line."""
        inside = ((self._x - x) / width) ** 2 + ((self._y - y) / height) ** 2 < 1.0
        self._colours[inside if above is None else inside & (self._y < above)] = colour

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fills a rectangle."""
        inside = (self._x > left) & (self._x < right) & (self._y > top) & (self._y < bottom)
        self._colours[inside] = colour

    def ear(self, x: float, top: float, width: float, height: float, colour: Colour) -> None:
        """Fills a triangle that stands on its base."""
        down = (self._y - top) / height
        self._colours[(down > 0.0) & (down < 1.0) & (np.abs(self._x - x) < width * down)] = colour

    def pixels(self, light: float) -> Pixels:
        """The picture in bytes."""
        return np.rint(np.clip(self._colours * light, 0.0, 1.0) * 255.0).astype(np.uint8)


def _draw_person(canvas: _Canvas, sitter: Sitter) -> None:
    hair, clothes, width = COLOURS[sitter.hair], COLOURS[sitter.clothes], sitter.width
    skin = _mixed(_LIGHT_SKIN, _DARK_SKIN, sitter.skin)
    if sitter.long_hair:
        canvas.ellipse(0.0, 0.05, width + 0.22, 0.78, hair)
    canvas.ellipse(0.0, 1.15, 0.80, 0.60, clothes)
    canvas.box(-0.14, 0.3, 0.14, 0.68, _mixed(skin, _DARK_SKIN, 0.25))
    canvas.ellipse(0.0, -0.14, width + 0.08, 0.62, hair, above=0.0)
    canvas.ellipse(0.0, 0.0, width, 0.56, skin)
    canvas.ellipse(0.0, -0.30, width + 0.04, 0.42, hair, above=-0.28)
    if sitter.beard:
        canvas.ellipse(0.0, 0.36, width * 0.8, 0.24, hair)
    for side in (-1.0, 1.0):
        canvas.ellipse(side * 0.17, -0.06, 0.075, 0.05, COLOURS["white"])
        canvas.ellipse(side * 0.17, -0.06, 0.045, 0.045, COLOURS["black"])
        if sitter.glasses:
            canvas.ellipse(side * 0.19, -0.05, 0.15, 0.11, COLOURS["black"])
    canvas.box(-0.03, 0.02, 0.03, 0.16, _mixed(skin, _DARK_SKIN, 0.2))
    canvas.ellipse(0.0, 0.28, 0.13, 0.04, (0.70, 0.25, 0.25))
    if sitter.hat:
        canvas.box(-width - 0.22, -0.46, width + 0.22, -0.36, clothes)
        canvas.ellipse(0.0, -0.44, width + 0.02, 0.40, clothes, above=-0.40)


def _draw_animal(canvas: _Canvas, sitter: Sitter) -> None:
    fur, width = COLOURS[sitter.hair], sitter.width + 0.1
    dark, light = _mixed(fur, COLOURS["black"], 0.35), _mixed(fur, COLOURS["white"], 0.45)
    canvas.ellipse(0.0, 1.05, 0.50, 0.60, fur)
    canvas.box(-0.34, 0.50, 0.34, 0.62, COLOURS[sitter.clothes])
    if sitter.kind == "cat":
        for side in (-1.0, 1.0):
            canvas.ear(side * 0.34, -0.80, 0.26, 0.65, fur)
            canvas.ear(side * 0.34, -0.60, 0.13, 0.40, COLOURS["pink"])
    canvas.ellipse(0.0, 0.04, width, 0.48, fur)
    if sitter.kind == "dog":
        for side in (-1.0, 1.0):
            canvas.ellipse(side * (width + 0.02), 0.06, 0.17, 0.48, dark)
    canvas.ellipse(0.0, 0.27, 0.24, 0.20, light)
    for side in (-1.0, 1.0):
        canvas.ellipse(side * 0.19, -0.05, 0.08, 0.08, COLOURS["green" if sitter.kind == "cat" else "black"])
    canvas.ellipse(0.0, 0.17, 0.09, 0.06, COLOURS["black"])


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


def _one(random: np.random.Generator, names: tuple[str, ...]) -> str:
    return names[int(random.integers(len(names)))]
