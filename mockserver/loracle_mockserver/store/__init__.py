"""Where a world is kept: in memory, in a file, or in a Redis that several servers share."""

from loracle_mockserver.store.memory import MemoryStore
from loracle_mockserver.store.open import open_store
from loracle_mockserver.store.protocol import Statistics, Store, StoreError

__all__ = ["MemoryStore", "Statistics", "Store", "StoreError", "open_store"]
