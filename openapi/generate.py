"""Writes everything that is derived from the contract, or with --check says what is stale.

    python openapi/generate.py [--check]

Needs the development extra (datamodel-code-generator, oas-patch). Nothing it writes is edited by
hand: change the contract and run it again.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from pathlib import Path
from typing import Any

import yaml
from bundle import HERE, PROFILES, bundle, load, profile
from compat30 import compat30
from contract_page import contract_page
from models import models
from rule_table import rule_table
from typescript import is_fresh
from validation_form import operation_table, validation_form

from loracle_contracts.editor_schema import standalone

ROOT = HERE.parent
PACKAGE = ROOT / "contracts" / "loracle_contracts"
SPEC = PACKAGE / "_spec"
EXAMPLES = HERE / "examples"
EDITORS = ROOT / "schemas"


def derive() -> dict[Path, bytes]:
    """Every derived file with the bytes that it must hold."""
    files: dict[Path, bytes] = {}
    strict = bundle()
    tables: dict[str, Any] = {}
    for name in PROFILES:
        document = profile(name, strict)
        validation = validation_form(document)
        tables[name] = rule_table(validation, document["x-rules"])
        files[SPEC / f"openapi-{name}.json"] = _json(document)
        files[SPEC / f"validation-{name}.json"] = _json(validation)
        files[SPEC / f"openapi-{name}-3.0.json"] = _json(compat30(document))
        files[SPEC / f"openapi-{name}.yaml"] = yaml.safe_dump(
            document, sort_keys=False, allow_unicode=True, width=100
        ).encode()
    files[SPEC / "rules.json"] = _json(tables)
    operations = operation_table(strict)
    files[SPEC / "operations.json"] = _json(operations)
    for operation, entry in operations.items():
        if entry["request"]:
            schema = standalone(validation_form(strict), entry["request"])
            files[EDITORS / f"{operation}.schema.json"] = _json(schema)
    files[SPEC / "errors.json"] = _json(
        {reason: error["value"] for reason, error in load("errors.yaml").items()}
    )
    files[SPEC / "examples.json"] = _json(_examples())
    files[PACKAGE / "_models.py"] = models(strict)
    page = ROOT / "docs" / "contract.md"
    files[page] = contract_page(page.read_text(encoding="utf-8"), tables["strict"], strict)
    return files


def _examples() -> dict[str, Any]:
    """Every example by its path; in one file, because 600 small ones fill 2 MB of disk blocks."""
    found: dict[str, Any] = {}
    for path in sorted(EXAMPLES.rglob("*")):
        if path.is_file() and path.suffix != ".yaml":
            name, data = path.relative_to(EXAMPLES).as_posix(), path.read_bytes()
            try:
                found[name] = {"text": data.decode()}
            except UnicodeDecodeError:
                found[name] = {"base64": base64.b64encode(data).decode()}
    for kind in ("invalid", "lint"):
        for name, entry in load(f"examples/{kind}/index.yaml").items():
            found[f"{kind}/{name}"].update(entry)
    return found


def _json(document: Any) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _obsolete(files: dict[Path, bytes]) -> list[Path]:
    # The declarations of types are typescript.py's.
    found = [*sorted(SPEC.rglob("*")), *sorted(EDITORS.glob("*"))]
    return [path for path in found if path.is_file() and path.suffix != ".ts" and path not in files]


def main() -> int:
    """Runs the command; answers the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    check = parser.parse_args().check
    files = derive()
    stale = [p for p, content in files.items() if not p.exists() or p.read_bytes() != content]
    obsolete = _obsolete(files)
    for path in [*stale, *obsolete]:
        print(("stale: " if check else "writes: ") + str(path.relative_to(ROOT)))
    if check:
        return 1 if stale or obsolete else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[path])
    for path in obsolete:
        path.unlink()
    if not all(map(is_fresh, PROFILES)):
        print("The TypeScript declarations are stale now; run python openapi/typescript.py, which needs npm.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
