"""Layer `examples`: the contract's own invalid examples must be refused; its valid reads must work."""

from __future__ import annotations

from collections.abc import Iterator

from loracle_contracts import spec
from loracle_contracts.fuzzing.probe import Probe
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.oracle import CREATES

__all__ = ["probes", "run"]

LAYER = "examples"


async def run(session: Session) -> None:
    """Sends every documented example that no training starts."""
    for probe in probes(session):
        await session.send(probe)


def probes(session: Session) -> Iterator[Probe]:
    """The examples of requests and queries; valid creates are the business of layers with a budget.

    Where the layer `table` runs, too, it breaks the rules of bodies in more ways than an example does; then
    only those examples are sent whose rule it does not know.
    """
    is_with_table = "table" in session.options.layers
    for path, entry in spec.examples().items():
        kind, operation, part = path.split("/")[:3]
        if kind not in ("valid", "invalid") or part not in ("request", "query"):
            continue
        if kind == "valid" and (operation in CREATES or operation == "createUploadUrl"):
            continue
        if is_with_table and part == "request" and entry["rule"] in _rules_of_table(operation, session):
            continue
        data = spec.example(path)
        is_query = part == "query"
        request = (
            session.request(operation, query=data.decode("latin-1"))
            if is_query
            else session.request(operation, data)
        )
        name = path.rpartition("/")[2].rpartition(".")[0]
        yield Probe(LAYER, f"the {kind} example {name}", request, entry.get("rule", f"{operation}.{name}"))


def _rules_of_table(operation: str, session: Session) -> frozenset[str]:
    from loracle_contracts.fuzzing.wrong_bodies import mutations  # noqa: PLC0415 - not where only examples run

    return frozenset(one.rule for one in mutations(operation, session.options.profile))
