"""Which libraries an engine needs, and the extra of Loracle that brings them. Pure."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

__all__ = ["EngineName", "extra_of", "missing"]

EngineName = Literal["reference", "diffusers"]

_REFERENCE = {"numpy": "numpy", "PIL": "Pillow", "safetensors": "safetensors"}
_DIFFUSERS = {name: name for name in ("torch", "diffusers", "peft", "transformers")}


def extra_of(module: str) -> str:
    """The extra that brings a module."""
    return "trainer-sd" if module in _DIFFUSERS else "trainer"


def missing(engine: EngineName) -> tuple[str, str] | None:
    """The first library that an engine lacks, and its extra; None where all can be found. Imports nothing."""
    needed = _REFERENCE if engine == "reference" else {**_REFERENCE, **_DIFFUSERS}
    lacking = next((module for module in needed if find_spec(module) is None), None)
    if lacking is None:
        return None
    # The extra of the second engine brings what the first one needs, too.
    return needed[lacking], extra_of("torch" if engine == "diffusers" else lacking)
