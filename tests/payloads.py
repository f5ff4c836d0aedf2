"""Hypothesis strategies of request bodies: Schemathesis' own, and mutations of what is known to be right."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

from loracle_contracts import operations, spec

EXAMPLES = Path(__file__).parents[1] / "openapi" / "examples" / "valid"
CREATES = ("createSubjectTraining", "createStyleTraining", "createUploadUrl")

# Values that sit on an edge of some rule, or that parsers and validators disagree on.
_EDGES = [
    None, True, False, 0, -0.0, 1, -1, 3, 4, 5, 128, 129, 512, 512.0, 512.5, 0.0001, 1e-300, 5e-324,
    1.0, 1.0000001, 1e300, 2**31, 2**53 - 1, 2**53, 9007199254740991.0, 9007199254740992.0, 2**63,
    2**64, -(2**63), 1e22, "", " ", "\n", "512", "512 ", " 512\n", "0", "00", "-1", "1.0", "1.", ".5",
    "0.0", "0.1", "1e3", "1.4\n", "٣", "gfpgan_1.4", "gfpgan_1.4\n", "gfpgan_1x4", "constant",
    "person", "width", "x" * 255, "x" * 256, "x" * 1024, "x" * 1025, "é" * 255, "😀" * 255, "😀" * 256,
    "\u2028", "a\u0000b", "1" * 32, "1" * 33, "jpeg", "jpg", "png", "\u00a0", "\ufeff", "1\u0085", [],
    {}, [[]], [{}], ["x"], {"name": "ratio", "value": "1.0"}, {"name": "resize", "args": []},
    {"name": "nothing"}, {"assets_id": 1}, {"instance_prompt": "x"},
    {"instance_prompt": "x", "with_prior_preservation": True},
]  # fmt: skip
_NAMES = [
    "name", "args", "value", "width", "caption", "assets_id", "class_prompt",
    "with_prior_preservation", "extra", "lora_r", "learning_rate", "expert_setting", "", "Name",
    "seed",
]  # fmt: skip


@cache
def valid_bodies(operation: str) -> list[Any]:
    """The parsed valid examples of an operation's request."""
    folder = EXAMPLES / operation / "request"
    bodies = [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    return bodies or [{"file_extension": "png"}]


@cache
def _schema() -> Any:
    return schemathesis.openapi.from_dict(json.loads(spec.read("openapi-strict.json")))


def generated_bodies(operation: str, *, valid: bool) -> st.SearchStrategy[Any]:
    """What Schemathesis makes of the contract: bodies that it believes right, or wrong."""
    known = operations()[operation]
    mode = GenerationMode.POSITIVE if valid else GenerationMode.NEGATIVE
    cases = _schema()[known.path][known.method].as_strategy(generation_mode=mode)
    return cases.map(lambda case: case.body).filter(_is_json)


# The one rule that spans two members is too rare among single changes.
_PRIORS = st.fixed_dictionaries(
    {"instance_prompt": st.just("x")},
    optional={
        "with_prior_preservation": st.sampled_from([True, False, None]),
        "class_prompt": st.sampled_from(["person", "", None, 5]),
    },
)


@st.composite
def mutated_bodies(draw: st.DrawFn, operation: str) -> Any:
    """A valid body after one to four changes at random places."""
    body = copy.deepcopy(draw(st.sampled_from(valid_bodies(operation))))
    for _ in range(draw(st.integers(1, 4))):
        body = _mutate(draw, body)
    if isinstance(body, dict) and "base_model" in body and draw(st.integers(0, 4)) == 0:
        body["expert_setting"] = draw(_PRIORS)
    return body


def _mutate(draw: st.DrawFn, body: Any) -> Any:
    places = list(_places(body, ()))
    if not places:
        return copy.deepcopy(draw(st.sampled_from(_EDGES)))
    path = draw(st.sampled_from(places))
    parent = body
    for step in path[:-1]:
        parent = parent[step]
    change = draw(st.sampled_from(["replace", "replace", "replace", "delete", "rename", "add", "repeat"]))
    if change == "replace":
        fresh = st.one_of(st.sampled_from(_EDGES), st.integers(), st.floats(-1e9, 1e9), st.text())
        parent[path[-1]] = copy.deepcopy(draw(fresh))
    elif change == "delete":
        del parent[path[-1]]
    elif isinstance(parent, dict):
        new_name = draw(st.sampled_from(_NAMES))
        value = parent.pop(path[-1]) if change == "rename" else copy.deepcopy(draw(st.sampled_from(_EDGES)))
        parent[new_name] = value
    else:
        parent.extend(
            copy.deepcopy(parent[path[-1]]) for _ in range(draw(st.sampled_from([1, 2, 49, 50, 64])))
        )
    return body


def _places(value: Any, path: tuple[Any, ...]) -> Any:
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for step, child in members:
        yield (*path, step)
        yield from _places(child, (*path, step))


def _is_json(body: Any) -> bool:
    try:
        json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError):
        return False
    return True
