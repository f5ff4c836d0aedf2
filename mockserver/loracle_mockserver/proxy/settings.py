"""What a proxy was told when it was started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loracle_contracts.verdict import Profile
from loracle_mockserver.proxy.upstream import Origin

__all__ = ["Mode", "Settings"]

Mode = Literal["report", "enforce"]


@dataclass(frozen=True)
class Settings:
    """`timeout` is in seconds; `upload_host` is whose upload URLs lead through the proxy."""

    upstream: Origin
    profile: Profile = "strict"
    mode: Mode = "report"
    timeout: float = 60.0
    upload_host: Origin | None = None
    tells_forwarded: bool = False
    is_recording: bool = False

    @property
    def must_read(self) -> bool:
        """Whether every answer must come in a form that can be read."""
        return self.is_recording or self.mode == "enforce"
