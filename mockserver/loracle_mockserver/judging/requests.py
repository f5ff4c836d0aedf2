"""Rules about single requests: the contract, the key, the upload."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from loracle_mockserver.journal import NO_ROUTE
from loracle_mockserver.judging.finding import Finding
from loracle_mockserver.judging.limits import Limits
from loracle_mockserver.judging.observation import Call, Observation
from loracle_mockserver.judging.scenario import Scenario

__all__ = ["RULES"]

_SHOWN = 3


def _contract(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    """Every request that breaks the contract, once for each set of rules."""
    seen: set[tuple[str, ...]] = set()
    for call in observation.calls:
        entry = call.entry
        if entry.operation is None and entry.fault is None and entry.reason in NO_ROUTE:
            yield from _once(seen, "breaks-contract", call, (str(entry.reason),), entry.line())
            continue
        lenient = entry.violations("lenient")
        strict = entry.violations("strict")
        if scenario.name == "wrong-key":  # the mock says of the right key that it is wrong
            lenient = [one for one in lenient if one.rule != "header.authorization.key"]
            strict = [one for one in strict if one.rule != "header.authorization.key"]
        found = lenient or strict
        if found:
            is_strict_only = not lenient
            if is_strict_only and limits.profile == "lenient":
                continue
            rules = tuple(sorted({one.rule for one in found}))
            text = f"{entry.line()}: " + "; ".join(str(one) for one in found[:_SHOWN])
            name = "breaks-strict" if is_strict_only else "breaks-contract"
            yield from _once(seen, name, call, (str(entry.operation), *rules), text)


def _once(
    seen: set[tuple[str, ...]], name: str, call: Call, key: tuple[str, ...], text: str
) -> Iterator[Finding]:
    if key not in seen:
        seen.add(key)
        yield Finding(name, text, (call,))


def _key_in_places(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    del scenario, limits
    key = observation.key
    for call in observation.calls:
        entry = call.entry
        if call.kind == "upload" and any(name.lower() == b"authorization" for name, _ in entry.headers):
            yield Finding("key-to-upload-url", "The upload was sent with an Authorization header.", (call,))
            break
    for call in observation.calls:
        if key in unquote(call.entry.query.decode("latin-1")) or key in unquote(call.entry.path):
            yield Finding("key-in-query", "The API key stands in the URL.", (call,))
            break
    if key in observation.output:
        yield Finding("key-in-output", "The command printed the API key.")


def _paging(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    """A page whose cursor is never used, where the tasks were to be listed."""
    del limits
    if not scenario.tasks:
        return
    pages = [call for call in observation.of_kind("list") if call.is_answered_well]
    used = b"&".join(call.entry.query for call in pages)
    for call in pages:
        pagination = call.answer.get("pagination", {}) if isinstance(call.answer, dict) else {}
        cursor = pagination.get("next_cursor")
        if cursor and b"pagination.cursor=" + cursor.encode() not in used:
            text = f"The page ended with next_cursor {cursor!r}, and no request asked for what follows."
            yield Finding("paging-ignored", text, (call,))
            return


def _images(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    """A training of images whose upload was refused."""
    del limits
    if scenario.name != "upload-refused":
        return
    refused = [call for call in observation.of_kind("upload") if call.entry.status >= 400]
    for create in observation.of_kind("create"):
        before = [call for call in refused if call.n < create.n]
        if before and create.has_effect:
            text = f"A training was started although {len(before)} upload(s) were refused."
            yield Finding("trained-without-images", text, (before[0], create))
            return


RULES = (_contract, _key_in_places, _paging, _images)
