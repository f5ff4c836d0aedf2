"""The command `loracle`: the group of its commands, and where their settings come from."""

from __future__ import annotations

from pathlib import Path

import click

from loracle_mockserver.options import table_settings
from loracle_mockserver.serve_command import serve
from loracle_mockserver.spec_command import spec

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="loracle")
@click.pass_context
def main(context: click.Context) -> None:
    """The contract kit for the subject-training API.

    Every option can also be set in the environment (LORACLE_PORT) and in the table [tool.loracle] of
    pyproject.toml in the working directory.
    """
    settings = table_settings(Path("pyproject.toml"), main.commands.values())
    context.default_map = dict.fromkeys(main.commands, settings)


main.add_command(serve)
main.add_command(spec)

if __name__ == "__main__":
    main()
