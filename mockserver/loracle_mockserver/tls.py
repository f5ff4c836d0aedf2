"""The certificate of a server that speaks TLS: a user's own, or one made for the occasion."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TlsError", "TlsFiles", "check_tls", "self_signed"]


class TlsError(Exception):
    """A certificate that cannot be had or used; the text says why."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the certificate and its private key are, in PEM; `ca` is what a client has to trust."""

    certificate: Path
    key: Path
    ca: Path


def check_tls(certificate: Path, key: Path) -> TlsFiles:
    """The files of a certificate and its key, found to be usable. Raises TlsError where they are not."""
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise TlsError(f"{path} cannot be read: {error.strerror}") from None

    def no_password() -> str:
        # Without this OpenSSL would ask at the terminal.
        raise TlsError(f"the key {key} is encrypted; give one without a password")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsError(f"the key {key} is not that of the certificate {certificate}") from None
        reason = f": {error.reason}" if error.reason else ""
        raise TlsError(f"{certificate} and {key} are no certificate and key in PEM{reason}") from None
    return TlsFiles(certificate, key, certificate)


@contextlib.contextmanager
def self_signed(host: str) -> Iterator[TlsFiles]:
    """A certificate for this machine and `host`, and the authority that signed it; both go at the end.

    Raises TlsError where the extra `tls` is missing or no certificate can be made for the host.
    """
    try:
        import trustme  # noqa: PLC0415 - an extra, and slow to import
    except ModuleNotFoundError as error:
        if error.name != "trustme":
            raise
        raise TlsError("--tls self-signed needs trustme: pip install 'loracle[tls]'") from None
    authority = trustme.CA(organization_name="loracle mock", organization_unit_name="for tests only")
    try:
        certificate = authority.issue_cert(*_identities(host))
    except (ValueError, UnicodeError) as error:
        raise TlsError(f"no certificate can be made for the host {host!r}: {error}") from None
    # Only this user can look into the directory.
    with tempfile.TemporaryDirectory(prefix="loracle-tls-") as place:
        files = TlsFiles(Path(place, "server.pem"), Path(place, "server.key"), Path(place, "ca.pem"))
        certificate.private_key_pem.write_to_path(files.key)
        for n, blob in enumerate(certificate.cert_chain_pems):
            blob.write_to_path(files.certificate, append=n > 0)
        authority.cert_pem.write_to_path(files.ca)
        yield files


def _identities(host: str) -> list[str]:
    """What the server may be called by those who call it."""
    names = ["localhost", "127.0.0.1", "::1"]
    try:
        is_anywhere = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        is_anywhere = False
    return list(dict.fromkeys([*names, socket.gethostname() if is_anywhere else host]))
