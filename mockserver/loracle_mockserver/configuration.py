"""All that a server was told when it was started, in a form that its worker processes can be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from loracle_contracts.verdict import Profile
from loracle_mockserver.behaviour import Behaviour
from loracle_mockserver.faults import FaultPlan
from loracle_mockserver.reload import Signature
from loracle_mockserver.tls import TlsFiles

if TYPE_CHECKING:
    from loracle_mockserver.replay import Cassette

__all__ = ["Configuration"]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a server is to be.

    `settings` are those of the worlds that were given explicitly; they win over those of the plan.
    `plan` is what the file `plan_file` held when it was `plan_read`, as far as it is watched (None: it is
    not). `origins` are those that browsers may call from, `is_public` says that other machines can reach
    the server. `replay` is the cassette that is played. `trainer_folder` is where the reference trainer works
    (None: in a temporary one), `trainer_caps` are those of its caps that were given.
    """

    profile: Profile = "strict"
    seed: int = 0
    api_keys: frozenset[str] = frozenset()
    admin_token: str | None = None
    is_public: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    plan: FaultPlan = field(default_factory=FaultPlan)
    plan_file: Path | None = None
    plan_read: Signature = None
    store: str = "memory"
    max_tasks: int | None = None
    workers: int = 1
    tls: TlsFiles | None = None
    origins: tuple[str, ...] = ()
    access_log: bool = False
    log_format: str = "text"
    replay: Cassette | None = None
    replay_latency: bool = False
    replay_fallback: Literal["error", "mock"] = "error"
    trainer: Literal["simulated", "reference"] = "simulated"
    trainer_folder: Path | None = None
    trainer_caps: Mapping[str, float] = field(default_factory=dict)

    @property
    def behaviour(self) -> Behaviour:
        """What worlds begin with. Raises BehaviourError for a setting that cannot be."""
        return Behaviour().changed(self.settings, "the settings")

    def without_overridden(self, plan: FaultPlan) -> FaultPlan:
        """The plan without those of its settings that were given explicitly."""
        kept = tuple((name, value) for name, value in plan.settings if name not in self.settings)
        return replace(plan, settings=kept)
