"""`spec diff` on a labelled table of edits: nothing is missed, and what it shows is true."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from document_edits import Edit
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from spec_edits import ANSWERS, EQUAL, FALSE_ALARMS, OPERATIONS, REQUESTS

from loracle_contracts import spec
from loracle_contracts.spec_diff import Change, Comparison, Document, Party, compare, read_document
from loracle_contracts.spec_diff.change import Verdict

Json = Any
PARTIES: tuple[Party, ...] = ("clients", "servers")
LABELLED = [*EQUAL, *REQUESTS, *ANSWERS, *OPERATIONS]
OF_PAYLOADS = [*REQUESTS, *ANSWERS, *(edit for edit in OPERATIONS if edit.is_of_payloads)]


def _named(edit: Edit) -> str:
    return edit.name


def _broken(comparison: Comparison) -> dict[Party, Verdict]:
    return {party: comparison.verdict((party,)) for party in PARTIES}


# --- the table


def test_the_table_is_large() -> None:
    breaking = [edit for edit in LABELLED if edit.clients or edit.servers]
    assert len(breaking) >= 80
    assert len(EQUAL) >= 20
    assert len(FALSE_ALARMS) <= 2
    names = [(edit.name, id(group)) for group in (EQUAL, REQUESTS, ANSWERS, OPERATIONS) for edit in group]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("edit", EQUAL, ids=_named)
def test_what_means_the_same_breaks_nobody(edit: Edit) -> None:
    comparison = compare(*edit.documents())
    assert comparison.changes() == []
    assert comparison.verdict() == "compatible"


@pytest.mark.parametrize("edit", FALSE_ALARMS, ids=_named)
def test_what_is_not_proven_is_a_maybe(edit: Edit) -> None:
    comparison = compare(*edit.documents())
    assert comparison.verdict() == "maybe"
    assert {change.witness for change in comparison.changes()} == {None}


@pytest.mark.parametrize("edit", [*REQUESTS, *ANSWERS, *OPERATIONS], ids=_named)
def test_a_breaking_edit_is_told_to_whom_it_breaks(edit: Edit) -> None:
    old, new = edit.documents()
    comparison = compare(old, new)
    for party in PARTIES:
        found = comparison.changes((party,))
        assert bool(found) is getattr(edit, party), (party, found)
        if found and edit in OF_PAYLOADS:
            assert all(change.is_certain for change in found)
            assert any(change.witness for change in found)
    assert _untrue(comparison, old, new) == []


@pytest.mark.long
@pytest.mark.parametrize("edit", OF_PAYLOADS, ids=_named)
def test_the_edit_undone_breaks_the_other_side(edit: Edit) -> None:
    """What a request loses one way it gains the other way, so the table holds backwards, too."""
    old, new = edit.documents()
    comparison = compare(new, old)
    assert [bool(comparison.changes((party,))) for party in PARTIES] == [edit.servers, edit.clients]


# --- a witness is judged by validators of the documents as they are written


def _untrue(comparison: Comparison, old: Document, new: Document) -> list[Change]:
    found = []
    for operation in comparison.operations:
        for change in operation.changes:
            if change.witness is not None:
                accepted = [
                    _accepts(document.root, operation.method, operation.path, change)
                    for document in (old, new)
                ]
                is_lost = change.part.startswith("answer") is (change.breaks == "servers")
                if accepted != [is_lost, not is_lost]:
                    found.append(change)
    return found


def _accepts(document: Json, method: str, path: str, change: Change) -> bool:
    assert change.witness is not None
    item = document["paths"][path]
    operation = item[method.lower()]
    part, _, content_type = change.part.partition(", ")
    holder: Json
    if part.startswith("parameter"):
        _, where, name = part.split()
        holder = next(
            one
            for one in (*operation.get("parameters", ()), *item.get("parameters", ()))
            if (one["in"], one["name"].lower()) == (where, name.lower())
        )
    elif part == "request body":
        holder = operation["requestBody"]["content"][content_type]
    else:
        answer = operation["responses"][part.removeprefix("answer ")]
        if "$ref" in answer:
            answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        if content_type.startswith("header"):
            holder = next(h for n, h in answer["headers"].items() if n == content_type.split()[1])
        else:
            holder = answer["content"][content_type]
    schema = {"allOf": [holder["schema"]], "components": document["components"]}
    value = change.witness.value
    if document["openapi"].startswith("3.0"):
        validator = OAS30Validator(_for(part, schema), format_checker=oas30_format_checker)
        return bool(validator.is_valid(value))
    return bool(jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid(value))


def _for(part: str, node: Json) -> Json:
    """The schema as it is for requests or for answers: in 3.0 members of the other way are not required."""
    if isinstance(node, list):
        return [_for(part, one) for one in node]
    if not isinstance(node, dict):
        return node
    marker = "writeOnly" if part.startswith("answer") else "readOnly"
    out = {key: _for(part, one) for key, one in node.items()}
    if isinstance(node.get("properties"), dict) and isinstance(node.get("required"), list):
        marked = {name for name, one in node["properties"].items() if one.get(marker)}
        out["required"] = [name for name in node["required"] if name not in marked]
        out["properties"] = {
            name: {k: v for k, v in one.items() if k not in ("readOnly", "writeOnly")}
            for name, one in out["properties"].items()
        }
    return out


def test_an_untrue_witness_would_be_seen() -> None:
    edit = next(edit for edit in REQUESTS if edit.name == "maximum lowered")
    old, new = edit.documents()
    comparison = compare(old, new)
    assert _untrue(comparison, old, new) == []
    assert _untrue(comparison, new, old) == comparison.changes() != []


# --- the documents of this project


@pytest.mark.parametrize("profile", spec.PROFILES)
def test_a_profile_is_compatible_with_itself(profile: str) -> None:
    document = read_document(f"builtin:{profile}")
    assert compare(document, document).changes() == []


@pytest.mark.parametrize("profile", spec.PROFILES)
def test_the_30_form_is_proven_equal_to_the_31_form(profile: str) -> None:
    """For all payloads, also those that no example shows."""
    older = Document("3.0", json.loads(spec.read(f"openapi-{profile}-3.0.json")))
    newer = read_document(f"builtin:{profile}")
    assert compare(newer, older).changes() == []
    assert compare(older, newer).changes() == []


def test_lenient_breaks_no_client_of_strict() -> None:
    old, new = read_document("builtin:strict"), read_document("builtin:lenient")
    comparison = compare(old, new)
    assert _broken(comparison) == {"clients": "compatible", "servers": "breaking"}
    assert _broken(compare(new, old)) == {"clients": "breaking", "servers": "compatible"}
    assert _untrue(comparison, old, new) == []


def test_a_comparison_repeats_exactly() -> None:
    old, new = read_document("builtin:strict"), read_document("builtin:seed")
    comparison = compare(old, new)
    assert comparison == compare(read_document("builtin:strict"), read_document("builtin:seed"))
    assert _untrue(comparison, old, new) == []
