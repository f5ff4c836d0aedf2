"""What a test asserts of the requests that a mock saw, with texts that show the nearest one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from loracle_mockserver.contract_report import whose_request
from loracle_mockserver.journal import Entry
from loracle_mockserver.verify import Expectation, Verification, verify

__all__ = ["Assertions"]

_CREATE = "createSubjectTraining"


class Assertions:
    """The `verify` and `assert_...` methods of a mock."""

    namespace: str
    api_key: str

    def _entries(self, *, with_strays: bool = False) -> list[tuple[int, Entry]]:
        """The requests of the namespace; with the others also those of keys that nobody gave out."""
        raise NotImplementedError

    @property
    def forgotten(self) -> int:
        """How many requests came, with whatever key, that the journal had no room to keep."""
        raise NotImplementedError

    def contract_report(self) -> str | None:
        """What is wrong with the requests that broke the contract, as text; None where all kept it."""
        raise NotImplementedError

    def verify(  # noqa: PLR0913 - the fields of an expectation
        self,
        operation: str | None = None,
        *,
        count: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        method: str | None = None,
        path: str | None = None,
        name: str | None = None,
        body: Mapping[str, Any] | None = None,
        status: int | None = None,
        task: str | None = None,
        valid: bool | None = None,
    ) -> Verification:
        """Whether requests came as expected: at least one, or as many as the numbers say.

        What is None does not matter; the others are explained at `Expectation`. The answer is true in a
        condition where it holds, and as text says what came and what came nearest. Raises ValueError for
        an expectation that cannot be.
        """
        expectation = Expectation(operation, method, path, name, body, status, task, valid)
        return verify(
            self._entries(),
            expectation,
            count=count,
            at_least=at_least,
            at_most=at_most,
            keys=[self.api_key],
        )

    def assert_requested(
        self, operation: str | None = None, *, times: int | None = None, **expected: Any
    ) -> None:
        """Asserts that a request came: at least one, or exactly so many `times`.

        `expected` are fields of an `Expectation`: status=429, body={"width": 512}. Raises AssertionError,
        whose text shows the request that came nearest.
        """
        __tracebackhide__ = True
        self._assert(self.verify(operation, count=times, **expected))

    def assert_created(
        self, name: str | None = None, *, times: int | None = None, operation: str = _CREATE, **members: Any
    ) -> None:
        """Asserts that a training was started: at least one, or exactly so many `times`.

        `name` may be a glob, `members` are members of the request's body: width=512. A create counts
        where the mock did it, also where a network fault kept the answer from the client. Raises
        AssertionError, whose text shows the request that came nearest.
        """
        __tracebackhide__ = True
        body = members or None
        self._assert(self.verify(operation, name=name, body=body, status=200, count=times))

    def assert_not_created(
        self, name: str | None = None, *, operation: str = _CREATE, **members: Any
    ) -> None:
        """Asserts that no such training was started. Raises AssertionError where one was."""
        __tracebackhide__ = True
        self.assert_created(name, times=0, operation=operation, **members)

    def assert_contract_kept(self) -> None:
        """Asserts that no request broke the contract. Raises AssertionError, whose text says how one did."""
        __tracebackhide__ = True
        report = self.contract_report()
        if report is not None:
            raise AssertionError(report)

    def _assert(self, verification: Verification) -> None:
        __tracebackhide__ = True
        if not verification:
            raise AssertionError(f"{verification}{self._hint()}")

    def _hint(self) -> str:
        """Where no request came at all, but others did: whose they were. Where some are gone: how many."""
        if self.forgotten:
            return f"\nthe journal has no room for all requests: the {self.forgotten} oldest are not counted"
        entries = self._entries(with_strays=True)
        if not entries or any(entry.namespace == self.namespace for _, entry in entries):
            return ""
        counts = Counter(whose_request(entry) for _, entry in entries)
        came = " and ".join(f"{count} {whose}" for whose, count in sorted(counts.items(), reverse=True))
        noun = "request" if len(entries) == 1 else "requests"
        return f"\nbut {came} came ({len(entries)} {noun}): is the client given the api_key of the mock?"
