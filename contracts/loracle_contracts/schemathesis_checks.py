"""A check for Schemathesis: judges every answer by the contract. Loaded as hooks, it registers itself.

    # schemathesis.toml
    hooks = "loracle_contracts.schemathesis_checks"

    [checks.ContractAnswers]
    profile = "strict"

Beside Schemathesis' own checks, which know the document, it knows what the document cannot say: which reason
an error has, that keys may not occur twice, which rule a refused request breaks.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

import schemathesis
from schemathesis.core.failures import Failure, Severity

from loracle_contracts.answers import Mismatch, mismatches
from loracle_contracts.exchange import Answer, Request
from loracle_contracts.oracle import Expectation, Oracle
from loracle_contracts.spec import PROFILES
from loracle_contracts.verdict import Profile

__all__ = ["BrokenContractFailure", "ContractAnswers"]

_GRAVE = ("accepted", "leak")


class BrokenContractFailure(Failure):
    """An answer that the contract does not allow; `check` and `subject` say in what."""

    __slots__ = ("check", "subject")
    kind_title = "Contract broken"

    def __init__(self, *, operation: str, check: str, subject: str, message: str) -> None:
        severity = Severity.CRITICAL if check in _GRAVE else Severity.HIGH
        super().__init__(
            operation=operation, title=f"Contract broken: {check}", message=message, severity=severity
        )
        self.check = check
        self.subject = subject

    @property
    def _unique_key(self) -> str:
        return f"{self.check} {self.subject}"


@schemathesis.check
class ContractAnswers:
    """Fails where an answer is not one that the contract allows to the request.

    `profile` is the profile that the server keeps, `api_keys` are the keys that it knows: with none given,
    a refused key is never a failure. As a function, for `case.call_and_validate(checks=[...])`, use
    `ContractAnswers().after_response`. Raises ValueError for a profile that there is not.
    """

    def __init__(self, profile: Profile = "strict", api_keys: Collection[str] = ()) -> None:
        if profile not in PROFILES:
            raise ValueError(f"profile is one of {', '.join(PROFILES)}, not {profile!r}")
        self.oracle = Oracle(profile, api_keys)

    def after_response(self, ctx: Any, response: Any, case: Any) -> None:  # noqa: ARG002 - Schemathesis' signature
        """Judges one answer; raises BrokenContractFailure, or several as a group."""
        request = _request(response.request, case)
        expectation = self.oracle.expect(request)
        headers = tuple((name, value) for name, values in response.headers.items() for value in values)
        answer = Answer(response.status_code, headers, response.content, response.elapsed)
        if self._is_about_the_key(expectation, answer):
            return
        found = list(mismatches(expectation, request, answer, self.oracle.profile, tuple(self.oracle.keys)))
        failures = [_failure(case, expectation, one) for one in found]
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise schemathesis.errors.FailureGroup(failures)

    def _is_about_the_key(self, expectation: Expectation, answer: Answer) -> bool:
        return not self.oracle.keys and expectation.is_valid and answer.status in (401, 403)


def _request(sent: Any, case: Any) -> Request:
    """The prepared request, its path as the contract has it: without what the server's URL has before it."""
    prefix = urlsplit(case.operation.base_url or "").path.rstrip("/")
    target = sent.path_url
    if prefix and target.startswith(prefix + "/"):
        target = target[len(prefix) :]
    headers = tuple((str(name), _text(value)) for name, value in sent.headers.items())
    body = sent.body or b""
    return Request(sent.method, target, headers, body.encode() if isinstance(body, str) else bytes(body))


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _failure(case: Any, expectation: Expectation, mismatch: Mismatch) -> BrokenContractFailure:
    rules = [violation.rule for violation in expectation.violations]
    lines = [f"Expected: {mismatch.expected}", f"Got: {mismatch.got}"]
    lines += [f"The request breaks: {violation}" for violation in expectation.violations[:3]]
    return BrokenContractFailure(
        operation=case.operation.label,
        check=mismatch.check,
        subject=mismatch.rule or (rules[0] if rules else mismatch.expected),
        message="\n".join(lines),
    )
