"""The command `loracle proxy`: its options, the report at its end, its exit code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loracle_mockserver.exit_codes import CouldNotRunError, end
from loracle_mockserver.options import option

if TYPE_CHECKING:
    from loracle_mockserver.proxy.cassette_writer import CassetteWriter
    from loracle_mockserver.proxy.settings import Settings
    from loracle_mockserver.proxy.upstream import Origin

__all__ = ["proxy"]

_MEBIBYTE = 2**20
# What `loracle validate` reads by the line.
_OF_LINES = (".jsonl", ".ndjson")


@click.command()
@click.argument("url")
@option("--host", default="127.0.0.1", help="Address to listen on.")
@option("--port", default=8000, type=click.IntRange(0, 65535), help="0 takes a free port.")
@option(
    "--profile",
    default="strict",
    type=click.Choice(["strict", "lenient", "seed"]),
    help="Which profile of the contract traffic is held to.",
)
@option(
    "--enforce/--report",
    "enforces",
    default=False,
    help="Pass everything on unchanged and mark it, or refuse requests that break the contract and turn "
    "answers that do into 502.",
)
@option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.har",
    help="Write what goes through, without credentials, as an HTTP Archive.",
)
@option("--overwrite", is_flag=True, help="Let --record replace a file that is there.")
@option("--append", is_flag=True, help="Let --record go on with a cassette that is there.")
@option(
    "--record-size",
    default=256,
    type=click.IntRange(1, 65536),
    metavar="MIB",
    help="How large the file of --record may become.",
)
@option("--format", default="text", type=click.Choice(["text", "json"]), help="How the report is written.")
@option(
    "--upload-host",
    metavar="HOST|URL",
    help="Have uploads to this host, which upload URLs name, go through the proxy, too.",
)
@option("--timeout", default=60.0, type=click.FloatRange(0.001, 86_400), help="Seconds of silence to bear.")
@option(
    "--forwarded/--no-forwarded",
    default=False,
    help="Tell the server of the client: X-Forwarded-For, -Host, -Proto.",
)
@click.pass_context
def proxy(context: click.Context, /, url: str, **chosen: Any) -> None:
    """Pass real traffic on to the server at URL, and judge it both ways.

    Each answer says in the header X-Loracle-Verdict what was found, stderr gets a line for each violation,
    and a report is printed at the end (Ctrl-C, SIGTERM; SIGUSR1 prints one meanwhile to stderr).

    Exit codes: 0 nothing broke the contract, 1 something did, or the server does what the contract does not
    know, 2 wrong usage, 3 could not run, or some answers did not come or could not be judged.
    """
    from loracle_mockserver.proxy.settings import Settings  # noqa: PLC0415 - not for --help

    settings = Settings(
        upstream=_origin(url, "URL"),
        profile=chosen["profile"],
        mode="enforce" if chosen["enforces"] else "report",
        timeout=chosen["timeout"],
        upload_host=_upload_host(chosen["upload_host"]),
        tells_forwarded=chosen["forwarded"],
        is_recording=chosen["record"] is not None,
    )
    if chosen["overwrite"] and chosen["append"]:
        raise click.UsageError("give --overwrite or --append, but not both")
    if (chosen["overwrite"] or chosen["append"]) and chosen["record"] is None:
        raise click.UsageError("--overwrite and --append say what --record does; name its file")
    if chosen["record"] is not None and Path(chosen["record"]).suffix.lower() in _OF_LINES:
        raise click.UsageError("--record writes an HTTP Archive, no JSON text a line; call it .har")
    end(context, _run(settings, chosen))


def _origin(url: str, hint: str) -> Origin:
    from loracle_mockserver.proxy.upstream import Origin  # noqa: PLC0415 - see above

    try:
        return Origin.parse(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=hint) from None


def _upload_host(text: str | None) -> Origin | None:
    if text is None:
        return None
    origin = _origin(text if "://" in text else f"https://{text}", "--upload-host")
    if origin.prefix:
        raise click.BadParameter(f"{text!r} has a path; name the host only", param_hint="--upload-host")
    return origin


def _run(settings: Settings, chosen: dict[str, Any]) -> int:
    """Serves until it is interrupted, reports, and answers the exit code."""
    from loracle_mockserver.binding import bound  # noqa: PLC0415 - see above
    from loracle_mockserver.proxy import server  # noqa: PLC0415 - see above
    from loracle_mockserver.proxy.app import ProxyApp  # noqa: PLC0415 - see above
    from loracle_mockserver.proxy.drift_report import as_json, as_text, exit_code  # noqa: PLC0415 - see above
    from loracle_mockserver.proxy.observer import Observer  # noqa: PLC0415 - see above

    with bound(chosen["host"], chosen["port"]) as listener:
        cassette = _cassette(chosen)
        observer = Observer(_tell, cassette)
        host, port = chosen["host"], listener.getsockname()[1]
        if settings.upstream.host == host and settings.upstream.port == port:
            raise click.BadParameter("the proxy would pass requests on to itself", param_hint="URL")

        def announce() -> None:
            shown = f"[{host}]" if ":" in host else host
            click.echo(
                f"loracle proxy ({settings.profile}, {settings.mode}) listens on http://{shown}:{port}, "
                f"for {settings.upstream}",
                err=True,
            )

        def interim() -> None:
            _tell("so far:\n" + as_text(settings, observer.tally, cassette).rstrip("\n"))

        server.serve(ProxyApp(settings, observer), listener, announce, interim)
    if cassette is not None:
        cassette.close()
    if chosen["format"] == "json":
        import orjson  # noqa: PLC0415 - see above

        report = orjson.dumps(as_json(settings, observer.tally, cassette), option=orjson.OPT_INDENT_2)
        click.echo(report.decode())
    else:
        click.echo(as_text(settings, observer.tally, cassette), nl=False)
    return exit_code(observer.tally, cassette)


def _cassette(chosen: dict[str, Any]) -> CassetteWriter | None:
    from loracle_mockserver.proxy.cassette_writer import CassetteError, CassetteWriter  # noqa: PLC0415

    if chosen["record"] is None:
        return None
    mode = "overwrite" if chosen["overwrite"] else "append" if chosen["append"] else "new"
    try:
        return CassetteWriter(chosen["record"], chosen["record_size"] * _MEBIBYTE, _tell, mode)
    except CassetteError as error:
        raise CouldNotRunError(str(error)) from None


def _tell(text: str) -> None:
    """Writes to stderr; nobody has to read it."""
    try:
        sys.stderr.write(f"loracle: {text}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        # Whoever was reading has gone; the report will tell all of it in numbers.
        return
