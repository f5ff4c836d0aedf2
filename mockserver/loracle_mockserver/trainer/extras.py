"""Which libraries an engine needs, the extra of Loracle that brings them, and how they compute. Pure."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

__all__ = ["ONE_THREAD", "EngineName", "extra_of", "lacking", "library_of", "missing"]

EngineName = Literal["reference", "diffusers"]

ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""The variables that say in how many threads the libraries below numpy compute; read as they are loaded."""

_REFERENCE = {"numpy": "numpy", "PIL": "Pillow", "safetensors": "safetensors"}
_DIFFUSERS = {name: name for name in ("torch", "diffusers", "peft", "transformers")}


def extra_of(module: str) -> str:
    """The extra that brings a module."""
    return "trainer-sd" if module in _DIFFUSERS else "trainer"


def lacking(engine: EngineName) -> list[str]:
    """The modules that an engine needs and that cannot be found. Imports nothing."""
    needed = _REFERENCE if engine == "reference" else {**_REFERENCE, **_DIFFUSERS}
    return [module for module in needed if find_spec(module) is None]


def library_of(module: str) -> str:
    """The package that brings a module that an engine needs."""
    return {**_REFERENCE, **_DIFFUSERS}[module]


def missing(engine: EngineName) -> tuple[str, str] | None:
    """The first library that an engine lacks, and its extra; None where all can be found. Imports nothing."""
    module = next(iter(lacking(engine)), None)
    if module is None:
        return None
    # The extra of the second engine brings what the first one needs, too.
    return library_of(module), extra_of("torch" if engine == "diffusers" else module)
