"""Where tasks are kept."""

from loracle_mockserver.store.memory import MemoryStore, Namespace

__all__ = ["MemoryStore", "Namespace"]
