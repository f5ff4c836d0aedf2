"""A finding as text, for the message of a failed test: what is wrong, and a command that repeats it."""

from __future__ import annotations

import shlex

from loracle_contracts.exchange import Request
from loracle_contracts.fuzzing.findings import Finding
from loracle_contracts.fuzzing.probe import Exchange, Failure

__all__ = ["curl", "listing"]

_SHOWN_ANSWER = 300
_SHOWN_REQUESTS = 4
_LONGEST = 4000


def listing(finding: Finding, url: str) -> str:
    """Several lines: the cause, expected and got, the rule with its source, the requests as curl lines."""
    lines = [
        f"{finding.check}: {finding.subject}" + (f" ({finding.title})" if finding.title else ""),
        f"   expected  {finding.expected}",
        f"   got       {finding.got}",
    ]
    if finding.rule is not None:
        lines.append(f"   rule      {finding.rule}" + (f" [{finding.source}]" if finding.source else ""))
    if finding.operations:
        lines.append(f"   where     {', '.join(finding.operations)}, {finding.occurrences} case(s)")
    if finding.vanishes_under_lenient:
        lines.append("   note      the lenient profile allows it")
    for exchange in finding.exchanges[:_SHOWN_REQUESTS]:
        lines += [f"   request   {curl(exchange.probe.request, url)}", f"   answer    {_answer(exchange)}"]
    if len(finding.exchanges) > _SHOWN_REQUESTS:
        lines.append(f"   and {len(finding.exchanges) - _SHOWN_REQUESTS} requests more")
    return "\n".join(lines)


def curl(request: Request, url: str) -> str:
    """A curl command that sends the request; the key is read from LORACLE_API_KEY."""
    parts = [shlex.join(["curl", "-i", "--path-as-is", "-X", request.method])]
    for name, value in request.headers:
        if name.lower() == "authorization" and value.startswith("Bearer "):
            parts.append(f'-H "{name}: Bearer $LORACLE_API_KEY"')
        else:
            parts.append(f"-H {shlex.quote(f'{name}: {value}' if value else f'{name};')}")
    address = shlex.quote(url.rstrip("/") + request.target)
    if not request.body:
        return " ".join([*parts, address])
    if len(request.body) > _LONGEST:
        return " ".join([*parts, "--data-binary @BODY", address, f"# a body of {len(request.body)} bytes"])
    text = request.body.decode("utf-8", "replace")
    if text.encode() == request.body and text.replace("\n", "").isprintable():
        return " ".join([*parts, f"--data-raw {shlex.quote(text)}", address])
    return " ".join([f"printf {_escaped(request.body)} |", *parts, "--data-binary @-", address])


def _escaped(body: bytes) -> str:
    """Bytes as printf's format, each that is no ASCII letter, digit or simple sign in octal."""
    plain = b'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-.,:;{}[]()"'
    return shlex.quote("".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in body))


def _answer(exchange: Exchange) -> str:
    outcome = exchange.outcome
    if isinstance(outcome, Failure):
        return f"none ({outcome.kind}: {outcome.text})"
    body = outcome.body[:_SHOWN_ANSWER].decode("utf-8", "replace")
    return f"{outcome.status} {body}" + ("..." if len(outcome.body) > _SHOWN_ANSWER else "")
