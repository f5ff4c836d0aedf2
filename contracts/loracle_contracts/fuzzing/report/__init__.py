"""Reports of a run of the fuzzer: for a person, for CI systems, for machines; for `--replay`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

__all__ = ["FORMATS", "Document", "written"]

Document = dict[str, Any]
_MODULES = {
    "text": "text",
    "json": "json_report",
    "junit": "junit",
    "sarif": "sarif",
    "github": "github",
    "html": "html_page",
}
FORMATS = tuple(_MODULES)


def written(
    document: Document,
    format: str = "text",  # noqa: A002 - the option's name
    *,
    color: bool = False,
    saved_as: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> str:
    """A report in one of FORMATS, from what `document.document` made of a run.

    `color` is for a terminal, `saved_as` the file that has the report as JSON, which `--replay` reads;
    `environment` is where GitHub's file for the summary of a step is looked up. Raises ValueError for an
    unknown format, OSError where that file cannot be written.
    """
    if format not in _MODULES:
        raise ValueError(f"no format {format!r}; there are {', '.join(FORMATS)}")
    form = import_module(f"loracle_contracts.fuzzing.report.{_MODULES[format]}")
    text: str = form.written(document, color=color, saved_as=saved_as, environment=environment)
    return text
