"""Reports of verdicts: for a person, for CI systems, for machines."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import TextIO, get_args

from loracle_contracts.report.counts import Counts, LintLevel
from loracle_contracts.report.outcome import Checked, Outcome, Unreadable
from loracle_contracts.report.reporter import Form, Reporter
from loracle_contracts.verdict import Profile

__all__ = [
    "FORMATS",
    "LINT_LEVELS",
    "Checked",
    "Counts",
    "LintLevel",
    "Outcome",
    "Reporter",
    "Unreadable",
    "explain_rule",
    "reporter",
]

FORMATS = ("text", "json", "sarif", "junit", "github")
LINT_LEVELS: tuple[LintLevel, ...] = get_args(LintLevel)


def explain_rule(rule: str, profile: Profile = "strict") -> str:
    """One rule as text that ends with a line break: what it expects, its source, examples of both kinds.

    A rule that only other profiles have is explained by the first of them. Raises KeyError for a rule
    that none has; its argument is a sentence with close matches.
    """
    from loracle_contracts.report import explanation  # noqa: PLC0415 - reads the examples

    return explanation.explain_rule(rule, profile)


def reporter(
    format: str,  # noqa: A002 - the option's name
    *,
    stream: TextIO,
    color: bool = False,
    width: int | None = None,
    lints: LintLevel = "warn",
    profile: Profile = "strict",
    environment: Mapping[str, str] = os.environ,
) -> Reporter:
    """A report in one of FORMATS, written to `stream` while outcomes are added.

    `color` and `width` (in columns) are for the text format alone: with a width, which says that a
    person looks at a terminal, each finding is followed by the source with a caret; None leaves that
    out. `lints` says whether lints are left out ("off"), shown ("warn") or count as errors ("error").
    `environment` is where GitHub's variables are looked up: the root of the repository, to which
    annotations and SARIF name files, and the file for the summary of a step.

    >>> import sys
    >>> report = reporter("text", stream=sys.stdout)
    >>> report.add(Unreadable("payload.json.gz", "", "The gzip stream ends too early."))
    payload.json.gz: could not be checked: The gzip stream ends too early.
    >>> report.counts.unreadable
    1

    A stream that can be reconfigured is: the formats for machines are UTF-8, and what the encoding of
    a text report cannot write is escaped. Raises ValueError for an unknown format or level.
    """
    if lints not in LINT_LEVELS:
        raise ValueError(f"no level of lints {lints!r}; there are {', '.join(LINT_LEVELS)}")
    if isinstance(stream, io.TextIOWrapper):
        if format == "text":
            stream.reconfigure(errors="backslashreplace")
        else:
            stream.reconfigure(encoding="utf-8")
    return Reporter(_form(format, stream, color, width, lints, profile, environment), lints)


def _form(
    name: str,
    stream: TextIO,
    color: bool,
    width: int | None,
    lints: LintLevel,
    profile: Profile,
    environment: Mapping[str, str],
) -> Form:
    match name:  # only the format that is used is imported
        case "text":
            from loracle_contracts.report.text import TextForm  # noqa: PLC0415

            return TextForm(stream, color=color, width=width, lints=lints)
        case "json":
            from loracle_contracts.report.json_report import JsonForm  # noqa: PLC0415

            return JsonForm(stream, lints=lints, profile=profile)
        case "sarif":
            from loracle_contracts.report.sarif import SarifForm  # noqa: PLC0415

            return SarifForm(stream, lints=lints, profile=profile, environment=environment)
        case "junit":
            from loracle_contracts.report.junit import JunitForm  # noqa: PLC0415

            return JunitForm(stream, lints=lints)
        case "github":
            from loracle_contracts.report.github import GithubForm  # noqa: PLC0415

            return GithubForm(stream, lints=lints, environment=environment)
        case _:
            raise ValueError(f"no format {name!r}; there are {', '.join(FORMATS)}")
