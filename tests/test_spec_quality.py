"""The contract document has no defect, and each kind of defect is found when it is planted."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from bundle import PROFILES, bundle, profile
from document_walk import Place, schemas_of
from planted_defects import DEFECTS
from quality import problems
from schema_quality import schema_problems

if TYPE_CHECKING:
    from collections.abc import Callable

Json = Any


@pytest.fixture(scope="module")
def strict() -> Json:
    return bundle()


@pytest.mark.parametrize("name", PROFILES)
def test_the_contract_has_no_defect(strict: Json, name: str) -> None:
    assert problems(profile(name, strict)) == []


@pytest.mark.parametrize(
    ("plant", "finds", "consequences"), [d[1:] for d in DEFECTS], ids=[d[0] for d in DEFECTS]
)
def test_a_planted_defect_is_found(
    strict: Json, plant: Callable[[Json], None], finds: tuple[str, str], consequences: tuple[str, ...]
) -> None:
    document = copy.deepcopy(strict)
    plant(document)
    found = problems(document)
    place, words = finds
    wanted = [problem for problem in found if problem.startswith(place) and words in problem]
    assert wanted, found
    assert [p for p in found if p not in wanted and not p.startswith(consequences)] == []


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "is bad"),
        ("(?<=a+)b", "is bad"),
        (r"^a\Z", "is bad"),
        (r"^\d", "an escape that dialects read differently"),
        (r"^[\w-]", "an escape that dialects read differently"),
        (r"^a\s*", "an escape that dialects read differently"),
        (r"^a\b", "an escape that dialects read differently"),
        ("^[a-z0-9_]+$", "a $ that lets a final newline slip"),
        (r"^(?:a$|b)[ \t\n\r]*$", "a $ that lets a final newline slip"),
        (r"^a\[ \t\n\r]*$", "a $ that lets a final newline slip"),
    ],
)
def test_a_bad_regular_expression_is_found(pattern: str, words: str) -> None:
    (problem,) = schema_problems(
        Place("", {"pattern": pattern}, ruled=False), {"components": {"schemas": {}}}
    )
    assert problem.startswith(f"the regular expression {pattern} ")
    assert words in problem


@pytest.mark.parametrize("pattern", [r"^[$]\$[ \t\n\r]*$", r"^\\d", "^https?://", r"a|b[ \t\n\r]*$"])
def test_a_good_regular_expression_passes(pattern: str) -> None:
    place = Place("", {"pattern": pattern}, ruled=False)
    assert list(schema_problems(place, {"components": {"schemas": {}}})) == []


@pytest.mark.parametrize("name", PROFILES)
def test_python_and_the_validator_read_every_pattern_alike(strict: Json, name: str) -> None:
    """Also with the final newline that Python's `$` lets through."""
    texts = ["", "a", "1", "512", "0.5", "1e-4", "c_1", "gfpgan_1.4", "https://x", "A", "\u0661", "\u00a0"]
    for place in schemas_of(profile(name, strict)):
        if "pattern" not in place.node:
            continue
        pattern = place.node["pattern"]
        examples = [text for text in place.node.get("examples", ()) if isinstance(text, str)]
        validator = jsonschema_rs.Draft202012Validator({"pattern": pattern})
        for text in [*texts, *examples]:
            for ending in ("", "\n", "\n\n", " ", "x"):
                assert validator.is_valid(text + ending) == bool(re.search(pattern, text + ending)), (
                    place.pointer
                )
