"""Reads the derived documents that ship with the package, each once and only when asked for."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loracle_contracts.verdict import Source, Violation

if TYPE_CHECKING:
    from loracle_contracts.verdict import Profile

__all__ = [
    "PROFILES",
    "Operation",
    "Rule",
    "document",
    "errors",
    "example",
    "examples",
    "operations",
    "read",
    "rules",
    "source_of",
    "validator",
]

PROFILES: tuple[Profile, ...] = ("strict", "lenient", "seed")
_SPEC = Path(__file__).parent / "_spec"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the contract; the schema names are definitions of the validation document."""

    id: str
    method: str
    path: str
    authenticated: bool
    request: str | None
    query: str | None
    integer_parameters: tuple[str, ...]
    response: str | None
    errors: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule by its stable id. `keyword` is None for a rule that no schema keyword carries."""

    id: str
    keyword: str | None
    source: Source
    expected: str | None
    advice: str | None
    lint: bool

    def violation(
        self, in_: str, pointer: str, got: str, line: int | None = None, column: int | None = None
    ) -> Violation:
        """The violation of a rule that no schema keyword carries, with the rule's own texts."""
        return Violation(
            in_=in_,
            pointer=pointer,
            line=line,
            column=column,
            rule=self.id,
            expected=str(self.expected),
            got=got,
            source=self.source,
            advice=str(self.advice),
        )


def read(name: str) -> bytes:
    """The bytes of a derived file, such as openapi-strict.json.

    Raises FileNotFoundError where there is none of this name.
    """
    return (_SPEC / name).read_bytes()


@cache
def examples() -> dict[str, dict[str, Any]]:
    """Every shipped example by its path below openapi/examples/.

    An entry has `text`, or `base64` where it is no text; of an invalid one `rule` and `pointer` say what
    it breaks, of one with a lint `lint` and `pointer`.
    """
    return dict(json.loads(read("examples.json")))


def example(path: str) -> bytes:
    """The bytes of an example by its path below openapi/examples/.

    Raises KeyError where there is none.
    """
    found: dict[str, str] = examples()[path]
    return found["text"].encode() if "text" in found else base64.b64decode(found["base64"])


@cache
def document(profile: Profile) -> dict[str, Any]:
    """The JSON Schema document of a profile, in the if/then form, with a definition per schema."""
    return dict(json.loads(read(f"validation-{profile}.json")))


@cache
def operations() -> dict[str, Operation]:
    """All operations by operationId, in the order of the document."""
    table = json.loads(read("operations.json"))
    return {
        name: Operation(id=name, **{**entry, "integer_parameters": tuple(entry["integer_parameters"])})
        for name, entry in table.items()
    }


@cache
def errors() -> dict[str, dict[str, Any]]:
    """Every error reason with its envelope (code, reason, message, metadata)."""
    return dict(json.loads(read("errors.json")))


@cache
def rules(profile: Profile) -> dict[str, Rule]:
    """Every rule of a profile by its id."""
    return {
        name: Rule(
            name,
            entry["keyword"],
            Source(**entry["x-source"]),
            entry.get("expected"),
            entry.get("advice"),
            entry.get("lint", False),
        )
        for name, entry in json.loads(read("rules.json"))[profile].items()
    }


def source_of(entry: dict[str, str]) -> Source:
    """The source that an x-source entry names."""
    return _source(entry["kind"], entry["page"], entry.get("note", ""))


@lru_cache(maxsize=1024)
def _source(kind: str, page: str, note: str) -> Source:
    return Source(kind, page, note)


@cache
def validator(profile: Profile, schema: str) -> Any:
    """The compiled schema of this name as the contract writes it: an object with `is_valid`."""
    form = document(profile)
    definitions = {**form["$defs"], **form["x-unions"]}
    # Without references there is less to compile and less to follow.
    return _compiled(_inlined(definitions[schema], definitions))


@cache
def explainer(profile: Profile, schema: str) -> Any:
    """The compiled schema of this name in the if/then form, whose errors stand at the mistakes.

    An object with `is_valid` and `iter_errors`; it accepts what `validator` accepts, which the tests
    prove.
    """
    return _compiled({"$defs": document(profile)["$defs"], "$ref": f"#/$defs/{schema}"})


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    """The schema with what its references lead to in their place; no schema of the contract has itself."""
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(definitions[node["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in node.items()}


@cache
def member_explainer(profile: Profile, schema: str) -> Any:
    """As `explainer`, but which members the object of this schema must and may have is left out."""
    definitions = document(profile)["$defs"]
    left_out = ("required", "additionalProperties")
    root = {keyword: value for keyword, value in definitions[schema].items() if keyword not in left_out}
    return _compiled({"$defs": {**definitions, schema: root}, "$ref": f"#/$defs/{schema}"})


def _compiled(schema: dict[str, Any]) -> Any:
    root = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    try:
        from jsonschema_rs import Draft202012Validator  # noqa: PLC0415 - takes 15 ms to import
    except ImportError:  # no wheel for this platform: pure Python, the same verdicts on requests
        import jsonschema  # noqa: PLC0415

        checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
        return jsonschema.Draft202012Validator(root, format_checker=checker)
    # The mask keeps whole instances out of messages that nobody reads.
    return Draft202012Validator(root, validate_formats=True, mask="")
