"""What the server prints when it listens: where, and a command that can be tried."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

import click

from loracle_mockserver.configuration import Configuration

__all__ = ["announce"]

# An address that means "all of them" is none to connect to.
_REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_BODY = (
    '{"name":"test","base_model":"v1-5-pruned-emaonly","width":512,"height":512,'
    '"image_dataset_items":[{"assets_id":26}],"components":[]}'
)


def announce(configuration: Configuration, host: str, port: int, api_keys: Sequence[str]) -> None:
    """Prints that the server listens. Raises OSError where nobody reads it."""
    tls = configuration.tls
    shown = _REACHABLE.get(host, host)
    scheme, shown = "https" if tls else "http", f"[{shown}]" if ":" in shown else shown
    url = f"{scheme}://{shown}:{port}"
    click.echo(f"loracle mock ({configuration.profile}, seed {configuration.seed}) listens on {url}")
    click.echo(f"docs: {url}/docs")
    if tls:
        click.echo(f"ca: {tls.ca}")
    trust = f"--cacert {shlex.quote(str(tls.ca))} " if tls else ""
    authorization = shlex.quote(f"Authorization: Bearer {api_keys[0] if api_keys else 'any-key'}")
    click.echo(
        f"try:  curl -s {trust}{url}/v3/training/subject -H {authorization} "
        f"-H 'Content-Type: application/json' -d '{_BODY}'"
    )
    sys.stdout.flush()
