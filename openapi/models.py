"""Generates the Pydantic models of the strict contract with datamodel-code-generator."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

Json = Any

_FLAGS = [
    "--input-file-type=jsonschema",
    "--output-model-type=pydantic_v2.BaseModel",
    "--target-python-version=3.11",
    "--use-annotated",
    "--field-constraints",
    "--strict-types", "str", "int", "float", "bool",
    "--use-missing-sentinel",
    "--strict-nullable",
    "--intersect-allof-keywords",
    "--generate-schema-validators",
    "--enum-field-as-literal=all",
    "--collapse-root-models",
    "--use-title-as-name",
    "--use-schema-description",
    "--disable-timestamp",
    "--formatters=builtin",
    "--skip-root-model",
    # Ids and URLs stay text, so that a payload and its model hold the same values.
    "--type-mappings", "uuid=string", "uri=string",
    # 512.0 is an integer in JSON Schema; true and "512" are not.
    "--import-overrides",
    json.dumps(dict.fromkeys(("StrictInt", "StrictFloat", "MISSING"), "loracle_contracts.strict_types")),
    # The generator drops conditions on values; the base class carries the one there is.
    "--base-class-map",
    json.dumps({"SubjectExpertSetting": "loracle_contracts.strict_types.PriorPreservation"}),
]  # fmt: skip


def models(document: dict[str, Json]) -> bytes:
    """The source of the models of a bundled document, with the hash of the schemas it was made from.

    Raises subprocess.CalledProcessError where the generator fails.
    """
    text = prepared_schemas(document)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "contract.json"), Path(folder, "_models.py")
        source.write_text(text, encoding="utf-8")
        subprocess.run(
            [
                sys.executable,
                "-m",
                "datamodel_code_generator",
                f"--input={source}",
                f"--output={target}",
                *_FLAGS,
            ],
            check=True,
            cwd=folder,
        )
        code = _annotated(target.read_text(encoding="utf-8"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    header = f"# Derived from the contract by openapi/generate.py; do not edit.\n# schemas: {digest}\n"
    return (header + code).encode()


def prepared_schemas(document: dict[str, Json]) -> str:
    """The schemas of a bundled document as the generator reads them; what the hash is made of."""
    schemas = {
        name: _prepare(schema)
        for name, schema in document["components"]["schemas"].items()
        if not name.endswith("Parameter")
    }
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": schemas})


def _prepare(node: Json) -> Json:
    """The schema as the generator understands it best: with local references only."""
    if isinstance(node, list):
        return [_prepare(item) for item in node]
    if isinstance(node, str):
        return node.replace("#/components/schemas/", "#/$defs/")
    if not isinstance(node, dict):
        return node
    return {k: _prepare(v) for k, v in node.items() if k not in ("x-source", "x-rule")}


def _annotated(code: str) -> str:
    """Spells constr() and conint(), which type checkers refuse, as Annotated types."""
    code = re.sub(r"constr\((pattern=r'[^']*'), strict=True\)", r"Annotated[StrictStr, Field(\1)]", code)
    code = re.sub(r"conint\((ge=\d+, le=\d+), strict=True\)", r"Annotated[StrictInt, Field(\1)]", code)
    code = code.replace("    conint,\n", "").replace("    constr,\n", "")
    if "conint" in code or "constr" in code:
        raise ValueError("the generator wrote a constrained type that is not known here")
    return code
