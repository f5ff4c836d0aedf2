"""Which machine a URL leads to."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

__all__ = ["host_of", "is_loopback"]


def host_of(url: str) -> str:
    """The host's name or address. Raises ValueError for what is no URL of a server."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not the URL of a server: {url!r}; write it as http://127.0.0.1:8000")
    return parts.hostname


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine. Raises ValueError for what is no URL of a server."""
    host = host_of(url)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
