"""The listening socket of a command, or the sentence that says why there is none."""

from __future__ import annotations

import errno
import socket

import click

from loracle_mockserver.exit_codes import CouldNotRunError
from loracle_mockserver.server import bind

__all__ = ["bound"]


def bound(host: str, port: int) -> socket.socket:
    """A listening socket for a command.

    Raises CouldNotRunError or BadParameter, which say why there is none.
    """
    try:
        return bind(host, port)
    except UnicodeError:
        raise click.BadParameter(f"{host!r} is no host name", param_hint="--host") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = f"port {port} of {host} is taken; choose another with --port, or --port 0 for a free one."
        elif error.errno == errno.EACCES:
            why = f"port {port} needs more rights than this user has; choose one above 1023."
        else:
            why = f"cannot listen on {host}, port {port}: {error.strerror or error}."
        raise CouldNotRunError(why) from None
