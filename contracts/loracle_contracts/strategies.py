"""Hypothesis strategies of request bodies, for tests of servers and clients (extra `fuzz`)."""

from __future__ import annotations

import json
from functools import cache
from random import Random
from typing import Any

import schemathesis
from hypothesis import assume
from hypothesis import strategies as st

from loracle_contracts import spec
from loracle_contracts.fuzzing.mutations import mutated_value
from loracle_contracts.validation import validate
from loracle_contracts.verdict import Profile

__all__ = ["broken_requests", "training_requests"]

_TRIES = 12


def training_requests(
    profile: Profile = "strict", operation: str = "createSubjectTraining"
) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies that the contract accepts, as JSON values.

    `operation` is one with a JSON body. Raises ValueError for a profile or an operation that there is not.

    >>> from hypothesis import given
    >>> @given(training_requests())
    ... def test_a_valid_training_is_taken(body): ...
    """
    _check(profile, operation)
    # What the generator is told is weaker than the contract: that holds NaN and surrogates out, too.
    return _bodies(profile, operation).filter(lambda body: not _rules(body, profile, operation))


def broken_requests(
    profile: Profile = "strict", operation: str = "createSubjectTraining"
) -> st.SearchStrategy[tuple[Any, str]]:
    """Bodies that break exactly one rule, each with the id of that rule.

    A body is a JSON value, and not always an object. Raises ValueError as `training_requests` does.
    """
    _check(profile, operation)
    documented = _documented(profile, operation)
    mutations = _mutated(training_requests(profile, operation), profile, operation)
    return st.one_of(mutations, st.sampled_from(documented)) if documented else mutations


@st.composite
def _mutated(
    draw: st.DrawFn, bodies: st.SearchStrategy[dict[str, Any]], profile: Profile, operation: str
) -> tuple[Any, str]:
    body = draw(bodies)
    random: Random = draw(st.randoms(use_true_random=False))
    for _ in range(_TRIES):
        value = mutated_value(body, random)
        rules = _rules(value, profile, operation)
        if len(rules) == 1:
            return value, rules[0]
    assume(False)
    raise AssertionError


def _rules(value: Any, profile: Profile, operation: str) -> list[str]:
    return [violation.rule for violation in validate(json.dumps(value), operation, profile).violations]


def _check(profile: str, operation: str) -> None:
    if profile not in spec.PROFILES:
        raise ValueError(f"profile is one of {', '.join(spec.PROFILES)}, not {profile!r}")
    known = [one.id for one in spec.operations().values() if one.request]
    if operation not in known:
        raise ValueError(f"operation is one with a JSON body: {', '.join(known)}; not {operation!r}")


@cache
def _documented(profile: Profile, operation: str) -> list[tuple[Any, str]]:
    """The contract's own invalid examples that are JSON and break one rule."""
    found = []
    for path in spec.examples():
        if path.startswith(f"invalid/{operation}/request/"):
            try:
                value = json.loads(spec.example(path))
            except ValueError:
                continue
            rules = _rules(value, profile, operation)
            if len(rules) == 1:
                found.append((value, rules[0]))
    return found


@cache
def _bodies(profile: Profile, operation: str) -> st.SearchStrategy[Any]:
    document = json.loads(spec.read(f"openapi-{profile}.json"))
    config = schemathesis.Config.from_dict({"analysis": {"constants": {"enabled": False}}})
    known = spec.operations()[operation]
    schema = schemathesis.openapi.from_dict(document, config=config)
    return schema[known.path][known.method].as_strategy().map(lambda case: case.body)
