"""What a run of the fuzzer is to do, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass, field

from loracle_contracts.verdict import Profile

__all__ = ["LAYERS", "FuzzOptions"]

# In the order in which they run: what is cheap and safe first.
LAYERS = ("examples", "authentication", "raw", "queries", "table", "walk", "boundaries", "pairwise", "random")


@dataclass(frozen=True)
class FuzzOptions:
    """The limits and settings of a run.

    `max_creates` bounds the trainings that may be started, `max_requests` the requests of all kinds,
    `rate` the requests a second (None: as fast as they are answered), `timeout` the seconds that an answer
    may take, `max_latency` those after which it is a finding (None: no bound). `asset_ids` and
    `base_model` are what the server knows, where it does not take every id and name. `other_api_key`
    belongs to another account. `upload_hosts` are hosts, besides the server's, that files may be uploaded to.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    profile: Profile = "strict"
    max_creates: int = 0
    max_requests: int = 700
    rate: float | None = None
    seed: int = 0
    timeout: float = 10.0
    max_latency: float | None = None
    layers: tuple[str, ...] = LAYERS
    asset_ids: tuple[str | int, ...] = ()
    base_model: str | None = None
    other_api_key: str | None = field(default=None, repr=False)
    upload_hosts: tuple[str, ...] = ()
    max_wait: float = 300.0
    """Seconds that may be spent on waiting as Retry-After asks."""
    max_findings: int | None = None
    """After so many findings the run ends (None: it goes on)."""
    max_watch: float = 0.0
    """Seconds over which the states of a task are watched; with 0 they are asked for without waiting."""
