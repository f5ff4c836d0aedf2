"""The command `loracle train`: one request, judged, planned and trained in this process."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loracle_mockserver.exit_codes import INTERRUPTED, PIPE_CLOSED, CouldNotRunError, close_quietly, end
from loracle_mockserver.options import option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loracle_mockserver.trainer.extras import EngineName
    from loracle_mockserver.trainer.images import TrainingImages
    from loracle_mockserver.trainer.planned import Caps, TrainPlan
    from loracle_mockserver.trainer.runner import Engine
    from loracle_mockserver.trainer.training import Outcome

__all__ = ["train"]


@click.command()
@click.argument("request_file", metavar="REQUEST.json|-")
@option(
    "--images",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The pictures, one for each item of the request, in the order of their names. Without it built-in "
    "drawings are used.",
)
@option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Where the adapter is written.")
@option(
    "--operation",
    type=click.Choice(["createSubjectTraining", "createStyleTraining"]),
    help="What the request is. Without it the file's name says so: a style training has style in it.",
)
@option(
    "--profile",
    default="strict",
    type=click.Choice(["strict", "lenient", "seed"]),
    help="Which profile of the contract is in force.",
)
@option("--max-steps", default=2000, type=click.IntRange(min=1), help="The most steps that are run.")
@option("--format", default="text", type=click.Choice(["text", "json"]), help="How the result is written.")
@option(
    "--engine",
    default="reference",
    type=click.Choice(["reference", "diffusers"]),
    help="What trains: the small model of this trainer, or a Stable Diffusion pipeline of diffusers.",
)
@option(
    "--base-model-dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="With --engine diffusers: the folder of the pipeline to train; nothing is downloaded. Without it a "
    "tiny untrained one is used.",
)
@option("--dry-run", is_flag=True, help="Print the plan, and train nothing.")
@option(
    "--export",
    type=click.Choice(["peft", "diffusers", "kohya"]),
    help="Print the command of that project's training script, and train nothing.",
)
@option(
    "--launcher",
    default="accelerate",
    type=click.Choice(["accelerate", "torchrun"]),
    help="What the command of --export is launched with.",
)
@click.pass_context
def train(context: click.Context, /, request_file: str, **chosen: Any) -> None:
    """Train a request on the CPU with the reference trainer.

    REQUEST.json is the body of a create; - is standard input. What is trained is a small diffusion model of
    8 x 8 pixels, with the procedure of DreamBooth and LoRA: not Stable Diffusion. --engine diffusers trains
    a pipeline of that shape.

    Exit codes: 0 it was trained, 1 the request breaks the contract, 2 wrong usage, 3 it could not be trained.
    """
    if chosen["dry_run"] and chosen["export"] is not None:
        raise click.UsageError("--dry-run does not go with --export")
    if chosen["engine"] == "reference" and chosen["base_model_dir"] is not None:
        raise click.UsageError("--base-model-dir needs --engine diffusers; the reference trainer has its own")
    if chosen["engine"] != "reference" and chosen["export"] is not None:
        raise click.UsageError("--engine does not go with --export: what is exported trains elsewhere")
    is_planned_only = chosen["dry_run"] or chosen["export"] is not None
    if chosen["out"] is None and not is_planned_only:
        raise click.UsageError("--out names the folder for the adapter")
    try:
        code = _run(request_file, chosen, is_planned_only=is_planned_only)
        sys.stdout.flush()
    except KeyboardInterrupt:
        click.echo("loracle: interrupted; nothing was written", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        close_quietly()
        code = PIPE_CLOSED
    end(context, code)


def _run(request_file: str, chosen: Mapping[str, Any], *, is_planned_only: bool) -> int:
    data = _read(request_file)
    operation = chosen["operation"] or _operation(request_file)
    if not _is_right(request_file, data, operation, chosen):
        return 1
    from loracle_mockserver.trainer.plan import Untrainable, plan  # noqa: PLC0415 - not for --help
    from loracle_mockserver.trainer.planned import Caps  # noqa: PLC0415

    try:
        if chosen["export"] is not None:
            from loracle_mockserver.trainer.exporting import UNCAPPED  # noqa: PLC0415

            _print_export(plan(json.loads(data), operation=operation, caps=UNCAPPED), chosen)
            return 0
        caps = Caps(max_steps=chosen["max_steps"])
        planned = plan(json.loads(data), operation=operation, caps=caps)
        if is_planned_only:
            _print_plan(planned, chosen["format"])
        else:
            _train(planned, caps, chosen)
    except Untrainable as error:
        where = f" [{error.pointer}]" if error.pointer else ""
        raise CouldNotRunError(f"{error.reason}: {error.message}{where}") from None
    return 0


def _read(path: str) -> bytes:
    from loracle_contracts.proof import MAX_BODY  # noqa: PLC0415 - not for --help

    try:
        if path == "-":
            return sys.stdin.buffer.read(MAX_BODY + 1)
        with Path(path).open("rb") as file:
            return file.read(MAX_BODY + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CouldNotRunError(f"{path} cannot be read: {reason}") from None


def _operation(path: str) -> str:
    from loracle_contracts.inputs.shapes import names_style  # noqa: PLC0415

    return "createStyleTraining" if names_style(path) else "createSubjectTraining"


def _is_right(path: str, data: bytes, operation: str, chosen: Mapping[str, Any]) -> bool:
    """Whether the contract accepts the request; what it says is reported as `loracle validate` does."""
    from loracle_contracts.inputs.judge import Judge  # noqa: PLC0415
    from loracle_contracts.inputs.unit import Unit  # noqa: PLC0415
    from loracle_contracts.report import reporter  # noqa: PLC0415

    judge = Judge(chosen["profile"], operation)
    checked = judge.check(Unit(path, "", data), is_named=True)
    if checked is None:
        raise AssertionError("a payload that was named is always judged")
    is_right = checked.verdict.valid
    if is_right and not checked.verdict.lints:
        return True
    # The result of the command is the training; lints only stand beside it.
    form = "text" if is_right else chosen["format"]
    report = reporter(form, stream=sys.stderr if is_right else sys.stdout, profile=chosen["profile"])
    report.add(checked)
    report.close()
    return is_right


def _print_plan(plan: TrainPlan, form: str) -> None:
    if form == "json":
        click.echo(json.dumps({"plan": plan.as_dict()}, indent=2, ensure_ascii=True))
        return
    from loracle_mockserver.trainer.telling import table  # noqa: PLC0415

    click.echo(table(plan))


def _print_export(plan: TrainPlan, chosen: Mapping[str, Any]) -> None:
    from loracle_mockserver.trainer.exporting import export  # noqa: PLC0415

    made = export(
        plan,
        chosen["export"],
        images=str(chosen["images"] or "IMAGES"),
        out=str(chosen["out"] or "OUT"),
        launcher=chosen["launcher"],
    )
    if chosen["format"] == "json":
        found = {"command": made.command, "files": made.files, "notes": made.notes}
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(made.as_shell(), nl=False)


def _train(plan: TrainPlan, caps: Caps, chosen: Mapping[str, Any]) -> None:
    _need_extra(chosen["engine"])
    from loracle_mockserver.trainer import artefact, images, telling  # noqa: PLC0415

    out: Path = chosen["out"]
    try:
        artefact.check_place(out)
        engine = _engine(chosen)
        for sentence in telling.differences(plan):
            click.echo(f"loracle: {sentence}", err=True)
        folder, whole = chosen["images"], chosen["engine"] != "reference"
        taken = (
            images.built_in(plan, caps, keep_whole=whole)
            if folder is None
            else images.from_folder(folder, plan, caps, keep_whole=whole)
        )
        if folder is None:
            click.echo("loracle: no --images: built-in drawings are trained on", err=True)
        if taken.ignored:
            count = len(taken.ignored)
            click.echo(f"loracle: left out, no png, jpeg or webp: {count} in {folder}", err=True)
        progress = telling.Progress()
        outcome = engine.train(plan, taken, emit=progress.take, is_canceled=lambda: False)
        progress.close()
        files = engine.write(outcome, plan, taken, out)
    except FileExistsError as error:
        raise CouldNotRunError(f"--out: {error}") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CouldNotRunError(
            f"{error.filename or out} cannot be written: {error.strerror or error}"
        ) from None
    _print_result(outcome, taken, out, files, chosen["format"])


def _engine(chosen: Mapping[str, Any]) -> Engine:
    """What trains, and writes the artefact. Says what the base model of the second engine is."""
    from loracle_mockserver.trainer.runner import DiffusersEngine, ReferenceEngine  # noqa: PLC0415 - not for --help

    if chosen["engine"] == "reference":
        return ReferenceEngine()
    from loracle_mockserver.trainer import stable_diffusion  # noqa: PLC0415 - not for --help

    folder = chosen["base_model_dir"]
    if folder is not None:
        stable_diffusion.check_folder(folder)  # before the seconds that loading torch takes
    click.echo(
        f"loracle: {stable_diffusion.TINY_NOTE if folder is None else stable_diffusion.FOLDER_NOTE}", err=True
    )
    return DiffusersEngine(folder)


def _print_result(
    outcome: Outcome, images: TrainingImages, out: Path, files: Sequence[str], form: str
) -> None:
    from loracle_mockserver.trainer import telling  # noqa: PLC0415
    from loracle_mockserver.trainer.artefact import REPORT  # noqa: PLC0415

    report = json.loads((out / REPORT).read_bytes())
    if form == "json":
        click.echo(json.dumps({"out": str(out), "files": files, "report": report}, indent=2))
        return
    steps, count = len(outcome.losses), len(images.captions)
    click.echo(
        f"{out}: {steps} step{'s' * (steps != 1)} on {count} image{'s' * (count != 1)} ({images.source}), "
        f"loss {outcome.losses[0]:.4g} at first, {outcome.losses[-1]:.4g} at last"
    )
    click.echo(f"adapter {outcome.adapter.digest}")
    click.echo(telling.sentences(telling.done_to_images(images)), nl=False)
    click.echo(f"files: {', '.join(files)}")
    click.echo(report["about"])


def _need_extra(engine: EngineName) -> None:
    """Raises CouldNotRunError with the install line where a library of the extra is missing."""
    from loracle_mockserver.trainer.extras import ONE_THREAD, missing  # noqa: PLC0415 - not for --help

    found = missing(engine)
    if found is not None:
        library, extra = found
        command = "loracle train" if engine == "reference" else f"loracle train --engine {engine}"
        raise CouldNotRunError(f"{command} needs {library}: pip install 'loracle[{extra}]'")
    if engine == "reference":
        for variable in ONE_THREAD:
            os.environ.setdefault(variable, "1")  # the matrices are small
