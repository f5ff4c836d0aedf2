"""What logs in SARIF 2.1.0 have in common: rules as they are described, texts, fingerprints."""

from __future__ import annotations

import hashlib
from typing import Any

from loracle_contracts import spec
from loracle_contracts.report.explanation import demand, explain_rule
from loracle_contracts.verdict import Profile

__all__ = ["SARIF_SCHEMA", "descriptor", "digest", "rule_descriptor", "unlinked"]

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def rule_descriptor(name: str, profile: Profile, lint_level: str = "warning") -> dict[str, Any]:
    """A rule of the contract as SARIF describes rules; of an unknown one its name."""
    rule = spec.rules(profile).get(name)
    if rule is None:
        return {"id": name}
    source = rule.source
    level = lint_level if rule.lint else "error"
    note = f" {source.note}" if source.note else ""
    explained = explain_rule(name, profile)
    expected = f"Expected {demand(name, profile)}"
    told = descriptor(name, f"{expected}.", f"{expected} ({source}).{note}", explained)
    told["help"]["markdown"] = f"```text\n{explained}```\n"
    return {
        **told,
        "defaultConfiguration": {"level": level},
        "properties": {
            "tags": ["lint" if rule.lint else "contract", source.kind],
            "source": {"kind": source.kind, "page": source.page, "note": source.note},
        },
    }


def descriptor(name: str, short: str, full: str, advice: str) -> dict[str, Any]:
    """A rule or a notification with its texts; GitHub wants all three."""
    return {
        "id": name,
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "help": {"text": advice},
    }


def unlinked(text: str) -> str:
    """The text without links: SARIF reads [text](target) as one, wherever it comes from."""
    return text.replace("[", "\\[").replace("]", "\\]") if "](" in text else text


def digest(parts: list[str]) -> str:
    """A fingerprint of the parts."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]
