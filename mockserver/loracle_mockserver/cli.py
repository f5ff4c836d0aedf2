"""The command `loracle`."""

from __future__ import annotations

import difflib
import os
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import click

__all__ = ["main"]

COULD_NOT_RUN = 3


class _Unrunnable(click.ClickException):
    """The command is right, but the machine does not let it run."""

    exit_code = COULD_NOT_RUN


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="loracle")
@click.pass_context
def main(context: click.Context) -> None:
    """The contract kit for the subject-training API.

    Every option can also be set in the environment (LORACLE_PORT) and in the table [tool.loracle] of
    pyproject.toml in the working directory.
    """
    context.default_map = dict.fromkeys(main.commands, _settings(Path("pyproject.toml")))


@main.command()
@click.option("--host", default="127.0.0.1", envvar="LORACLE_HOST", help="Address to listen on.")
@click.option(
    "--port", default=8000, type=click.IntRange(0, 65535), envvar="LORACLE_PORT", help="0 takes a free port."
)
@click.option(
    "--profile",
    default="strict",
    type=click.Choice(["strict", "lenient", "seed"]),
    envvar="LORACLE_PROFILE",
    help="Which profile of the contract is in force.",
)
@click.option("--seed", default=0, type=int, envvar="LORACLE_SEED", help="Another seed, other task ids.")
@click.option(
    "--api-key",
    "api_keys",
    multiple=True,
    envvar="LORACLE_API_KEY",
    help="A key to accept; may be repeated (in the environment: several, separated by blanks). "
    "Without any, every key is accepted.",
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path),
    envvar="LORACLE_FAULTS",
    help="A fault plan in YAML: what is to fail, and when.",
)
@click.option(
    "--admin-token",
    envvar="LORACLE_ADMIN_TOKEN",
    help="Opens /_mock/ where --host is not a loopback address.",
)
def serve(
    host: str,
    port: int,
    profile: Any,
    seed: int,
    api_keys: tuple[str, ...],
    faults: Path | None,
    admin_token: str | None,
) -> None:
    """Run the mock server.

    It answers as the contract says, starts no training and costs nothing. The same seed and the same
    requests give the same answers on every machine.
    """
    # The rest of the program is not needed to print a help text.
    from loracle_mockserver.asgi import MockApp  # noqa: PLC0415
    from loracle_mockserver.engine import Engine  # noqa: PLC0415
    from loracle_mockserver.faults import FaultPlan  # noqa: PLC0415
    from loracle_mockserver.server import bind, is_loopback  # noqa: PLC0415
    from loracle_mockserver.server import serve as run  # noqa: PLC0415

    plan = _plan(faults) if faults else FaultPlan()
    if admin_token is not None and not admin_token.strip():
        raise click.BadParameter("a token cannot be blank", param_hint="--admin-token")
    # Set but empty is what an unset secret looks like in CI; it must not open the mock to every key.
    is_blank = not api_keys and not os.environ.get("LORACLE_API_KEY", "unset").strip()
    if is_blank or any(not key.strip() for key in api_keys):
        raise click.BadParameter("a key cannot be blank", param_hint="--api-key")
    try:
        listener = bind(host, port)
    except OSError as error:
        raise _Unrunnable(_why_not(host, port, error)) from None
    except UnicodeError:
        raise click.BadParameter(f"{host!r} is no host name", param_hint="--host") from None
    engine = Engine(profile=profile, seed=seed, keys=frozenset(api_keys), plan=plan)
    app = MockApp(engine, admin_token=admin_token, is_public=not is_loopback(host))
    # An address that means "all of them" is none to connect to.
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    shown = f"[{reachable}]" if ":" in reachable else reachable
    url = f"http://{shown}:{listener.getsockname()[1]}"
    key = api_keys[0] if api_keys else "any-key"

    def announce() -> None:
        click.echo(f"loracle mock ({profile}, seed {seed}) listens on {url}")
        click.echo(f"docs: {url}/docs")
        click.echo(
            f"try:  curl -s {url}/v3/training/subject -H {shlex.quote(f'Authorization: Bearer {key}')} "
            "-H 'Content-Type: application/json' -d "
            '\'{"name":"test","base_model":"v1-5-pruned-emaonly","width":512,"height":512,'
            '"image_dataset_items":[{"assets_id":26}],"components":[]}\''
        )
        sys.stdout.flush()

    try:
        run(app, listener, announce)
    except OSError as error:
        raise _Unrunnable(f"cannot go on: {error.strerror or error}") from None


def _plan(path: Path) -> Any:
    from loracle_mockserver.faults import FaultPlan, FaultPlanError  # noqa: PLC0415

    try:
        return FaultPlan.load(path)
    except FaultPlanError as error:
        raise click.BadParameter(str(error), param_hint="--faults") from None
    except OSError as error:
        raise _Unrunnable(f"the fault plan {path} cannot be read: {error.strerror}") from None


def _why_not(host: str, port: int, error: OSError) -> str:
    import errno  # noqa: PLC0415

    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken; choose another with --port, or --port 0 for a free one."
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has; choose one above 1023."
    return f"cannot listen on {host}, port {port}: {error.strerror or error}."


def _settings(path: Path) -> dict[str, Any]:
    """The table [tool.loracle], with option names as click spells them."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _Unrunnable(f"{path} cannot be read: {error}") from None
    tool = document.get("tool", {})
    table = tool.get("loracle", {}) if isinstance(tool, dict) else tool
    if not isinstance(table, dict):
        raise click.UsageError(f"{path}: [tool.loracle] is not a table")
    known = {name.replace("_", "-"): name for name in _option_names()}
    settings = {}
    for key, value in table.items():
        name = known.get(key.replace("_", "-"))
        if name is None:
            close = difflib.get_close_matches(key, list(known), n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"{path}: [tool.loracle] has no setting {key!r}.{hint}")
        is_one_key = name == "api_key" and isinstance(value, str)
        _check_setting(path, key, name, value)
        settings["api_keys" if name == "api_key" else name] = [value] if is_one_key else value
    return settings


def _check_setting(path: Path, key: str, name: str, value: Any) -> None:
    """Refuses what click would turn into something else, such as true into the port 1."""
    several = value if name == "api_key" and isinstance(value, list) else [value]
    kinds = (int, str) if name in ("port", "seed") else (str,)
    if isinstance(value, list) and not value:
        raise click.UsageError(f"{path}: [tool.loracle] {key} is an empty list; leave it out instead")
    if any(isinstance(one, bool) or not isinstance(one, kinds) for one in several):
        wanted = "a whole number" if int in kinds else "text"
        raise click.UsageError(f"{path}: [tool.loracle] {key} is {value!r}, but it has to be {wanted}")


def _option_names() -> set[str]:
    return {
        option.removeprefix("--").replace("-", "_")
        for command in main.commands.values()
        for parameter in command.params
        for option in parameter.opts
    }


if __name__ == "__main__":
    main()
