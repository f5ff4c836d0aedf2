"""The server that `loracle fuzz` is to test: its URL, the keys, the plan, and who agrees to it."""

from __future__ import annotations

import ipaddress
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import click

from loracle_mockserver.exit_codes import CouldNotRunError

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.options import FuzzOptions

__all__ = ["Target", "agree", "key_from_file", "read_key", "target_of"]

_MAX_KEY_FILE = 64 * 1024


@dataclass(frozen=True)
class Target:
    """A server: its URL without a slash at the end, its host, and whether it is this machine."""

    url: str
    host: str
    is_loopback: bool


def target_of(text: str) -> Target:
    """The server that a URL names. Raises BadParameter with what to write instead."""
    url = text.strip()
    if not url.isprintable() or " " in url:
        raise _bad("a URL has no blanks and no control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad(f"{_shown(url)!r} is no URL: {error}") from None
    if "@" in parts.netloc:
        raise _bad(
            "credentials do not belong into the URL; give the key by LORACLE_API_KEY or --api-key-file"
        )
    if parts.scheme not in ("http", "https"):
        raise _bad(f"{_shown(url)!r} does not begin with http:// or https://, as in http://127.0.0.1:8000")
    if not parts.hostname or port == 0:
        raise _bad(f"{_shown(url)!r} names no host, as http://127.0.0.1:8000 does")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise _bad("the URL ends with the path that all operations have in common; it has no query and no #")
    return Target(url.rstrip("/"), _host(parts), _is_loopback(parts.hostname))


def _bad(text: str) -> click.BadParameter:
    return click.BadParameter(text, param_hint="URL")


def _shown(url: str) -> str:
    """The URL without what may be credentials."""
    return re.sub(r"//[^/@]*@", "//", url.partition("?")[0])[:200]


def _host(parts: SplitResult) -> str:
    return parts.netloc.lower()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def key_from_file(path: Path, option: str) -> str:
    """The key that stands in a file, without the blanks around it. Raises CouldNotRunError, BadParameter."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_KEY_FILE + 1)
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise CouldNotRunError(f"{path} cannot be read: {reason}") from None
    if len(data) > _MAX_KEY_FILE or len(text.split()) != 1:
        raise click.BadParameter(f"{path} has to hold one key and nothing else", param_hint=option)
    return read_key(text.strip(), option)


def read_key(key: str, option: str) -> str:
    """The key, if a header can carry it. Raises BadParameter, which does not quote it."""
    if not key.strip():
        raise click.BadParameter("a key cannot be blank", param_hint=option)
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise click.BadParameter("a key consists of ASCII characters without blanks", param_hint=option)
    return key


def plan(options: FuzzOptions, host: str, doing: str = "sends") -> str:
    """What a run may do to the server, in one sentence."""
    rate = "as fast as they are answered" if options.rate is None else f"{options.rate:g} a second"
    creates = (
        f"starts at most {options.max_creates} trainings, which may cost money"
        if options.max_creates
        else "starts no training, as long as the server refuses what it must"
    )
    return (
        f"loracle fuzz {doing} at most {options.max_requests} requests to {host}, {rate}, under the profile "
        f"{options.profile}, and {creates}."
    )


def agree(options: FuzzOptions, target: Target, *, is_agreed: bool, doing: str = "sends") -> None:
    """Has a person agree to the plan where the server is not on this machine.

    Raises UsageError where nobody can be asked, CouldNotRunError where the answer is no.
    """
    if target.is_loopback or is_agreed:
        return
    said = plan(options, target.host, doing)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(
            f"{said} {target.host} is not this machine, and nobody can be asked here: add --yes to agree."
        )
    click.echo(said, err=True)
    if not click.confirm("Go on?", err=True):
        raise CouldNotRunError("nothing was sent")
