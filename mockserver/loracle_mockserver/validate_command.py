"""The command `loracle validate`: its options, the bar, the end of a run, its exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from loracle_mockserver.exit_codes import (
    COULD_NOT_RUN,
    INTERRUPTED,
    PIPE_CLOSED,
    CouldNotRunError,
    close_quietly,
    end,
)
from loracle_mockserver.options import option

if TYPE_CHECKING:
    from loracle_contracts.inputs import Check, Judge
    from loracle_contracts.report import Reporter
    from loracle_mockserver.progress import Progress

__all__ = ["validate"]

_USUAL_COLUMNS = 80


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH|-...")
@option(
    "--operation",
    metavar="NAME",
    help="The operation that the payloads belong to, such as createStyleTraining. Without it each payload "
    "is recognised by its members.",
)
@option("--response", is_flag=True, help="The payloads are answers, not requests.")
@option(
    "--profile",
    default="strict",
    type=click.Choice(["strict", "lenient", "seed"]),
    help="Which profile of the contract is in force.",
)
@option(
    "--format",
    default="text",
    type=click.Choice(["text", "json", "sarif", "junit", "github"]),
    help="How the report is written.",
)
@option(
    "--lints",
    default="warn",
    type=click.Choice(["off", "warn", "error"]),
    help="What is legal, but without effect or unwise: leave it out, tell it, count it as an error.",
)
@option("--fix", is_flag=True, help="Mend in the files what can be mended without a change of meaning.")
@click.option("--explain", metavar="RULE", help="Print a rule with its source and examples, and end.")
@click.pass_context
def validate(context: click.Context, /, paths: tuple[str, ...], **chosen: Any) -> None:
    """Check payloads against the contract.

    PATH is a file, a folder or a glob; - is standard input. JSON, JSON Lines (.jsonl, .ndjson), YAML,
    HTTP Archives (.har) and what the mock's journal exports are read, compressed ones (.gz), too.

    Exit codes: 0 all payloads keep the contract, 1 one does not, 2 wrong usage, 3 something could not be
    checked.
    """
    if chosen["explain"] is not None:
        _explain(chosen["explain"], chosen["profile"])
        return
    if not paths:
        raise click.UsageError("name a file, a folder, or - for standard input")
    if chosen["fix"] and "-" in paths:
        raise click.UsageError("--fix changes files; standard input is none")
    from loracle_contracts.inputs import Judge  # noqa: PLC0415 - not for --help

    try:
        judge = Judge(
            chosen["profile"],
            chosen["operation"],
            is_answer=chosen["response"],
            with_lints=chosen["lints"] != "off",
        )
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--operation") from None
    try:
        code = _run(judge, paths, chosen)
        sys.stdout.flush()
    except KeyboardInterrupt:  # before the first file, or behind the last one
        code = INTERRUPTED
    except BrokenPipeError:
        close_quietly()
        code = PIPE_CLOSED
    except OSError as error:
        close_quietly()
        raise CouldNotRunError(f"the report cannot be written: {error.strerror or error}") from None
    end(context, code)


def _explain(rule: str, profile: Any) -> None:
    from loracle_contracts.report import explain_rule  # noqa: PLC0415 - see above

    try:
        click.echo(explain_rule(rule, profile), nl=False)
    except KeyError as error:
        raise click.BadParameter(str(error.args[0]), param_hint="--explain") from None


def _run(judge: Judge, paths: tuple[str, ...], chosen: dict[str, Any]) -> int:
    """Checks all, reports, and answers the exit code."""
    from loracle_contracts.inputs import Check  # noqa: PLC0415 - see above
    from loracle_contracts.report import reporter  # noqa: PLC0415 - see above

    stdout, bar = _streams(paths)
    is_text = chosen["format"] == "text"
    is_terminal = is_text and sys.stdout.isatty()
    report = reporter(
        chosen["format"],
        stream=stdout,
        color=is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
        width=_columns() if is_terminal else None,
        lints=chosen["lints"],
        profile=chosen["profile"],
    )
    check = Check(judge, _standard_input(), tell=lambda sentence: _tell(sentence, bar))
    if chosen["fix"]:
        from loracle_contracts.fixes import Fixer  # noqa: PLC0415 - see above

        fixer = Fixer(judge, show=stdout.write if is_text else sys.stderr.write)
        check.prepare = fixer.fix
    is_whole = _Interrupts().run(report, check, paths, bar)
    if bar is not None:
        bar.erase()
    report.close()
    if not is_whole:
        return INTERRUPTED
    return COULD_NOT_RUN if report.counts.unreadable else int(report.counts.errors > 0)


class _Interrupts:
    """Ctrl-C ends a check at once, but never in the middle of what is being written."""

    def __init__(self) -> None:
        self._is_writing = False
        self._is_pending = False

    def run(self, report: Reporter, check: Check, paths: Iterable[str], bar: Progress | None) -> bool:
        """Reports all outcomes; False where an interrupt has ended that early."""
        before = signal.signal(signal.SIGINT, self._handle)
        try:
            for outcome in check.outcomes(paths):
                self._is_writing = True
                report.add(outcome)
                self._is_writing = False
                if self._is_pending:
                    raise KeyboardInterrupt  # noqa: TRY301 - the same end as below
                if bar is not None:
                    bar.advance(check.taken)
        except KeyboardInterrupt:
            from loracle_contracts.report import Unreadable  # noqa: PLC0415 - see above

            self._is_writing = True
            reason = "Interrupted; what comes after this place was not checked."
            report.add(Unreadable(check.reading or "-", "", reason))
            return False
        finally:
            signal.signal(signal.SIGINT, before)
        return True

    def _handle(self, _number: int, _frame: object) -> None:
        if self._is_writing and not self._is_pending:
            self._is_pending = True
        else:
            raise KeyboardInterrupt


def _streams(paths: Iterable[str]) -> tuple[TextIO, Progress | None]:
    """Where results go, and the bar where a person looks."""
    if not sys.stderr.isatty():
        return sys.stdout, None
    from loracle_mockserver.progress import Above, Progress  # noqa: PLC0415 - on a terminal only

    bar = Progress(sys.stderr, _size_of(paths))
    if not sys.stdout.isatty():
        return sys.stdout, bar
    cast("Any", sys.stdout).reconfigure(errors="backslashreplace")
    return cast("TextIO", Above(sys.stdout, bar)), bar


def _size_of(paths: Iterable[str]) -> int:
    """How many bytes there are to read; 0 where standard input is part of it."""
    from loracle_contracts.inputs import sources  # noqa: PLC0415 - on a terminal only

    return sum(_sizes(sources, paths)) if "-" not in paths else 0


def _sizes(sources: Any, paths: Iterable[str]) -> Iterator[int]:
    for path in paths:
        for source in sources(path):
            try:
                yield os.stat(source.path).st_size  # noqa: PTH116 - see Source
            except (OSError, ValueError, AttributeError):
                continue  # what is wrong with it will be told when it is read


def _columns() -> int:
    # A terminal that does not know its size says 0.
    return os.get_terminal_size(sys.stdout.fileno()).columns or _USUAL_COLUMNS


def _standard_input() -> Any:
    return getattr(sys.stdin, "buffer", None)


def _tell(sentence: str, bar: Progress | None) -> None:
    if bar is not None:
        bar.erase()
    click.echo(f"loracle: {sentence}", err=True)
