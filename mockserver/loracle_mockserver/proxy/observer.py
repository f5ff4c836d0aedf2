"""Who is told of each exchange: counts it, says what is wrong with it on stderr, records it."""

from __future__ import annotations

from collections.abc import Callable

from loracle_contracts.exchange import Request
from loracle_contracts.quote import excerpt
from loracle_contracts.report.safe_text import printable
from loracle_mockserver.proxy.cassette_writer import CassetteWriter
from loracle_mockserver.proxy.connection import UpstreamError
from loracle_mockserver.proxy.exchange import Exchange
from loracle_mockserver.proxy.judgement import AnswerVerdict
from loracle_mockserver.proxy.secrets_in_urls import without_signatures
from loracle_mockserver.proxy.tally import OperationTally, Tally
from loracle_mockserver.redaction import Credentials

__all__ = ["Observer"]


class Observer:
    """Notes what goes through the proxy. `tell` gets lines without credentials."""

    def __init__(self, tell: Callable[[str], None], cassette: CassetteWriter | None = None) -> None:
        self.tally = Tally()
        self._tell = tell
        self._cassette = cassette

    def request(self, exchange: Exchange, request: Request) -> None:
        """A request was judged."""
        expectation = exchange.expectation
        if expectation is None:
            return
        self._counts(exchange).request(expectation)
        if expectation.refusal is None:
            return
        say = _Line(exchange, request, self._tell)
        for violation in expectation.violations:
            say(f"client: {violation}")
        if not expectation.violations:
            say(f"client: the contract answers this with {expectation.refusal}")

    def refused(self, exchange: Exchange) -> None:
        """The proxy has refused the request; it did not reach the server."""
        self._counts(exchange).refused_requests += 1

    def failed(self, exchange: Exchange, request: Request, error: UpstreamError) -> None:
        """The server gave no answer, or no whole one."""
        self._counts(exchange).failures[error.cause] += 1
        _Line(exchange, request, self._tell)(f"no answer: {error}")

    def abandoned(self, exchange: Exchange) -> None:
        """The client went away before it was answered."""
        self._counts(exchange).abandoned += 1

    def answered(self, exchange: Exchange, request: Request, verdict: AnswerVerdict) -> None:
        """The server has answered."""
        if exchange.head is None:
            return
        status = exchange.head.status
        if verdict.text == "valid":
            self._counts(exchange).answer(status, verdict, exchange.seconds)
        else:
            say = _Line(exchange, request, self._tell)
            # What a server makes up may hold the key, too.
            verdict.unknown = [*map(say.clean, verdict.unknown)]
            verdict.reason = None if verdict.reason is None else say.clean(verdict.reason)
            new = self._counts(exchange).answer(status, verdict, exchange.seconds)
            for mismatch in verdict.mismatches:
                rule = f" [{mismatch.rule}]" if mismatch.rule else ""
                say(
                    f"server: {status}: {mismatch.check}: "
                    f"expected {mismatch.expected}, got {mismatch.got}{rule}"
                )
            if not verdict.is_judged:
                say(f"server: {status}: its body cannot be read; it was not judged")
            if not verdict.is_documented and not verdict.mismatches:
                say(f"server: {status} {verdict.reason or 'without a reason'} is not documented")
            for pointer in new:
                say(f"server: {status}: a member that the contract does not know: {excerpt(pointer)}")
        if self._cassette is not None:
            self._cassette.add(exchange, verdict)

    def _counts(self, exchange: Exchange) -> OperationTally:
        expectation = exchange.expectation
        operation = expectation.operation if expectation is not None else None
        return self.tally.of(operation.id if operation is not None else None)


class _Line:
    """Says what is wrong with one exchange, without the key that it carries."""

    def __init__(self, exchange: Exchange, request: Request, tell: Callable[[str], None]) -> None:
        self._credentials = Credentials.of(exchange.scope["headers"])
        self._place = f"{request.method} {excerpt(request.path)}"
        self._tell = tell

    def __call__(self, text: str) -> None:
        self._tell(printable(self.clean(f"{self._place}: {text}")))

    def clean(self, text: str) -> str:
        """The text without the key and without signatures."""
        return without_signatures(self._credentials.clean_text(text))
