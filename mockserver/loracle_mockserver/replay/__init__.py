"""Plays a cassette: the mock answers as the recorded server did."""

from loracle_mockserver.replay.cassette import Cassette, CassetteUnreadableError
from loracle_mockserver.replay.engine import ReplayingEngine

__all__ = ["Cassette", "CassetteUnreadableError", "ReplayingEngine"]
