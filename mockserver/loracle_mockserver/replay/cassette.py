"""A cassette in memory: finds the recording that answers a request, or the one that comes nearest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote, urlsplit

import orjson

from loracle_contracts.inputs.json_documents import Text, elements
from loracle_contracts.inputs.unit import UnreadableError
from loracle_mockserver.replay.differences import Difference, differences
from loracle_mockserver.replay.recording import Asked, NotPlayedError, Recording, recording

__all__ = ["Cassette", "CassetteUnreadableError"]


class CassetteUnreadableError(Exception):
    """A file that is no cassette; the text says why."""


class Cassette:
    """The recordings of an HTTP Archive, in its order. `uploads` are the paths that upload URLs lead to."""

    def __init__(self, name: str, recordings: list[Recording]) -> None:
        self.name = name
        self.recordings = recordings
        self.uploads = frozenset(filter(None, map(_upload_path, recordings)))
        self._by_route: dict[tuple[str, str], list[Recording]] = defaultdict(list)
        for one in recordings:
            self._by_route[one.asked.method, one.asked.path].append(one)

    @classmethod
    def load(cls, path: Path, tell: Callable[[str], None]) -> Cassette:
        """The cassette in a file; `tell` gets a sentence for what of it cannot be played.

        Raises CassetteUnreadableError where there is nothing to be played.
        """
        recordings: list[Recording] = []
        count = 0
        try:
            for count, element in enumerate(elements(Text(path.read_bytes()), "log", "entries"), 1):
                try:
                    recordings.append(recording(count, element.value))
                except NotPlayedError as error:
                    tell(f"{path}: entry {count} is not played: {error}")
        except OSError as error:
            raise CassetteUnreadableError(f"{path} cannot be read: {error.strerror or error}") from None
        except UnreadableError as error:
            # Whatever was written before is whole.
            if not recordings:
                raise CassetteUnreadableError(f"{path} is no HTTP Archive. {error}") from None
            tell(f"{path} ends early, behind entry {count}: {error}")
        if not recordings:
            raise CassetteUnreadableError(f"{path} has no entry that can be played")
        return cls(str(path), recordings)

    def matching(self, sent: Asked) -> list[Recording]:
        """The recordings of this request, in their order; where the same was asked for again, several."""
        known = self._by_route.get((sent.method, sent.path), [])
        return [one for one in known if next(differences(one.asked, sent), None) is None]

    def nearest(self, sent: Asked) -> tuple[Recording, list[Difference]] | None:
        """The recording of this method and path that differs least, and in what; None where there is none."""
        found = [
            (one, [*differences(one.asked, sent)]) for one in self._by_route.get((sent.method, sent.path), [])
        ]
        return min(found, key=lambda pair: (len(pair[1]), pair[0].n), default=None)

    def nearest_route(self, sent: Asked) -> str:
        """The recorded method and path that resembles most what was sent."""
        routes = [" ".join(route) for route in self._by_route]
        wanted = f"{sent.method} {sent.path}"
        return (get_close_matches(wanted, routes, n=1, cutoff=0.0) or routes)[0]


def _upload_path(one: Recording) -> str | None:
    if one.status != 200 or b"upload_url" not in one.body:
        return None
    try:
        value = orjson.loads(one.body)
        url = value.get("upload_url") if isinstance(value, dict) else None
        return unquote(urlsplit(url).path) if isinstance(url, str) else None
    except ValueError:
        return None
