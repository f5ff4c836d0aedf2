"""What a mock can be told when Python starts it: the options, and the engine that they make."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any, TypeVar

from loracle_contracts import spec
from loracle_mockserver.behaviour import Behaviour
from loracle_mockserver.engine import Engine
from loracle_mockserver.fault_rules import FaultPlanError
from loracle_mockserver.faults import FaultPlan, scenarios
from loracle_mockserver.store import MemoryStore, Store, open_store

__all__ = ["check_names", "check_profile", "fault_plan", "make_engine", "option_names"]

_Engine = TypeVar("_Engine", bound=Engine)
_OF_THE_ENGINE = ("profile", "seed", "api_keys", "faults", "store")


def option_names() -> list[str]:
    """The names of all options: those of the engine, then the settings of its worlds."""
    return [*_OF_THE_ENGINE, *Behaviour.names()]


def check_names(given: Iterable[str], known: Iterable[str], place: str) -> None:
    """Raises TypeError for a name that is not known; the text names the known ones."""
    listed = list(known)
    for name in given:
        if name not in listed:
            close = difflib.get_close_matches(name, listed, n=1)
            hint = f"did you mean {close[0]!r}? There" if close else "there"
            raise TypeError(f"{place} has no option {name!r}; {hint} are {', '.join(listed)}")


def check_profile(profile: Any, seed: Any, place: str) -> None:
    """Raises ValueError for a profile that does not exist, or a seed that is no whole number."""
    if profile not in spec.PROFILES:
        raise ValueError(f"{place}: profile is one of {', '.join(spec.PROFILES)}, not {profile!r}")
    if type(seed) is not int:
        raise ValueError(f"{place}: seed is a whole number, not {seed!r}")


def make_engine(place: str, options: Mapping[str, Any], kind: type[_Engine]) -> _Engine:
    """An engine of this kind with these options; the texts of most errors begin with `place`.

    Settings that are given here win over those that stand in the fault plan. Raises TypeError for an
    option that does not exist, ValueError for one that cannot have this value, OSError for a fault plan
    that cannot be read, StoreError for a store that cannot be used.
    """
    check_names(options, option_names(), place)
    profile, seed = options.get("profile", "strict"), options.get("seed", 0)
    check_profile(profile, seed, place)
    settings = {name: value for name, value in options.items() if name not in _OF_THE_ENGINE}
    behaviour = Behaviour().changed(settings, place)
    keys = _keys(options.get("api_keys", ()), place)
    plan = fault_plan(options.get("faults", ()))
    kept = tuple((name, value) for name, value in plan.settings if name not in settings)
    return kind(profile, seed, keys, replace(plan, settings=kept), behaviour, _store(options, seed))


def _store(options: Mapping[str, Any], seed: int) -> Store:
    store = options.get("store")
    if store is None:
        return MemoryStore()
    if isinstance(store, str):
        return open_store(store, seed=seed)
    opened: Store = store
    return opened


def _keys(api_keys: Any, place: str) -> frozenset[str]:
    keys = [api_keys] if isinstance(api_keys, str) else list(api_keys)
    for key in keys:
        if not isinstance(key, str) or not key.strip():
            raise ValueError(f"{place}: an API key is text that is not blank, not {key!r}")
    return frozenset(keys)


def fault_plan(source: Any) -> FaultPlan:
    """The plan that `source` means.

    That is "@NAME" for a shipped scenario, the path of a YAML file, a plan, one rule, or several rules.
    Raises FaultPlanError where it is none of these, OSError where the file cannot be read.
    """
    if isinstance(source, FaultPlan):
        return source
    if isinstance(source, str) and not source.startswith("@") and not source.endswith((".yaml", ".yml")):
        names = ", ".join(f"@{name}" for name in scenarios())
        raise FaultPlanError(
            f"faults is a plan, a path that ends in .yaml, or one of {names}; not {source!r}"
        )
    if isinstance(source, (str, PurePath)):
        return FaultPlan.load(str(source))
    if isinstance(source, (list, tuple)):
        return FaultPlan.parse({"faults": list(source)}, "faults")
    is_plan = isinstance(source, Mapping) and source.keys() & {"faults", *Behaviour.names()}
    return FaultPlan.parse(dict(source) if is_plan else {"faults": [source]}, "faults")
