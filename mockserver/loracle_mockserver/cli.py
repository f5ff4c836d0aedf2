"""The command `loracle`: the group of its commands, and where their settings come from."""

from __future__ import annotations

from importlib import import_module

import click

from loracle_mockserver.exit_codes import OWN_PROCESS
from loracle_mockserver.options import table_settings

__all__ = ["main", "run"]

# Each command in a module of its own, loaded when it is called, or when all are listed.
_COMMANDS = {
    "serve": "serve_command",
    "validate": "validate_command",
    "spec": "spec_command",
    "judge": "judge_command",
    "proxy": "proxy_command",
    "fuzz": "fuzz_command",
    "train": "train_command",
}


class _Commands(click.Group):
    """Loads commands late: none has to wait for what another one needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(f"loracle_mockserver.{module}"), cmd_name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="loracle")
@click.pass_context
def main(context: click.Context) -> None:
    """The contract kit for the subject-training API.

    Every option can also be set in the environment (LORACLE_PORT) and in the table [tool.loracle] of
    pyproject.toml in the working directory.
    """
    commands = (main.get_command(context, name) for name in _COMMANDS)
    context.default_map = table_settings("pyproject.toml", filter(None, commands))


def run() -> None:
    """The program `loracle`: `main` in a process that is its own."""
    main(prog_name="loracle", obj=OWN_PROCESS)


if __name__ == "__main__":
    run()
