"""Layer `queries`: every rule of every query parameter, just inside and outside; and how reads fit together.

The values are made from the schema of the query. All of it is reads.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from loracle_contracts import spec
from loracle_contracts.fuzzing.model_reads import check_model_list
from loracle_contracts.fuzzing.probe import Probe
from loracle_contracts.fuzzing.query_values import Value, packed, parameters, values
from loracle_contracts.fuzzing.reads import check_list
from loracle_contracts.fuzzing.states import KINDS, unknown_task
from loracle_contracts.oracle import Refusal

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["probes", "run", "task_probes"]

LAYER = "queries"
_LIST, _MODELS, _STATE = "listTrainings", "listModels", "getSubjectTraining"


async def run(session: Session) -> None:
    """Sends every probe, then reads the lists in many ways and compares."""
    for probe in probes(session):
        await session.send(probe)
    await _send_packed(session)
    tasks = await check_list(session, LAYER)
    for probe in task_probes(session, [str(task["task_id"]) for task in tasks[:1]]):
        await session.send(probe)
    await check_model_list(session, LAYER, tasks)


async def _send_packed(session: Session) -> None:
    """Every value of every filter, several to a query; each alone where the server refuses them together."""
    for chosen in packed(_MODELS):
        text = "&".join(value.text for value in chosen.values())
        probe = _probe(session, _MODELS, Value("listModels.query", text))
        found = await session.send(probe, is_search=True)
        if found is None or found.is_accepted:
            continue
        alone = [await session.send(_probe(session, _MODELS, value)) for value in chosen.values()]
        if all(one is not None and one.is_accepted for one in alone):
            session.keep(found, probe.subject, probe.title)


def probes(session: Session) -> Iterator[Probe]:
    """The probes that need no task: of single parameters, of how queries are written, of unknown tasks."""
    shown = _shown() if "examples" in session.options.layers else set()
    for operation in (_LIST, _MODELS):
        for name in parameters(operation):
            for value in values(operation, name, is_brief=operation == _MODELS):
                if (operation, value.text) not in shown:
                    yield _probe(session, operation, value)
    for operation, value in _texts():
        yield _probe(session, operation, value)
    for operation in KINDS.values():
        for text in ("", "task_id="):
            if (operation, text) not in shown:
                yield _probe(session, operation, Value("query.task_id.required", text))
        yield _probe(session, operation, Value("query.duplicate", "task_id=a&task_id=a"))
        yield _probe(session, operation, Value("query.encoding", "task_id=%ff"))
    yield _probe(session, _STATE, Value("query.task_id.required", "taskId=x"))
    yield from _unknown_tasks(session)


def _shown() -> set[tuple[str, str]]:
    """The queries that the contract has as examples."""
    paths = [path.split("/") for path in spec.examples()]
    return {(path[1], spec.example("/".join(path)).decode("latin-1")) for path in paths if path[2] == "query"}


def _probe(session: Session, operation: str, value: Value) -> Probe:
    request = session.request(operation, query=value.text)
    title = f"{operation}?{value.text if len(value.text) <= 80 else value.text[:60] + '...'}"
    return Probe(LAYER, title, request, value.rule)


def _texts() -> Iterator[tuple[str, Value]]:
    """How queries are written: repeated, encoded, bracketed; and names that mean nothing."""
    yield _LIST, Value("query.duplicate", "pagination.limit=5&pagination.limit=5")
    yield _LIST, Value("query.duplicate", "task_type=subject&pagination.limit=5&task_type=style")
    yield _MODELS, Value("query.duplicate", "filter.query=a&filter%2Equery=a")
    yield _MODELS, Value("query.duplicate", "pagination.limit=5&pagination.limit=6")
    yield _LIST, Value("query.encoding", "task_type=subject%ff")
    yield _MODELS, Value("query.encoding", "filter.query=%C3%28")
    # Only the ampersand separates parameters (the contract's server knows no semicolon).
    yield _LIST, Value("query.pagination.limit.type", "pagination.limit=5;task_type=subject")
    yield _LIST, Value("query.pagination.limit.minimum", "pagination%2Elimit=0")
    yield _LIST, Value("query.pagination.limit.maximum", "loracle=1&pagination.limit=101&loracle=2")
    unknown = ("loracle=1&loracle=2", "pagination[limit]=0", "Pagination.Limit=0&limit=0", "&&=&a")
    for text in unknown:
        yield _LIST, Value("query.unknown", text)
    yield _MODELS, Value("query.unknown", "filter[source]=nobody&filter.unknown=1")
    # Texts that mean something to a database, a pattern or a path mean nothing here.
    for text in ("%00", "%27%20OR%20%271%27%3D%271", "%28%5B%2A", "x" * 2_000):
        yield _MODELS, Value("query.filter.query", f"filter.query={text}")


def _unknown_tasks(session: Session) -> Iterator[Probe]:
    """Ids that no task has, whatever their form: the answer is 404 (the contract's rule on task_id)."""
    digest = hashlib.sha256(f"loracle unknown {session.options.seed}".encode()).digest()
    fitting = str(uuid.UUID(bytes=digest[:16], version=4))
    texts = ["x", " ", "%", "' OR '1'='1", "../../v3/training", "a\nb", "\0", "a" * 2_000]
    for operation in KINDS.values():
        for text in (fitting, *texts):
            yield _unknown(session, operation, text)


def _unknown(session: Session, operation: str, task_id: str) -> Probe:
    request = session.request(operation, query=f"task_id={quote(task_id, safe='')}")
    demand = unknown_task(session, request)
    if "\0" in task_id:
        # What stands before a server may let no NUL through.
        demand = replace(demand, tolerated=(*demand.tolerated, Refusal(400, "INVALID_REQUEST_BODY")))
    shown = task_id if len(task_id) <= 40 else task_id[:36] + "..."
    return Probe(LAYER, f"{operation}, task_id {shown!r}", request, "task_id.unknown", demand)


def task_probes(session: Session, task_ids: list[str]) -> Iterator[Probe]:
    """Ids that are nearly those of tasks that there are; the operations know tasks by their whole ids."""
    operations = list(KINDS.values())
    for task_id in task_ids:
        for near in (task_id[:-1], task_id + "0", task_id[:8], task_id[:-1] + "%"):
            for operation in operations:
                yield _unknown(session, operation, near)
