"""Calls of a store as data: Hypothesis makes them, and two stores are held to equal answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

from hypothesis import strategies as st

from loracle_contracts import task_id
from loracle_mockserver.journal import Entry
from loracle_mockserver.store import Store
from loracle_mockserver.tasks import Task

__all__ = ["SEED", "Call", "Reopen", "Step", "Story", "in_one_turn", "kept", "stories", "take"]

SEED = 7
OPERATIONS = ("createSubjectTraining", "createStyleTraining")
NAMESPACES = ("0123456789ab", "ffffffffffff")
EVERYBODY = ""
# What separates, ends or numbers things somewhere in a store must do no harm in a name.
ODD = ("", "a", "a\n", "a\nb", ":", "a:b", "\0", "a\0b", " 1 2 ", "0", "\ud800", "\udfff\ud800", "ä😀", "';")


@dataclass(frozen=True)
class Call:
    """A method of a store with its arguments."""

    method: str
    arguments: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"{self.method}{self.arguments!r}"


@dataclass(frozen=True)
class Step:
    """Calls, by one of two who have the store open; in one turn of an event loop, or without one."""

    who: int
    in_a_turn: bool
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Reopen:
    """Both close the store, and open it again."""


@dataclass(frozen=True)
class Vocabulary:
    """The words of a story: few, so that they meet again."""

    namespaces: tuple[str, ...]
    operations: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def scopes(self) -> tuple[str, ...]:
        """Where counters and documents can be: in a namespace, or in that of all keys."""
        return self.namespaces if len(self.namespaces) == 1 else (*self.namespaces, EVERYBODY)


@dataclass(frozen=True)
class Story:
    """Steps, and the words that occur in them."""

    words: Vocabulary
    steps: list[Step | Reopen]


@dataclass(frozen=True)
class Put:
    """Replaces a document by another one, or appends to it; None removes it."""

    value: bytes | None
    appends: bool

    def __call__(self, document: bytes | None) -> bytes | None:
        return (document or b"") + (self.value or b"") if self.appends else self.value


# Lone surrogates come in percent-encoded paths.
odd_texts = st.sampled_from(ODD) | st.text(st.characters(codec=None, categories=None), max_size=3)
bodies = st.binary(max_size=20) | st.sampled_from((b"", b"\n", b"{}\n{}", b"\xff\0"))
moments = st.sampled_from((0.0, 1704067200.0, 1704067200.1, 1e-9)) | st.floats(0, 4e9)
states = st.sampled_from(("FAILED", "GONE", None))
headers = st.lists(
    st.sampled_from(
        (
            (b"authorization", b"Bearer a-secret-key"),
            (b"x-api-key", b"a-secret-key"),
            (b"host", b"mock.test"),
            (b"x-latin-1", b"\xe4\0"),
            (b"empty", b""),
        )
    ),
    max_size=3,
)
rules = st.lists(st.sampled_from(("name.required", "width.minimum")), max_size=2).map(tuple)


def _entry(facts: tuple[Any, ...], body: bytes, cut: int) -> Entry:
    before, after = facts[:6], facts[6:]
    return Entry(*before, body, *after, len(body) + cut)


def _entries(namespaces: st.SearchStrategy[str], texts: st.SearchStrategy[str]) -> st.SearchStrategy[Entry]:
    facts = st.tuples(
        namespaces | st.none(),
        st.sampled_from(OPERATIONS) | st.none(),
        st.sampled_from(("POST", "GET", "\ud800")),
        texts,
        st.sampled_from((b"", b"task_id=1", b"key=a-secret-key&x=\xff%00")),
        headers,
        st.sampled_from((200, 400, 503)),
        st.sampled_from((None, "MISSING_API_KEY", "HEADERS_TOO_LARGE")),
        headers,
        bodies,
        st.sampled_from((None, "failed", "RATE_LIMIT_EXCEEDED")),
        texts | st.none(),
        rules,
        rules,
        moments,
        moments,
        moments,
    )
    return st.builds(_entry, facts, bodies | st.just(b'{"name": "a-secret-key"}'), st.sampled_from((0, 0, 5)))


def _topics(story: Vocabulary) -> dict[str, dict[str, tuple[st.SearchStrategy[Any], ...]]]:
    """The methods of each topic, as often as they are to come, with what they may be given."""
    texts, namespaces = st.sampled_from(story.names), st.sampled_from(story.namespaces)
    scopes = st.sampled_from(story.scopes)
    ids = st.sampled_from(
        [
            task_id(SEED, operation, name, n)
            for operation in story.operations
            for name in story.names
            for n in (0, 1)
        ]
        + ["\ud800"]
    )
    operations, faults = st.sampled_from(story.operations), st.sampled_from((None, "failed"))
    several = st.lists(texts, max_size=3)
    reset = {"reset": (scopes | st.none(),)}
    return {
        "create create create poll poll poll task force tasks owners": {
            "create": (namespaces, st.just(SEED), operations, texts, moments, bodies, faults),
            "poll": (namespaces, ids),
            "task": (namespaces, ids),
            "force": (namespaces, ids, states),
            "tasks": (namespaces,),
            "owners": (ids,),
            **reset,
        },
        "expect_upload expect_upload receive_upload receive_upload has_asset": {
            "expect_upload": (namespaces, texts, texts),
            "receive_upload": (namespaces, texts, texts, st.integers(0, 2**53)),
            "has_asset": (namespaces, texts),
            **reset,
        },
        "count count counts": {"count": (scopes, several), "counts": (scopes, several), **reset},
        "read read read update update update": {
            "read": (scopes, texts),
            "update": (scopes, texts, st.builds(Put, bodies | st.none(), st.booleans())),
            **reset,
        },
        "append append append append entries statistics namespaces": {
            "append": (_entries(namespaces, texts),),
            "entries": (),
            "statistics": (),
            "namespaces": (),
            **reset,
        },
    }


def _calls(words: Vocabulary) -> st.SearchStrategy[list[Call]]:
    """Some calls about one topic."""

    def about(
        often: str, methods: dict[str, tuple[st.SearchStrategy[Any], ...]]
    ) -> st.SearchStrategy[list[Call]]:
        made = {
            name: st.builds(Call, st.just(name), st.tuples(*given) if given else st.just(()))
            for name, given in methods.items()
        }
        # A reset now and then; more of them would leave nothing to compare.
        names = [*often.split() * 3, "reset"]
        return st.lists(st.sampled_from(names).flatmap(made.__getitem__), min_size=3, max_size=8)

    return st.one_of([about(*topic) for topic in _topics(words).items()])


def stories(longest: int) -> st.SearchStrategy[Story]:
    """What is done to a store, in which the same few words come again and again."""

    def about(words: Vocabulary) -> st.SearchStrategy[Story]:
        # Half of the steps are about one thing only.
        narrow = [
            Vocabulary((namespace,), (operation,), (name,))
            for namespace in words.namespaces
            for operation in words.operations
            for name in words.names
        ]
        calls = st.one_of(_calls(words), st.sampled_from(narrow).flatmap(_calls))
        steps = st.builds(Step, st.integers(0, 1), st.booleans(), calls.map(tuple))
        # Short ones alone would seldom get anywhere.
        told = st.lists(st.one_of(steps, steps, steps, st.just(Reopen())), min_size=8, max_size=longest)
        return st.builds(Story, st.just(words), told)

    names = st.lists(odd_texts, min_size=1, max_size=2, unique=True).map(tuple)
    words = st.builds(Vocabulary, st.just(NAMESPACES), st.sampled_from([OPERATIONS, OPERATIONS[:1]]), names)
    return words.flatmap(about)


def take(store: Store, call: Call) -> Any:
    """What the store answers, in a form that can be compared: nothing in it changes later."""
    return answered(getattr(store, call.method)(*call.arguments))


def answered(answer: Any) -> Any:
    """An answer of a store, of which two can be compared."""
    if isinstance(answer, Task):
        return astuple(answer)
    if isinstance(answer, Entry):
        # Memory keeps credentials, and takes them out when an entry is shown.
        return answer.redacted()
    if isinstance(answer, (Iterator, list)):
        return [answered(one) for one in answer]
    if isinstance(answer, tuple):
        return tuple(answered(one) for one in answer)
    return answer


async def in_one_turn(store: Store, calls: tuple[Call, ...]) -> list[Any]:
    """The answers to all calls, of which each waits until what it wrote is durable, as the app does."""

    async def one(call: Call) -> Any:
        answer = take(store, call)
        waiting = store.flushed()
        if waiting is not None:
            await waiting
        return answer

    return list(await asyncio.gather(*(one(call) for call in calls)))


def kept(store: Store, names: tuple[str, ...]) -> dict[str, Any]:
    """All that a store keeps under these names."""
    return {
        "statistics": store.statistics(),
        "namespaces": store.namespaces(),
        "tasks": {owner: answered(store.tasks(owner)) for owner in NAMESPACES},
        "entries": answered(store.entries()),
        "counters": {owner: store.counts(owner, list(names)) for owner in (*NAMESPACES, EVERYBODY)},
        "documents": {(owner, name): store.read(owner, name) for owner in NAMESPACES for name in names},
        "assets": {(owner, name): store.has_asset(owner, name) for owner in NAMESPACES for name in names},
    }
