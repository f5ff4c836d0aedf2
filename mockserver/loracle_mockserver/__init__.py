"""The mock server of the subject-training API, for Python; its other face is the command `loracle`.

Names are loaded when they are first used, so that `import loracle_mockserver` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loracle_mockserver.asgi import MockApp
    from loracle_mockserver.engine import Engine
    from loracle_mockserver.faults import FaultPlan
    from loracle_mockserver.live import live_server
    from loracle_mockserver.message import Reply, Request
    from loracle_mockserver.training_app import TrainingApp
    from loracle_mockserver.training_mock import MockTask, TrainingMock
    from loracle_mockserver.transport import TrainingTransport
    from loracle_mockserver.verify import Verification

__all__ = [
    "Engine",
    "FaultPlan",
    "MockApp",
    "MockTask",
    "Reply",
    "Request",
    "TrainingApp",
    "TrainingMock",
    "TrainingTransport",
    "Verification",
    "live_server",
]

_HOMES = {
    "asgi": ("MockApp",),
    "engine": ("Engine",),
    "faults": ("FaultPlan",),
    "live": ("live_server",),
    "message": ("Reply", "Request"),
    "training_app": ("TrainingApp",),
    "training_mock": ("MockTask", "TrainingMock"),
    "transport": ("TrainingTransport",),
    "verify": ("Verification",),
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
