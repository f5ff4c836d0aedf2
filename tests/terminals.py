"""A command at a terminal of its own."""

from __future__ import annotations

import os
import pty
from collections.abc import Mapping, Sequence


def on_a_terminal(command: Sequence[str], env: Mapping[str, str], types: bytes = b"") -> tuple[int, str]:
    """The exit code and all that a terminal got, at which something is typed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], list(command), {**os.environ, "TERM": "xterm", **env})
    os.write(terminal, types)
    said = b""
    try:
        while piece := os.read(terminal, 65536):
            said += piece
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode()
