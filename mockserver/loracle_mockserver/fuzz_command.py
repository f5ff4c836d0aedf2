"""The command `loracle fuzz`: its options, its guards, the report of a run and its exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from loracle_mockserver.exit_codes import (
    COULD_NOT_RUN,
    INTERRUPTED,
    PIPE_CLOSED,
    CouldNotRunError,
    close_quietly,
    end,
)
from loracle_mockserver.fuzz_target import Target, agree, key_from_file, read_key, target_of
from loracle_mockserver.options import Words, option
from loracle_mockserver.whole_files import write_file

if TYPE_CHECKING:
    from loracle_contracts.fuzzing import FuzzOptions, FuzzReport

__all__ = ["fuzz"]

_RATE_ELSEWHERE = 5.0
_FILE = click.Path(dir_okay=False, path_type=Path)
_POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command()
@click.argument("url", required=False, metavar="URL")
@option(
    "--api-key",
    show_default=False,
    help="The key to send. The environment or a file is safer: command lines can be seen.",
)
@option("--api-key-file", type=_FILE, help="A file that holds the key.")
@option(
    "--other-api-key",
    show_default=False,
    help="A key of another account: it must not see the first one's trainings.",
)
@option(
    "--profile",
    default="strict",
    type=click.Choice(["strict", "lenient", "seed"]),
    help="The profile of the contract that the server follows.",
)
@option(
    "--max-creates",
    default=0,
    type=click.IntRange(0),
    help="How many trainings may be started; each may cost money. With 0 none is, as long as the server "
    "refuses what it must.",
)
@option("--max-requests", default=700, type=click.IntRange(1), help="How many requests may be sent.")
@option("--max-findings", type=click.IntRange(1), help="End after so many findings.")
@option(
    "--rate",
    type=_POSITIVE,
    help=f"Requests a second. Without it: unlimited on this machine, {_RATE_ELSEWHERE:g} elsewhere.",
)
@option("--seed", default=0, type=int, help="Same seed, same requests.")
@option("--timeout", default=10.0, type=_POSITIVE, help="Seconds to wait for an answer.")
@option("--max-latency", type=_POSITIVE, help="Seconds after which an answer is a finding.")
@option(
    "--max-watch",
    default=0.0,
    type=click.FloatRange(0),
    help="Seconds over which the states of the trainings are watched.",
)
@option(
    "--layers",
    type=Words(),
    metavar="A,B",
    help="Only these: examples, authentication, raw, queries, table, walk, boundaries, pairwise, random.",
)
@option("--asset-id", "asset_ids", multiple=True, help="An image that the server knows. Repeatable.")
@option("--base-model", help="A base model that the server knows.")
@option("--upload-host", "upload_hosts", multiple=True, help="A host that files may go to. Repeatable.")
@option(
    "--format",
    default="text",
    type=click.Choice(["text", "json", "junit", "sarif", "github", "html"]),
    help="How the report is written.",
)
@click.option("--output", type=_FILE, help="A file for the report, not stdout.")
@click.option("--save", type=_FILE, help="A file for the report as JSON beside the other: for --replay.")
@click.option("--replay", type=_FILE, help="Look whether the findings in this JSON report are still there.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--yes", "is_agreed", is_flag=True, help="Agree to test a server that is not on this machine.")
@click.pass_context
def fuzz(context: click.Context, /, url: str | None, **chosen: Any) -> None:
    """Test a server against the contract.

    URL is where the server is, such as http://127.0.0.1:8000 or https://staging.example.com/prefix.

    Exit codes: 0 nothing was found, 1 there are findings, 2 wrong usage, 3 the server could not be tested.
    With --replay: 1 a finding is still there, 3 none is, but one could not be checked.
    """
    _check(chosen)
    if chosen["replay"] is not None:
        from loracle_mockserver.fuzz_replay import replay  # noqa: PLC0415 - not for --help

        with_extra(replay, context, url, chosen)
        return
    if url is None:
        raise click.UsageError("name the server to test, such as http://127.0.0.1:8000")
    with_extra(_fuzz, context, target_of(url), chosen)


def with_extra(function: Any, *arguments: Any) -> None:
    """Calls the function. Raises CouldNotRunError with the install line where its libraries are missing."""
    try:
        import httpx  # noqa: F401, PLC0415
    except ModuleNotFoundError:
        raise CouldNotRunError("loracle fuzz needs httpx: pip install 'loracle[fuzz]'") from None
    function(*arguments)


def _check(chosen: dict[str, Any]) -> None:
    for name in ("output", "save"):
        path = chosen[name]
        if path is not None and not path.absolute().parent.is_dir():
            raise CouldNotRunError(f"--{name}: there is no folder {path.absolute().parent}")
    if chosen["dry_run"] and chosen["replay"] is not None:
        raise click.UsageError("--dry-run does not go with --replay")
    if chosen["replay"] is not None and chosen["format"] not in ("text", "json"):
        raise click.UsageError("--replay has the formats text and json")
    if chosen["replay"] is not None and chosen["save"] is not None:
        raise click.UsageError("--save does not go with --replay; its file stays as it is")


def options_of(context: click.Context, target: Target, chosen: dict[str, Any]) -> FuzzOptions:
    """The options of a run. Raises BadParameter and UsageError."""
    from loracle_contracts.fuzzing import LAYERS, FuzzOptions  # noqa: PLC0415

    layers = chosen["layers"] if chosen["layers"] is not None else LAYERS
    unknown = [layer for layer in layers if layer not in LAYERS]
    if unknown or not layers:
        said = f"no layer {unknown[0]!r}" if unknown else "name at least one layer"
        raise click.BadParameter(f"{said}; there are {', '.join(LAYERS)}", param_hint="--layers")
    other = chosen["other_api_key"]
    limits = ("max_creates", "max_requests", "max_findings", "timeout", "max_latency", "max_watch")
    names = ("profile", "seed", *limits)
    return FuzzOptions(
        url=target.url,
        api_key=_key(context, chosen),
        other_api_key=None if other is None else read_key(other, "--other-api-key"),
        rate=chosen["rate"] or (None if target.is_loopback else _RATE_ELSEWHERE),
        layers=tuple(layers),
        asset_ids=chosen["asset_ids"],
        base_model=chosen["base_model"],
        upload_hosts=tuple(host.lower() for host in chosen["upload_hosts"]),
        **{name: chosen[name] for name in names},
    )


def _key(context: click.Context, chosen: dict[str, Any]) -> str | None:
    key, file = chosen["api_key"], chosen["api_key_file"]
    on_line = context.get_parameter_source("api_key") is ParameterSource.COMMANDLINE
    if file is not None and on_line:
        raise click.UsageError("give --api-key or --api-key-file, but not both")
    if file is not None:
        return key_from_file(file, "--api-key-file")
    # Set but empty is what an unset secret looks like in CI.
    if key is None and os.environ.get("LORACLE_API_KEY", "unset").strip():
        return None
    return read_key(key or "", "--api-key")


def _fuzz(context: click.Context, target: Target, chosen: dict[str, Any]) -> None:
    options = options_of(context, target, chosen)
    if chosen["dry_run"]:
        from loracle_mockserver import fuzz_plan  # noqa: PLC0415 - loads the mock
        from loracle_mockserver.fuzz_target import plan  # noqa: PLC0415

        click.echo(f"{plan(options, target.host, 'would send')}\n")
        for line in fuzz_plan.table(fuzz_plan.rehearsed(options), options):
            click.echo(line)
        return
    agree(options, target, is_agreed=chosen["is_agreed"])
    try:
        report = _run(options)
    except KeyboardInterrupt:  # a second one, while the first is being followed
        end(context, INTERRUPTED)
    _report(report, chosen)
    end(context, _exit_code(report, target))


def _run(options: FuzzOptions) -> FuzzReport:
    import asyncio  # noqa: PLC0415
    from dataclasses import replace  # noqa: PLC0415

    from loracle_contracts.fuzzing import fuzz as run  # noqa: PLC0415

    is_seen = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    try:
        report = asyncio.run(run(options, progress=_show if is_seen else None))
    finally:
        if is_seen:
            click.echo("\r\x1b[K", err=True, nl=False)
    # That nothing answers says nothing of each request.
    return report if report.answered else replace(report, findings=())


def _show(layer: str, sent: int) -> None:
    click.echo(f"\r{layer}: {sent} requests\x1b[K", err=True, nl=False)


def _report(report: FuzzReport, chosen: dict[str, Any]) -> None:
    from loracle_contracts.fuzzing.report import written  # noqa: PLC0415
    from loracle_contracts.fuzzing.report.document import document  # noqa: PLC0415

    told = document(report)
    is_json = chosen["format"] == "json" and chosen["output"] is not None
    saved_as = chosen["save"] or (chosen["output"] if is_json else None)
    text = written(
        told,
        chosen["format"],
        color=chosen["output"] is None and wants_color(),
        saved_as=None if saved_as is None else str(saved_as),
    )
    if chosen["save"] is not None:
        write_file(chosen["save"], written(told, "json"))
    write_report(text, chosen["output"])


def wants_color() -> bool:
    """Whether the report goes to a terminal that shows colors."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def write_report(text: str, path: Path | None) -> None:
    """Writes to the file, or to stdout where there is none. Raises CouldNotRunError."""
    if path is not None:
        write_file(path, text)
        return
    try:
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.flush()
    except OSError as error:
        close_quietly()
        if isinstance(error, BrokenPipeError):
            end(click.get_current_context(), PIPE_CLOSED)
        raise CouldNotRunError(f"the report cannot be written: {error.strerror or error}") from None


def _exit_code(report: FuzzReport, target: Target) -> int:
    if report.end == "interrupted":
        return INTERRUPTED
    if not report.answered:
        why = report.stopped or "no request was answered"
        click.echo(f"loracle: {target.host} could not be tested: {why}", err=True)
        return COULD_NOT_RUN
    if report.end == "server" and not any(map(_tells, report.findings)):
        click.echo(f"loracle: {target.host} could not be tested to the end: {report.stopped}", err=True)
        return COULD_NOT_RUN
    return int(bool(report.findings))


def _tells(finding: Any) -> bool:
    """Whether a finding is more than that the server, at that moment, was not there or took nothing."""
    from loracle_contracts.exchange import Answer  # noqa: PLC0415

    outcome = finding.exchanges[0].outcome
    if isinstance(outcome, Answer):
        return outcome.status not in (429, 502, 503, 504)
    return outcome.kind not in ("refused", "timeout")
