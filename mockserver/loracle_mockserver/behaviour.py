"""How the mock's world behaves where nothing fails: how jobs move on, which asset ids there are."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

__all__ = ["Behaviour", "BehaviourError", "Progression"]

Progression = Literal["immediate", "polls", "seconds"]
MAX_POLLS = 1_000_000
MAX_SECONDS = 10_000_000.0


class BehaviourError(ValueError):
    """A setting that cannot be; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The settings of a world, or of one key in it.

    `progression` says what moves a job on: nothing has to (`immediate`), being asked for (`polls`,
    `polls_per_state` times in each state), or time (`seconds`; `seconds_per_state` for the queue, the
    training and the deployment of the model). `asset_ids` is the kind of the ids that uploads get;
    with `require_assets` a training of images that were never uploaded is refused.
    """

    progression: Progression = "polls"
    polls_per_state: int = 1
    seconds_per_state: tuple[float, float, float] = (60.0, 480.0, 60.0)
    asset_ids: Literal["hex", "int"] = "hex"
    require_assets: bool = False

    @classmethod
    def names(cls) -> list[str]:
        """The names of all settings."""
        return [field.name for field in fields(cls)]

    def changed(self, settings: Mapping[str, Any], origin: str) -> Behaviour:
        """The behaviour with these settings changed, as they come from YAML, JSON or Python.

        Raises BehaviourError for a setting that does not exist or cannot have this value.
        """
        names = self.names()
        for name in settings:
            if name not in names:
                close = difflib.get_close_matches(str(name), names, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
                raise BehaviourError(f"{origin}: no setting {name!r}; {hint}")
        values = {name: getattr(self, name) for name in names} | dict(settings)
        for name in settings:
            wanted = _WANTED[name]
            if not _HOLDS[name](values[name]):
                raise BehaviourError(f"{origin}: {name} is {wanted}, not {values[name]!r}")
        values["seconds_per_state"] = tuple(map(float, values["seconds_per_state"]))
        return Behaviour(**values)

    def as_dict(self) -> dict[str, Any]:
        """The settings by name, for JSON."""
        return asdict(self)


def _is_seconds(value: Any) -> bool:
    # A comparison that is false for NaN and infinity, and that a huge integer bears.
    return type(value) in (int, float) and 0 <= value <= MAX_SECONDS


_WANTED = {
    "progression": "immediate, polls or seconds",
    "polls_per_state": f"a whole number from 1 to {MAX_POLLS}",
    "seconds_per_state": "three numbers of seconds (queue, training, deployment)",
    "asset_ids": "hex or int",
    "require_assets": "true or false",
}
_HOLDS = {
    "progression": lambda value: value in ("immediate", "polls", "seconds"),
    "polls_per_state": lambda value: type(value) is int and 1 <= value <= MAX_POLLS,
    "seconds_per_state": lambda value: (
        isinstance(value, (list, tuple)) and len(value) == 3 and all(map(_is_seconds, value))
    ),
    "asset_ids": lambda value: value in ("hex", "int"),
    "require_assets": lambda value: type(value) is bool,
}
