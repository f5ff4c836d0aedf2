"""The options of `loracle serve` that say who trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from loracle_mockserver.exit_codes import CouldNotRunError
from loracle_mockserver.options import Command, option

__all__ = ["trainer_options", "trainer_settings"]


def trainer_options(command: Command) -> Command:
    """Adds the options to a command."""
    for add in (
        option(
            "--trainer-cap",
            "trainer_caps",
            multiple=True,
            metavar="NAME=NUMBER",
            help="A limit of the reference trainer, such as max_steps=200; may be repeated.",
        ),
        option(
            "--trainer-folder",
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="Where the reference trainer keeps uploaded images and models; without it in a temporary "
            "folder, which goes at the end.",
        ),
        option(
            "--trainer",
            default="simulated",
            type=click.Choice(["simulated", "reference"]),
            help="Who trains: nobody, or the small CPU trainer, one training at a time.",
        ),
    ):
        command = add(command)
    return command


def trainer_settings(chosen: dict[str, Any]) -> dict[str, Any]:
    """The members of the configuration that are about the trainer, found to make sense.

    Raises UsageError where they do not, CouldNotRunError where the extra is missing.
    """
    folder, given = chosen["trainer_folder"], chosen["trainer_caps"]
    if chosen["trainer"] == "simulated":
        if folder is not None or given:
            name = "folder" if folder is not None else "cap"
            raise click.UsageError(f"--trainer-{name} is about a real training; add --trainer reference")
        return {}
    if chosen["workers"] > 1:
        raise click.UsageError(
            "--trainer reference runs one training at a time, in one process; leave --workers out"
        )
    if chosen["replay"] is not None:
        raise click.UsageError("--replay plays what was recorded, --trainer reference trains; choose one")
    if folder is None and chosen["store"] != "memory":
        raise click.UsageError(
            "the store keeps tasks when the server has ended, so their models have to stay, too: "
            "say where with --trainer-folder DIR"
        )
    caps = _caps(given)
    from loracle_mockserver.trainer.extras import extra_of, lacking, library_of  # noqa: PLC0415 - few ask for it

    modules = lacking("reference")
    if modules:
        needed = ", ".join(map(library_of, modules))
        extra = extra_of(modules[0])
        raise CouldNotRunError(f"--trainer reference needs {needed}: pip install 'loracle[{extra}]'")
    return {"trainer": "reference", "trainer_folder": folder and folder.absolute(), "trainer_caps": caps}


def _caps(given: tuple[str, ...]) -> dict[str, float]:
    from dataclasses import asdict  # noqa: PLC0415 - few ask for it

    from loracle_mockserver.trainer.planned import Caps  # noqa: PLC0415

    known = asdict(Caps())
    caps: dict[str, float] = {}
    for text in given:
        name, equals, number = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name not in known:
            shown = ", ".join(f"{cap}={value:g}" for cap, value in known.items())
            raise click.BadParameter(f"{text!r} is no cap; there are {shown}", param_hint="--trainer-cap")
        kind = type(known[name])
        try:
            value = kind(number)
        except ValueError:
            value = 0
        if not 0 < value < float("inf"):
            wanted = "a whole number" if kind is int else "a number"
            raise click.BadParameter(f"{text!r}: {name} is {wanted} above 0", param_hint="--trainer-cap")
        caps[name] = value
    return caps
