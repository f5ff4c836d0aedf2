"""Layer `raw`: bytes, methods, paths, types and framing, as RFC 9110 and strict JSON have them.

A conforming server refuses all of it or only reads; and it answers afterwards as it did before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from loracle_contracts.fuzzing.effects import send_without_effect
from loracle_contracts.fuzzing.media_types import media_type_probes, negotiation_probes
from loracle_contracts.fuzzing.methods import framing_probes, method_probes, path_probes
from loracle_contracts.fuzzing.probe import Probe
from loracle_contracts.fuzzing.raw_bodies import body_probes, size_probes

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["probes", "run"]

LAYER = "raw"


async def run(session: Session) -> None:
    """Sends every probe, and looks whether the server is still as it was before."""
    await send_without_effect(session, LAYER, probes(session))


def probes(session: Session) -> Iterator[Probe]:
    """Everything that the layer sends."""
    yield from method_probes(session, LAYER)
    yield from path_probes(session, LAYER)
    yield from negotiation_probes(session, LAYER)
    yield from media_type_probes(session, LAYER)
    yield from framing_probes(session, LAYER)
    yield from body_probes(session, LAYER)
    yield from size_probes(session, LAYER)
