"""Which file a source is, for systems that know a repository by its root."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePath

__all__ = ["repository_root", "within"]


def repository_root(environment: Mapping[str, str]) -> str:
    """The root that annotations are relative to: GitHub's workspace, else the working directory."""
    return environment.get("GITHUB_WORKSPACE") or str(Path.cwd())


@lru_cache(maxsize=64)  # a file with many findings is asked for as often
def within(source: str, root: str) -> str | None:
    """The source as a path relative to the root, with slashes; None where it is not inside."""
    try:
        relative = os.path.relpath(source, root)
    except ValueError:  # on another drive, or not a path at all
        return None
    path = PurePath(relative)
    return None if path.is_absolute() or path.parts[:1] == ("..",) else path.as_posix()
