"""The command `loracle judge`: runs the user's own command under scenarios, and reports what it did wrong."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from loracle_mockserver.exit_codes import COULD_NOT_RUN, INTERRUPTED, CouldNotRunError, end
from loracle_mockserver.options import option

if TYPE_CHECKING:
    from loracle_mockserver.judging.finding import Result
    from loracle_mockserver.judging.runner import Judge

__all__ = ["judge"]


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("command", nargs=-1, metavar="[--] COMMAND...", type=click.UNPROCESSED)
@click.option("--list", "is_list", is_flag=True, help="Print the scenarios, and end.")
@option(
    "--scenario",
    multiple=True,
    metavar="NAME",
    help="Judge under this scenario only. Can be given several times; without it, under all.",
)
@option(
    "--env",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a variable for the command; {url}, {host}, {port} and {key} in the value are filled in. "
    "LORACLE_URL and LORACLE_API_KEY are set in any case.",
)
@option(
    "--timeout",
    default=60.0,
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="How long the command may run under one scenario.",
)
@option("--jobs", default=1, type=click.IntRange(1, 64), help="How many scenarios run at once.")
@option("--profile", default="strict", type=click.Choice(["strict", "lenient"]), help="The profile in force.")
@option("--seed", default=0, type=int, help="The seed of ids and of chance.")
@option(
    "--poll-pause",
    default=0.5,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="The shortest pause between two polls of one training that is no storm.",
)
@option(
    "--retry-pause",
    default=0.1,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="The shortest pause before a call is tried again.",
)
@option(
    "--format",
    default="text",
    type=click.Choice(["text", "json", "junit", "html"]),
    help="The report's form.",
)
@option("--show-output", is_flag=True, help="Pass on to stderr what the command prints.")
@click.pass_context
def judge(context: click.Context, /, command: tuple[str, ...], **chosen: Any) -> None:
    """Judge what a client does while things go wrong.

    COMMAND is the client: a test suite, a script, in any language. For each scenario it is run against a
    mock of its own, at LORACLE_URL with the key LORACLE_API_KEY, and judged by the requests that it made,
    its exit code and what it printed.

    Exit codes: 0 nothing was found, 1 there are findings, 2 wrong usage, 3 the command could not be run or
    made no call under any scenario.
    """
    from loracle_mockserver.fault_rules import FaultPlanError  # noqa: PLC0415 - not for --help
    from loracle_mockserver.judging.limits import Limits  # noqa: PLC0415
    from loracle_mockserver.judging.runner import CommandError, Judge  # noqa: PLC0415
    from loracle_mockserver.judging.scenario import judged_scenarios  # noqa: PLC0415

    try:
        scenarios = judged_scenarios(chosen["scenario"])
    except FaultPlanError as error:
        raise click.BadParameter(str(error), param_hint="--scenario") from None
    if chosen["is_list"]:
        for scenario in scenarios:
            click.echo(f"{scenario.name}: {scenario.summary}\n    {scenario.good_client}")
        return
    if not command:
        raise click.UsageError("name the command to judge, behind --: loracle judge -- python my_client.py")
    one = Judge(
        command,
        _variables(chosen["variables"]),
        chosen["timeout"],
        Limits(chosen["poll_pause"], chosen["retry_pause"], profile=chosen["profile"]),
        chosen["profile"],
        chosen["seed"],
        _show if chosen["show_output"] else None,
    )
    results: list[Result] = []
    code = None
    try:
        _judge(one, scenarios, chosen["jobs"], results)
    except CommandError as error:
        raise CouldNotRunError(str(error)) from None
    except KeyboardInterrupt:
        one.stop()
        code = INTERRUPTED
    _report(results, chosen["format"])
    end(context, _exit_code(results) if code is None else code)


def _variables(given: Sequence[str]) -> dict[str, str]:
    variables = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--env")
        variables[name] = value
    return variables


def _judge(one: Judge, scenarios: Sequence[Any], jobs: int, results: list[Result]) -> None:
    is_terminal = sys.stderr.isatty()
    for result in one.run(scenarios, jobs):
        results.append(result)
        if is_terminal:
            click.echo(
                f"\r{len(results)} of {len(scenarios)}: {result.scenario.name}\x1b[K", err=True, nl=False
            )
    if is_terminal:
        click.echo("\r\x1b[K", err=True, nl=False)


def _show(piece: bytes) -> None:
    sys.stderr.buffer.write(piece)
    sys.stderr.buffer.flush()


def _report(results: Sequence[Result], form: str) -> None:
    from loracle_mockserver.judging.report import FORMATS  # noqa: PLC0415 - not for --help

    sys.stdout.write(FORMATS[form](results))
    sys.stdout.flush()


def _exit_code(results: Sequence[Result]) -> int:
    if not any(result.observation.calls for result in results):
        click.echo(
            "The command made no call to LORACLE_URL under any scenario; is it told the URL?", err=True
        )
        return COULD_NOT_RUN
    return int(any(result.findings for result in results))
