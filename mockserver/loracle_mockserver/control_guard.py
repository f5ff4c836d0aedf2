"""Who may steer a mock: nobody from afar without the token, and no web page that was not asked for."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Iterable, Sequence
from typing import Literal

from loracle_contracts.explain import excerpt
from loracle_mockserver.message import Reply, error_reply

__all__ = ["ControlGuard"]

_HOST = re.compile(rb"(?i)(?:\[([0-9a-f:.]+)\]|([^:/@\[\]]+))(?::[0-9]*)?")
_FROM_AFAR = "The control API is open on loopback only; send 'Authorization: Bearer <admin token>'."
_CLOSED = "Nobody can steer this mock from afar; start it with --admin-token to be able to."


class ControlGuard:
    """Judges the calls below /_mock/.

    `reach` says who can connect: code of this `process`, this machine (`loopback`), or others
    (`network`). From afar the admin token is needed. On loopback it is not, but a browser on this
    machine runs the pages of strangers: a call that names the page it comes from (Origin) has to be of
    the mock's own page or of one of the `origins`, and a host name (which anybody's can be made to mean
    127.0.0.1: DNS rebinding) has to be a local one. Who has the token may do all of it.
    """

    def __init__(
        self,
        admin_token: str | None = None,
        *,
        reach: Literal["process", "loopback", "network"] = "process",
        origins: Iterable[str] = (),
    ) -> None:
        # As the bytes that it was given as on the command line.
        self._token = None if admin_token is None else admin_token.encode("utf-8", "surrogateescape")
        self._reach = reach
        self._origins = frozenset(origins)

    def refusal(self, headers: Sequence[tuple[bytes, bytes]]) -> Reply | None:
        """The 403 for a call with these headers, or None where it may go on."""
        if self._has_token(headers):
            return None
        if self._reach == "network":
            return _forbidden(_CLOSED if self._token is None else _FROM_AFAR)
        origins = _values(headers, b"origin")
        hosts = _values(headers, b"host")
        if any(not self._may_steer(origin, hosts) for origin in origins):
            shown = excerpt(origins[0].decode("latin-1"))
            return _forbidden(
                f"A web page of {shown} may not steer the mock; start it with --cors {shown} if it should."
            )
        if self._reach == "loopback" and any(not _is_local(host) for host in hosts):
            shown = excerpt(hosts[0].decode("latin-1"))
            return _forbidden(
                f"On loopback the control API answers to localhost and to IP addresses, not to the host "
                f"{shown}, which a web page may have made up; or send 'Authorization: Bearer <admin token>'."
            )
        return None

    def _has_token(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        sent = _values(headers, b"authorization")
        if self._token is None or len(sent) != 1:
            return False
        scheme, _, token = sent[0].strip().partition(b" ")
        # In a time that does not tell how much of it was right.
        is_equal = secrets.compare_digest(token.strip(), self._token.strip())
        return is_equal and scheme.lower() == b"bearer"

    def _may_steer(self, origin: bytes, hosts: list[bytes]) -> bool:
        """Whether a page of this origin is the mock's own, or was named with --cors."""
        _, _, host = origin.partition(b"://")
        if host and [host.lower()] == [name.lower() for name in hosts]:
            return True
        return bool(self._origins & {"*", origin.decode("latin-1").lower()})


def _values(headers: Sequence[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name == wanted]


def _is_local(host: bytes) -> bool:
    """Whether a Host header names this machine whatever a name server says."""
    matched = _HOST.fullmatch(host.strip())
    if matched is None:
        return not host.strip()
    name = (matched[1] or matched[2]).decode("latin-1").lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _forbidden(message: str) -> Reply:
    return error_reply("API_NOT_ALLOWED", message)
