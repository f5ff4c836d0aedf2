"""What the exit code of a command says: 0 it holds, 1 it does not, 2 wrong usage, 3 could not run."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

import click

__all__ = [
    "COULD_NOT_RUN",
    "INTERRUPTED",
    "OWN_PROCESS",
    "PIPE_CLOSED",
    "TERMINATED",
    "CouldNotRunError",
    "close_quietly",
    "end",
]

COULD_NOT_RUN = 3
INTERRUPTED = 128 + signal.SIGINT
PIPE_CLOSED = 128 + 13  # SIGPIPE, which Windows has no name for
TERMINATED = 128 + signal.SIGTERM  # as a shell shows a process that SIGTERM ended

# click's object for commands that may end the process at once, because nothing else runs in it.
OWN_PROCESS = "a process of its own"


class CouldNotRunError(click.ClickException):
    """The command is right, but the machine does not let it run; the text says why in one line."""

    exit_code = COULD_NOT_RUN


def end(context: click.Context, code: int) -> NoReturn:
    """Ends a command that has nothing left to close.

    A process of its own is left at once: taking an interpreter apart takes a tenth of the whole run.
    """
    if context.find_root().obj is OWN_PROCESS:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    context.exit(code)


def close_quietly() -> None:
    """Has what is left to be written go nowhere, so that the interpreter's end does not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
