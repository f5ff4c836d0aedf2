"""How much is kept: where there is more the oldest goes, and is counted."""

from __future__ import annotations

__all__ = ["MAX_ENTRIES", "MAX_ENTRY_BYTES", "MAX_NAMESPACES", "MAX_TASKS", "MAX_TASK_BYTES", "MAX_UPLOADS"]

# Of the journal in every store: entries, and the bytes of the bodies in them.
MAX_ENTRIES = 10_000
MAX_ENTRY_BYTES = 64 * 1024 * 1024

# Of memory alone. The others keep all, unless they are told how many tasks.
MAX_TASKS = 10_000
MAX_TASK_BYTES = 64 * 1024 * 1024
MAX_NAMESPACES = 1_000
MAX_UPLOADS = 10_000
