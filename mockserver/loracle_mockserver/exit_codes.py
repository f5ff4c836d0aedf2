"""What the exit code of a command says: 0 it holds, 1 it does not, 2 wrong usage, 3 could not run."""

from __future__ import annotations

import signal

import click

__all__ = ["COULD_NOT_RUN", "INTERRUPTED", "TERMINATED", "CouldNotRunError"]

COULD_NOT_RUN = 3
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM  # as a shell shows a process that SIGTERM ended


class CouldNotRunError(click.ClickException):
    """The command is right, but the machine does not let it run; the text says why in one line."""

    exit_code = COULD_NOT_RUN
