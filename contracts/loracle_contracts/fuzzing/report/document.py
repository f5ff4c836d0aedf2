"""A run as a document of plain values, without secrets; every format is written from it and from it alone."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from loracle_contracts.credentials import REDACTED
from loracle_contracts.curl import curl_line
from loracle_contracts.exchange import Answer, Request
from loracle_contracts.fuzzing.findings import Finding
from loracle_contracts.fuzzing.options import LAYERS, FuzzOptions
from loracle_contracts.fuzzing.probe import Exchange
from loracle_contracts.fuzzing.run import FuzzReport
from loracle_contracts.fuzzing.secrets import KEY, OTHER_KEY, Secrets
from loracle_contracts.fuzzing.session import KINDS, STAND_IN_KEY
from loracle_contracts.oracle import CREATES

__all__ = ["VERSION", "Document", "document", "secrets_of", "told_options"]

VERSION = 1
Document = dict[str, Any]
_ANSWER = 4000  # characters of an answer's body that are kept
_HEADER = 1000
_TEXT = 16 * 1024  # a longer body of a request is kept compressed
_CURL = 4 * 1024  # a longer one makes no line that anybody copies
# What is kept for a replay, by the names of FuzzOptions.
_TOLD = (
    "profile",
    "seed",
    "max_creates",
    "max_requests",
    "max_findings",
    "rate",
    "timeout",
    "max_latency",
    "max_watch",
    "layers",
    "asset_ids",
    "base_model",
    "upload_hosts",
)


def document(report: FuzzReport) -> Document:
    """The report as it stands in JSON; fuzz-report-1.schema.json beside this file describes it."""
    secrets = secrets_of(report.options, report.signatures)
    findings = [_finding(finding, report.options, secrets) for finding in report.findings]
    return {
        "version": VERSION,
        "loracle": version("loracle"),
        "url": secrets.clean(report.options.url),
        "options": told_options(report.options, secrets),
        "findings": findings,
        "not_checked": [
            {"layer": one.layer, "what": secrets.clean(one.what), "why": secrets.clean(one.why)}
            for one in report.not_checked
        ],
        "layers": [
            {
                "layer": layer,
                "requests": report.requests.get(layer, 0),
                **{kind: report.kinds.get((layer, kind), 0) for kind in KINDS},
            }
            for layer in _layers(report)
        ],
        "counts": {
            "findings": len(findings),
            "requests": report.total_requests,
            "answered": report.answered,
            "creates": report.creates,
            "creates_planned": report.creates - report.mistakes,
            "creates_by_mistake": report.mistakes,
            "not_checked": len(report.not_checked),
        },
        "seconds": round(report.seconds, 3),
        "end": report.end,
        "stopped": None if report.stopped is None else secrets.clean(report.stopped),
    }


def _layers(report: FuzzReport) -> list[str]:
    """The layers that were chosen, in their order, and what else sent requests."""
    chosen = [layer for layer in LAYERS if layer in report.options.layers]
    return [*chosen, *(layer for layer in report.requests if layer not in chosen)]


def secrets_of(options: FuzzOptions, signed: tuple[str, ...] = ()) -> Secrets:
    """What reports of a run with these options must not show."""
    return Secrets(options.api_key or STAND_IN_KEY, options.other_api_key, signed)


def told_options(options: FuzzOptions, secrets: Secrets) -> dict[str, Any]:
    """The options as they may be told."""
    values = {name: _plain(getattr(options, name), secrets) for name in _TOLD}
    return {
        **values,
        "api_key": options.api_key is not None,
        "other_api_key": options.other_api_key is not None,
    }


def _plain(value: Any, secrets: Secrets) -> Any:
    if isinstance(value, tuple):
        return [_plain(one, secrets) for one in value]
    return secrets.clean(value) if isinstance(value, str) else value


def _finding(finding: Finding, options: FuzzOptions, secrets: Secrets) -> dict[str, Any]:
    exchanges = [_exchange(exchange, options, secrets) for exchange in finding.exchanges]
    is_one = _is_one_request(finding) and _is_told_whole(finding.exchanges[0].probe.request, secrets)
    cause = "\0".join(finding.cause).encode("utf-8", "backslashreplace")
    source = finding.source
    return {
        "id": hashlib.sha256(cause).hexdigest()[:12],
        "check": finding.check,
        "subject": secrets.clean(finding.subject),
        "layer": finding.layer,
        "title": secrets.clean(finding.title),
        "expected": secrets.clean(finding.expected),
        "got": secrets.clean(finding.got),
        "rule": finding.rule,
        "source": None if source is None else source._asdict(),
        "operations": [secrets.clean(name) for name in finding.operations],
        "occurrences": finding.occurrences,
        "vanishes_under_lenient": finding.vanishes_under_lenient,
        "relation": finding.is_relation,
        "replay": "request" if is_one else "layer",
        "replay_creates": int(_starts_job(finding.exchanges[0])) if is_one else options.max_creates,
        "exchanges": exchanges,
    }


def _is_one_request(finding: Finding) -> bool:
    """Whether the one request shows it again: not where the server's state, or an address, is part of it."""
    if finding.is_relation or len(finding.exchanges) != 1:
        return False
    (exchange,) = finding.exchanges
    return exchange.probe.demand is None and exchange.url is None


