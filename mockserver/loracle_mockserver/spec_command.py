"""The command `loracle spec`: the contract in the forms that other tools read, and what changed in one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from loracle_mockserver.exit_codes import INTERRUPTED, CouldNotRunError
from loracle_mockserver.options import option
from loracle_mockserver.whole_files import write_file

if TYPE_CHECKING:
    from loracle_contracts.spec_diff import Party

__all__ = ["spec"]

_YAML = (".yaml", ".yml")
_SIDES: dict[str, tuple[Party, ...]] = {
    "both": ("clients", "servers"),
    "clients": ("clients",),
    "servers": ("servers",),
}


# The environment's LORACLE_FORMAT is the format of reports, so this one has another name.
@click.group(invoke_without_command=True, subcommand_metavar="[diff OLD NEW]")
@option(
    "--profile",
    default="strict",
    type=click.Choice(["strict", "lenient", "seed"]),
    help="Which profile of the contract.",
)
@click.option(
    "--format",
    "form",
    default="openapi-3.1",
    envvar="LORACLE_SPEC_FORMAT",
    type=click.Choice(["openapi-3.1", "openapi-3.0", "json-schema", "typescript"]),
    help="json-schema is for validators and editors: it reports a mistake where it is.",
)
@click.option("--operation", metavar="NAME", help="With json-schema: of this operation alone.")
@click.option(
    "--part",
    type=click.Choice(["request", "query", "response", "error"]),
    help="With --operation: which part of it, else the request body, or the answer where it takes none.",
)
@click.option("--yaml", "as_yaml", is_flag=True, help="YAML; an --output that ends in .yaml is, too.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file, not stdout.")
@click.pass_context
def spec(
    context: click.Context,
    /,
    profile: Any,
    form: str,
    operation: str | None,
    part: str | None,
    as_yaml: bool,
    output: Path | None,
) -> None:
    """Print the contract as OpenAPI, JSON Schema or TypeScript."""
    if context.invoked_subcommand is not None:
        given = [
            parameter.opts[0]
            for parameter in spec.params
            if context.get_parameter_source(str(parameter.name)) == ParameterSource.COMMANDLINE
        ]
        if given:
            raise click.UsageError(f"{given[0]} is for printing the contract; diff does not take it")
        return
    if operation is not None and form != "json-schema":
        raise click.UsageError("--operation needs --format json-schema")
    if part is not None and operation is None:
        raise click.UsageError("--part needs --operation")
    if as_yaml and form == "typescript":
        raise click.UsageError("--yaml does not go with --format typescript")
    as_yaml = as_yaml or (output is not None and output.suffix.lower() in _YAML)
    text = _text(profile, form, operation, part, as_yaml=as_yaml)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text)


def _text(profile: Any, form: str, operation: str | None, part: str | None, *, as_yaml: bool) -> str:
    import json  # noqa: PLC0415

    from loracle_contracts import spec_forms  # noqa: PLC0415 - a help text does without

    if form == "typescript":
        return spec_forms.typescript(profile)
    if form != "json-schema":
        return spec_forms.openapi(profile, form, as_yaml=as_yaml)
    try:
        document = spec_forms.schema(profile, operation, part)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if as_yaml:
        return spec_forms.yaml_text(document)
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


@spec.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--format",
    "form",
    default="text",
    envvar="LORACLE_SPEC_DIFF_FORMAT",
    type=click.Choice(["text", "json"]),
    help="How the changes are reported.",
)
@click.option(
    "--side",
    default="both",
    envvar="LORACLE_SPEC_DIFF_SIDE",
    type=click.Choice(list(_SIDES)),
    help="Whose code may not break.",
)
@click.option(
    "--allow-unknown",
    is_flag=True,
    envvar="LORACLE_SPEC_DIFF_ALLOW_UNKNOWN",
    help="Exit 0 also where a change may break, but nothing shows that it does.",
)
def diff(old: str, new: str, form: str, side: str, allow_unknown: bool) -> None:
    """Say what breaks clients or servers from document OLD to NEW.

    Both are OpenAPI documents of version 3.0 or 3.1 in JSON or YAML: files, - for standard input, or
    builtin:strict, builtin:lenient, builtin:seed. Each change of payloads is shown by one that the one
    document accepts and the other refuses.

    Exit code 0: nothing breaks. 1: something breaks, or may. 3: a document cannot be read.
    """
    from loracle_contracts.spec_diff import (  # noqa: PLC0415 - a help text does without
        DocumentError,
        compare,
        json_report,
        read_document,
        text_report,
    )

    if old == new == "-":
        raise click.UsageError("standard input can be only one of the documents")
    try:
        comparison = compare(read_document(old), read_document(new))
    except DocumentError as error:
        raise CouldNotRunError(str(error)) from None
    except KeyboardInterrupt:
        click.echo("Interrupted: the documents were not compared to the end.", err=True)
        click.get_current_context().exit(INTERRUPTED)
    except ImportError as error:
        raise CouldNotRunError(f"comparing needs jsonschema-rs, which is not there: {error}") from None
    parties = _SIDES[side]
    report = json_report if form == "json" else text_report
    click.echo(report(comparison, parties), nl=False)
    verdict = comparison.verdict(parties)
    if verdict == "breaking" or (verdict == "maybe" and not allow_unknown):
        click.get_current_context().exit(1)
