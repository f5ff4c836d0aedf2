"""How a server of this corpus comes to be wrong, and the query of a request as names and values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qsl, unquote_plus, urlencode

from broken_servers_second.wire import Answer, Handler, Next, Request, around
from broken_servers_unseen.defect import Case, Defect, Witness

__all__ = ["asked", "asking", "mending", "plain", "refusing", "takes", "turns_down"]

Judge = Callable[[Request], Answer | None]


def plain(handler: Handler) -> Callable[[], Handler]:
    """What makes a handler that remembers nothing."""
    return lambda: handler


def asked(request: Request) -> dict[str, str]:
    """The parameters of a request; of a repeated one the last."""
    return dict(parse_qsl(request.query, keep_blank_values=True))


def asking(request: Request, **changes: str | None) -> Request:
    """The same request with other parameters; two underscores stand for the dot, None leaves one out.

    The others stay as they are, and one that was sent twice is sent twice.
    """
    changed = {name.replace("__", "."): value for name, value in changes.items()}
    pairs, sent = [], set()
    for pair in filter(None, request.query.split("&")):
        name = unquote_plus(pair.partition("=")[0])
        sent.add(name)
        if name not in changed:
            pairs.append(pair)
        elif (value := changed[name]) is not None:
            pairs.append(urlencode({name: value}))
    added = {name: value for name, value in changed.items() if value is not None and name not in sent}
    return replace(request, query="&".join(pairs + ([urlencode(added)] if added else [])))


def mending(change: Callable[[Request], Request]) -> Handler:
    """A handler that changes a request before it is judged."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        return await pass_on(change(request))

    return handler


def refusing(judge: Judge) -> Handler:
    """A handler that refuses what this judges to be wrong, of what is else accepted."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        refusal = judge(request)
        return refusal if refusal is not None else await pass_on(request)

    return handler


def takes(name: str, operation: str, change: Callable[[Request], Request], witness: Witness) -> Case:
    """A case of a server that mends a request which is wrong in its head or in its query."""
    return Case(Defect(name, "accepts-invalid", operation, False, around(plain(mending(change)))), witness)


def turns_down(name: str, operation: str, judge: Judge, witness: Witness) -> Case:
    """A case of a server that refuses a request which is right in its head and in its query."""
    return Case(Defect(name, "rejects-valid", operation, False, around(plain(refusing(judge)))), witness)
