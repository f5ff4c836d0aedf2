"""`python -m loracle_mockserver` is the command `loracle`."""

from loracle_mockserver.cli import run

run()