def _is_told_whole(request: Request, secrets: Secrets) -> bool:
    """Whether all that was sent can be sent again: keys by their names, and nothing redacted."""
    told = secrets.named(request.target) + "".join(secrets.named(value) for _, value in request.headers)
    return REDACTED not in told and REDACTED.encode() not in _shown_body(request.body, secrets)


def _starts_job(exchange: Exchange) -> bool:
    operation = exchange.expectation.operation
    if operation is None or operation.id not in CREATES:
        return False
    return exchange.expectation.starts_job or exchange.is_accepted


def _exchange(exchange: Exchange, options: FuzzOptions, secrets: Secrets) -> dict[str, Any]:
    probe, outcome = exchange.probe, exchange.outcome
    told = {
        "title": secrets.clean(probe.title),
        "subject": secrets.clean(probe.subject),
        "expected": str(exchange.expectation),
        "tolerated": [str(refusal) for refusal in exchange.expectation.tolerated],
        "url": None if exchange.url is None else secrets.clean(exchange.url),
        "request": _request(probe.request, secrets),
        "curl": _curl(exchange, options, secrets),
    }
    if isinstance(outcome, Answer):
        return {**told, "answer": _answer(outcome, secrets)}
    failure = {
        "kind": outcome.kind,
        "text": secrets.clean(outcome.text),
        "seconds": round(outcome.seconds, 4),
    }
    return {**told, "failure": failure}


def _request(request: Request, secrets: Secrets) -> dict[str, Any]:
    return {
        "method": request.method,
        "target": secrets.named(request.target),
        "headers": [[name, secrets.named(value)] for name, value in request.headers],
        "body": _body(_shown_body(request.body, secrets)),
    }


def _shown_body(body: bytes, secrets: Secrets) -> bytes:
    try:
        return secrets.named(body.decode()).encode()
    except UnicodeDecodeError:
        return secrets.clean_bytes(body)


def _body(data: bytes) -> dict[str, str]:
    if len(data) > _TEXT:
        return {"encoding": "zlib+base64", "data": base64.b64encode(zlib.compress(data, 9)).decode()}
    try:
        return {"encoding": "text", "data": data.decode()}
    except UnicodeDecodeError:
        return {"encoding": "base64", "data": base64.b64encode(data).decode()}


def _answer(answer: Answer, secrets: Secrets) -> dict[str, Any]:
    # All of it is redacted before it is cut, so that the cut leaves no beginning of a key.
    text = secrets.clean_whole(answer.body.decode("utf-8", "replace"))
    return {
        "status": answer.status,
        "headers": [[name, secrets.clean_whole(value)[:_HEADER]] for name, value in answer.headers],
        "body": text[:_ANSWER],
        "cut": len(text) > _ANSWER,
        "length": len(answer.body),
        "seconds": round(answer.seconds, 4),
    }


def _curl(exchange: Exchange, options: FuzzOptions, secrets: Secrets) -> str:
    request = exchange.probe.request
    url = secrets.clean(exchange.url) if exchange.url else options.url.rstrip("/") + request.target
    if len(request.body) > _CURL:
        told = "in this report" if len(request.body) <= _TEXT else "in the JSON report, compressed"
        return f"# no curl line: the body has {len(request.body)} bytes; it stands {told}"
    return curl_line(
        request.method,
        secrets.named(url),
        [(name.encode("latin-1"), value.encode("latin-1")) for name, value in _headers(request, secrets)],
        _shown_body(request.body, secrets),
        variables=_VARIABLES if options.api_key else {KEY: STAND_IN_KEY, OTHER_KEY: OTHER_KEY},
        not_repeated=("content-length",),
    )


_VARIABLES: Mapping[str, str] = {KEY: KEY, OTHER_KEY: OTHER_KEY}


def _headers(request: Request, secrets: Secrets) -> Iterator[tuple[str, str]]:
    for name, value in request.headers:
        yield name, secrets.named(value)
