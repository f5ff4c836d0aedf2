"""The command `loracle serve`: its options, what they have to do with each other, and the banner."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from loracle_mockserver.exit_codes import CouldNotRunError
from loracle_mockserver.options import Numbers, option
from loracle_mockserver.trainer_options import trainer_options, trainer_settings

if TYPE_CHECKING:
    from loracle_mockserver.configuration import Configuration
    from loracle_mockserver.replay import Cassette

__all__ = ["serve"]

_EXPLICIT = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP)
_PATH = click.Path(path_type=Path)


@click.command()
@option("--host", default="127.0.0.1", help="Address to listen on.")
@option("--port", default=8000, type=click.IntRange(0, 65535), help="0 takes a free port.")
@option(
    "--profile",
    default="strict",
    type=click.Choice(["strict", "lenient", "seed"]),
    help="Which profile of the contract is in force.",
)
@option("--seed", default=0, type=int, help="Another seed, other task ids.")
@option(
    "--api-key",
    "api_keys",
    multiple=True,
    help="A key to accept; may be repeated (in the environment: several, separated by blanks). "
    "Without any, every key is accepted.",
)
@option(
    "--admin-token",
    help="Opens /_mock/ where --host is not a loopback address, and on loopback to every page and host name.",
)
@option(
    "--progression",
    default="polls",
    type=click.Choice(["immediate", "polls", "seconds"]),
    help="What moves a job on: nothing has to, being asked for, or time.",
)
@option("--polls-per-state", default=1, type=int, help="How often a job is asked for in each state.")
@option(
    "--seconds-per-state",
    default="60,480,60",
    type=Numbers(),
    metavar="Q,T,D",
    help="For how long a job is in the queue, in training, in deployment.",
)
@option(
    "--asset-ids",
    default="hex",
    type=click.Choice(["hex", "int"]),
    help="The kind of ids that uploads get.",
)
@option(
    "--require-assets/--no-require-assets",
    default=False,
    help="Refuse trainings of images that were never uploaded.",
)
@option(
    "--faults",
    metavar="PLAN|@NAME",
    help="What is to fail, and when: a fault plan in YAML, or a shipped scenario such as @flaky. "
    "Settings in it count unless an option says otherwise.",
)
@option("--reload", is_flag=True, help="Watch the fault plan: a change of the file counts at once.")
@option("--store", default="memory", metavar="URL", help="memory, sqlite:PATH or redis://HOST:PORT/DB.")
@option("--max-tasks", type=click.IntRange(1), help="How many tasks are kept; the oldest go first.")
@option(
    "--replay",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.har",
    help="Answer as in this cassette, which loracle proxy --record has written.",
)
@option("--replay-latency/--no-replay-latency", default=False, help="Take as long as the recorded server.")
@option(
    "--replay-fallback",
    default="error",
    type=click.Choice(["error", "mock"]),
    help="What is not in the cassette: an error that names the nearest entry, or the mock's own answer.",
)
@trainer_options
@option("--workers", default=1, type=click.IntRange(1, 64), help="Processes; several need a shared store.")
@option("--tls-cert", type=_PATH, help="Speak TLS with this certificate (PEM).")
@option("--tls-key", type=_PATH, help="The private key of --tls-cert (PEM).")
@option("--tls", type=click.Choice(["self-signed"]), help="Speak TLS with a certificate made now, for tests.")
@option(
    "--cors",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="A web page's origin that may call the mock, such as http://localhost:3000, or *; may be repeated.",
)
@option("--access-log/--no-access-log", default=False, help="Log every request to stderr.")
@option("--log-format", default="text", type=click.Choice(["text", "json"]), help="How stderr is written.")
@click.pass_context
def serve(context: click.Context, /, **chosen: Any) -> None:
    """Run the mock server.

    It answers as the contract says and costs nothing. Unless --trainer says so it starts no training, and
    the same seed and the same requests give the same answers on every machine.
    """
    # The rest of the program is not needed to print a help text.
    from loracle_mockserver.server import termination_as_exit  # noqa: PLC0415

    # Whatever ends it, what was opened is closed; an interrupt is the usual way to end it.
    with contextlib.suppress(KeyboardInterrupt), termination_as_exit(), contextlib.ExitStack() as opened:
        _serve(context, chosen, opened)


def _serve(context: click.Context, chosen: dict[str, Any], opened: contextlib.ExitStack) -> None:
    from loracle_mockserver import server  # noqa: PLC0415
    from loracle_mockserver.banner import announce  # noqa: PLC0415
    from loracle_mockserver.binding import bound  # noqa: PLC0415
    from loracle_mockserver.store import StoreError  # noqa: PLC0415
    from loracle_mockserver.tls import TlsError, check_tls, self_signed  # noqa: PLC0415

    host, port = chosen["host"], chosen["port"]
    configuration = _configuration(context, chosen, is_public=not server.is_loopback(host))
    try:
        if configuration.workers > 1:
            _check_store(configuration)
        if chosen["tls"]:
            configuration = replace(configuration, tls=opened.enter_context(self_signed(host)))
        elif chosen["tls_cert"]:
            configuration = replace(configuration, tls=check_tls(chosen["tls_cert"], chosen["tls_key"]))
        listener = opened.enter_context(bound(host, port))
        say = functools.partial(announce, configuration, host, listener.getsockname()[1], chosen["api_keys"])
        if configuration.workers == 1:
            server.serve(configuration, listener, say)
        else:
            from loracle_mockserver.workers import WorkersError, serve_with_workers  # noqa: PLC0415

            try:
                serve_with_workers(configuration, listener, say)
            except WorkersError as error:
                raise CouldNotRunError(str(error)) from None
    except (StoreError, TlsError) as error:
        raise CouldNotRunError(str(error)) from None
    except OSError as error:
        raise CouldNotRunError(f"cannot go on: {error.strerror or error}") from None


def _configuration(context: click.Context, chosen: dict[str, Any], *, is_public: bool) -> Configuration:
    """What was chosen, found to make sense together."""
    from loracle_mockserver.configuration import Configuration  # noqa: PLC0415

    _check_secrets(chosen["api_keys"], chosen["admin_token"])
    if chosen["tls"] and (chosen["tls_cert"] or chosen["tls_key"]):
        raise click.UsageError("give --tls self-signed, or --tls-cert with --tls-key, but not both")
    if bool(chosen["tls_cert"]) is not bool(chosen["tls_key"]):
        given, missing = ("cert", "key") if chosen["tls_cert"] else ("key", "cert")
        raise click.UsageError(f"--tls-{given} needs --tls-{missing}, too")
    if not re.match(r"memory$|sqlite:.|rediss?://|unix://", chosen["store"]):
        raise click.BadParameter(
            "a store is memory, sqlite:PATH or redis://HOST:PORT/DB", param_hint="--store"
        )
    if chosen["workers"] > 1 and chosen["store"] == "memory":
        raise click.UsageError(
            "--workers needs a store that they share: use --store sqlite:PATH or redis://HOST:PORT/DB"
        )
    return Configuration(
        profile=chosen["profile"],
        seed=chosen["seed"],
        api_keys=frozenset(chosen["api_keys"]),
        admin_token=chosen["admin_token"],
        is_public=is_public,
        settings=_settings(context, chosen),
        **_plan(chosen["faults"], is_watched=chosen["reload"]),
        store=chosen["store"],
        max_tasks=chosen["max_tasks"],
        workers=chosen["workers"],
        origins=tuple(map(_origin, chosen["origins"])),
        access_log=chosen["access_log"],
        log_format=chosen["log_format"],
        **trainer_settings(chosen),
        replay=_cassette(context, chosen),
        replay_latency=chosen["replay_latency"],
        replay_fallback=chosen["replay_fallback"],
    )


def _cassette(context: click.Context, chosen: dict[str, Any]) -> Cassette | None:
    """The cassette that is to be played, or None."""
    if chosen["replay"] is None:
        for name in ("replay_latency", "replay_fallback"):
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                option_name = name.replace("_", "-")
                raise click.UsageError(f"--{option_name} is about a cassette; name it with --replay")
        return None
    if chosen["workers"] > 1:
        raise click.UsageError("--replay plays one cassette in one process; leave --workers out")
    from loracle_mockserver.replay import Cassette, CassetteUnreadableError  # noqa: PLC0415 - few ask for it

    try:
        return Cassette.load(chosen["replay"], lambda text: click.echo(f"loracle: {text}", err=True))
    except CassetteUnreadableError as error:
        raise CouldNotRunError(str(error)) from None


def _check_secrets(api_keys: tuple[str, ...], admin_token: str | None) -> None:
    if admin_token is not None and not admin_token.strip():
        raise click.BadParameter("a token cannot be blank", param_hint="--admin-token")
    # Set but empty is what an unset secret looks like in CI; it must not open the mock to every key.
    is_blank = not api_keys and not os.environ.get("LORACLE_API_KEY", "unset").strip()
    if is_blank or any(not key.strip() for key in api_keys):
        raise click.BadParameter("a key cannot be blank", param_hint="--api-key")


def _settings(context: click.Context, chosen: dict[str, Any]) -> dict[str, Any]:
    """The settings of the worlds that somebody gave, be it the value that they have anyway."""
    from loracle_mockserver.behaviour import Behaviour, BehaviourError  # noqa: PLC0415

    given = {
        name: chosen[name] for name in Behaviour.names() if context.get_parameter_source(name) in _EXPLICIT
    }
    for name, value in given.items():
        try:
            Behaviour().changed({name: value}, f"--{name.replace('_', '-')}")
        except BehaviourError as error:
            raise click.UsageError(str(error)) from None
    return given


def _plan(source: str | None, *, is_watched: bool) -> dict[str, Any]:
    """The members of the configuration that are about the fault plan."""
    from loracle_mockserver.fault_rules import FaultPlanError  # noqa: PLC0415
    from loracle_mockserver.faults import FaultPlan  # noqa: PLC0415
    from loracle_mockserver.reload import signature  # noqa: PLC0415

    if is_watched and (source is None or source.startswith("@")):
        raise click.UsageError("--reload watches the file of a fault plan; name one with --faults PLAN")
    if source is None:
        return {}
    # Before it is read, so that no change is missed.
    read = signature(Path(source)) if is_watched else None
    try:
        plan = FaultPlan.load(source)
    except FaultPlanError as error:
        raise click.BadParameter(str(error), param_hint="--faults") from None
    except OSError as error:
        raise CouldNotRunError(f"the fault plan {source} cannot be read: {error.strerror}") from None
    return {"plan": plan, "plan_file": Path(source).absolute() if is_watched else None, "plan_read": read}


def _origin(text: str) -> str:
    """An origin as browsers send it."""
    origin = text.strip().lower()
    if not re.fullmatch(r"\*|null|[a-z][a-z0-9+.-]*://[^/?#@\s]+", origin):
        raise click.BadParameter(
            f"{text!r} is no origin; those are such as http://localhost:3000 (without a path), or *",
            param_hint="--cors",
        )
    return origin


def _check_store(configuration: Configuration) -> None:
    """Finds out before the workers start whether they can use the store. Raises StoreError."""
    from loracle_mockserver.store import open_store  # noqa: PLC0415

    store = open_store(configuration.store, configuration.max_tasks, seed=configuration.seed)
    is_shared = store.is_shared
    store.close()
    if not is_shared:
        raise click.UsageError(f"--workers needs a store that they share, which {configuration.store} is not")
