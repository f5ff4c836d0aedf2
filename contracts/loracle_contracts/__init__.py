"""The schema package of the subject-training API: judges data, and knows nothing of servers.

Names are loaded when they are first used, so that `import loracle_contracts` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loracle_contracts._models import (
        Error,
        StyleTrainingRequest,
        SubjectTrainingRequest,
        TaskList,
        TrainingTask,
        UploadRequest,
        UploadTarget,
    )
    from loracle_contracts.checks import check_server, check_server_async
    from loracle_contracts.ids import task_id
    from loracle_contracts.spec import operations, rules
    from loracle_contracts.validation import validate
    from loracle_contracts.verdict import Source, Verdict, Violation

__all__ = [
    "Error",
    "Source",
    "StyleTrainingRequest",
    "SubjectTrainingRequest",
    "TaskList",
    "TrainingTask",
    "UploadRequest",
    "UploadTarget",
    "Verdict",
    "Violation",
    "check_server",
    "check_server_async",
    "operations",
    "rules",
    "task_id",
    "validate",
]

_HOMES = {
    "_models": (
        "Error",
        "StyleTrainingRequest",
        "SubjectTrainingRequest",
        "TaskList",
        "TrainingTask",
        "UploadRequest",
        "UploadTarget",
    ),
    "checks": ("check_server", "check_server_async"),
    "ids": ("task_id",),
    "spec": ("operations", "rules"),
    "validation": ("validate",),
    "verdict": ("Source", "Verdict", "Violation"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
