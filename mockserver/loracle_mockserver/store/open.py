"""From the text of `--store` to a store."""

from __future__ import annotations

from loracle_mockserver.store.memory import MemoryStore
from loracle_mockserver.store.protocol import Store, StoreError

__all__ = ["open_store"]

_FORMS = "memory, sqlite:PATH or redis://HOST:PORT/DATABASE"


def open_store(url: str, max_tasks: int | None = None, *, seed: int) -> Store:
    """The store that a URL names: `memory`, `sqlite:PATH`, `redis://`, `rediss://` or `unix://`.

    All behind `sqlite:` is the path. With `max_tasks` the oldest tasks go where there are more; without
    it `memory` keeps 10,000 and the others keep all. A store belongs to one `seed`, because the ids of
    its tasks were made from it. Every process opens the store for itself, after it was forked.

    Raises StoreError, with one sentence that says why, where the store cannot be used.
    """
    if max_tasks is not None and max_tasks < 0:
        raise StoreError(f"a store cannot keep {max_tasks} tasks")
    if url == "memory":
        return MemoryStore(max_tasks)
    scheme, colon, rest = url.partition(":")
    if colon and scheme == "sqlite":
        from loracle_mockserver.store.sqlite import SqliteStore  # noqa: PLC0415

        return SqliteStore(rest, seed, max_tasks)
    if colon and scheme in ("redis", "rediss", "unix"):
        try:
            from loracle_mockserver.store.redis import RedisStore  # noqa: PLC0415
        except ModuleNotFoundError as error:
            if error.name != "redis":
                raise
            raise StoreError(
                "a store in Redis needs the Redis client: pip install 'loracle[redis]'"
            ) from None
        return RedisStore(url, seed, max_tasks)
    # What stands behind the scheme may be a password.
    shown = f"{scheme}:" if colon else url
    raise StoreError(f"no kind of store is called {shown!r}; there are {_FORMS}")
