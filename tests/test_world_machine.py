"""The whole mock against a plain model of it: any order of calls, clocks, settings, faults and resets."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from engine_calls import BODIES, OPERATIONS
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from world_model import (
    CREATES,
    FORCED,
    GONE,
    PATHS,
    SHOWN_ONCE,
    STATUS_CALLS,
    D,
    ModelRule,
    ModelTask,
    ModelWorld,
    T,
)

from loracle_contracts import task_id, validate
from loracle_mockserver.clock import EPOCH
from loracle_mockserver.control import Control
from loracle_mockserver.engine import Engine
from loracle_mockserver.fault_rules import namespace_of
from loracle_mockserver.message import Reply, Request

KEYS = ["k1", "k2", "k3"]
A_KEY = st.sampled_from(KEYS)
A_KEY_OR_ALL = st.sampled_from([*KEYS, None])
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "progression": st.sampled_from(["polls", "seconds", "immediate"]),
        "polls_per_state": st.sampled_from([1, 2, 5]),
        "seconds_per_state": st.sampled_from([[60, 480, 60], [1, 2, 1], [0, 10, 0]]),
        "asset_ids": st.sampled_from(["hex", "int"]),
        "require_assets": st.booleans(),
    },
)
PICKS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"first": 1}, {"first": 2}, {"nth": 2}, {"nth": [1, 3]}, {"every": 2}, {"every": 2, "first": 4}]
)
EFFECTS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"fault": "SERVICE_UNAVAILABLE"},
        {"fault": "CREATE_TASK_FAILED"},
        {"status": 429, "retry_after": 7},
        {"delay": 1.5},
        {"delay": 0.25, "operation": "listTrainings"},
        {"fault": "wrong-type"},
        {"fault": "html-error", "operation": "listModels"},
        {"fault": "reset-before-headers"},
        *({"fault": fault} for fault in PATHS if fault),
        *({"fault": fault, "operation": STATUS_CALLS[0]} for fault in SHOWN_ONCE),
    ]
)
NAMES: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{}, {}, {"name": "a*"}])
STATES = st.sampled_from([*FORCED, None])
# What each rule does to an answer of its own: the status, and the reason in the envelope.
ERRORS = {"SERVICE_UNAVAILABLE": 503, "CREATE_TASK_FAILED": 500}


class WorldMachine(RuleBasedStateMachine):
    @initialize(seed=st.sampled_from([0, 7]))
    def begin(self, seed: int) -> None:
        self.wall = 1_000.0
        self.engine = Engine(seed=seed, wall=lambda: self.wall)
        self.control = Control(self.engine)
        self.seed = seed
        self.model = ModelWorld(EPOCH + seed * 86_400, KEYS)
        self.assets: dict[tuple[str, int], Any] = {}

    # --- calls

    def call(
        self, key: str, operation: str, query: str = "", body: Any = None, name: str | None = None
    ) -> tuple[Reply, Any, dict[str, Any]]:
        """The answer, its JSON if it is a success as documented, and the rule that struck."""
        struck, delay = self.model.strike(key, operation, name)
        known = OPERATIONS[operation]
        headers = [(b"authorization", b"Bearer " + key.encode()), (b"content-type", b"application/json")]
        raw = orjson.dumps(body) if body else b""
        reply = self.engine.handle(Request(known.method, known.path, query.encode(), headers, raw))
        return reply, self.judged(key, operation, reply, struck, delay), struck

    def judged(self, key: str, operation: str, reply: Reply, struck: dict[str, Any], delay: float) -> Any:
        """Holds an answer to the contract and to the rule that struck; its JSON, or None."""
        entries = list(self.control.entries(namespace_of(key)))
        fault = struck.get("fault", "RATE_LIMIT_EXCEEDED" if struck else "delay" if delay else None)
        assert len(entries) == self.model.keys[key].calls
        entry = entries[-1][1]
        assert (entry.operation, entry.status, entry.fault) == (operation, reply.status, fault)
        assert reply.delay == entry.delay == delay
        if fault in ERRORS or "status" in struck:
            assert reply.status == struck.get("status") or reply.status == ERRORS[fault]
            assert (dict(reply.headers).get(b"retry-after") == b"7") is ("status" in struck)
            assert validate(reply.body, operation, part="error").valid
            return None
        assert reply.transmission == (fault if fault == "reset-before-headers" else None)
        if fault == "html-error":
            assert (reply.status, reply.body[:6]) == (502, b"<html>")
            return None
        if reply.status != 200:
            assert validate(reply.body, operation, part="error").valid
            return None
        if not OPERATIONS[operation].response:
            assert reply.body == b""
            return None
        is_damaged = fault == "wrong-type"
        is_broken = is_damaged or b'"PREPARING"' in reply.body
        assert validate(reply.body, operation, part="response").valid is not is_broken
        answer = orjson.loads(reply.body)
        assert is_damaged or is_complete(answer)
        return None if is_damaged else answer

    @staticmethod
    def takes_effect(struck: dict[str, Any]) -> bool:
        return struck.get("fault") not in (*ERRORS, "html-error") and "status" not in struck

    @rule(
        key=A_KEY,
        operation=st.sampled_from(CREATES),
        name=st.sampled_from(["a", "ab", "b"]),
        real=st.booleans(),
    )
    def create(self, key: str, operation: str, name: str, real: bool) -> None:
        kept = self.model.keys[key]
        asset = min(kept.assets) if real and kept.assets else 26
        body = {**BODIES[operation], "name": name}
        body["image_dataset_items"] = [{**body["image_dataset_items"][0], "assets_id": asset}]  # type: ignore[index]
        reply, answer, struck = self.call(key, operation, body=body, name=name)
        if not self.takes_effect(struck):
            return
        if self.model.setting(key, "require_assets") and asset == 26:
            assert reply.status == 400
            assert orjson.loads(reply.body)["metadata"]["violations"][0]["rule"] == "assets_id.uploaded"
            return
        n = sum((task.operation, task.name) == (operation, name) for task in kept.tasks)
        expected = task_id(self.seed, operation, name, n)
        assert answer in (None, {"task_id": expected})
        fault = struck.get("fault")
        moment = self.model.clock(key).moment
        kept.tasks.append(ModelTask(operation, name, expected, moment, fault if fault in PATHS else None))

    @precondition(lambda self: any(kept.tasks for kept in self.model.keys.values()))
    @rule(data=st.data(), asker=A_KEY)
    def poll(self, data: st.DataObject, asker: str) -> None:
        owner = data.draw(st.sampled_from([key for key, kept in self.model.keys.items() if kept.tasks]))
        wanted = data.draw(st.sampled_from(self.model.keys[owner].tasks))
        operation = data.draw(st.sampled_from(STATUS_CALLS))
        # Another key may have a task of this id, too: ids do not depend on the key.
        known = {task.id: task for task in self.model.keys[asker].tasks}
        task = known.get(wanted.id)
        name = task.name if task else None
        reply, answer, struck = self.call(asker, operation, f"task_id={wanted.id}", name=name)
        if not self.takes_effect(struck):
            return
        if task is None or CREATES[STATUS_CALLS.index(operation)] != task.operation:
            assert (reply.status, reply.reason) == (404, "TASK_NOT_FOUND")
            return
        task.polls += 1
        once = SHOWN_ONCE.get(struck.get("fault", ""))
        shown = once or self.model.shown(asker, task)
        if shown == GONE:
            assert (reply.status, reply.reason) == (404, "TASK_NOT_FOUND")
        else:
            assert reply.status == 200
        if answer is None:
            return
        assert (answer["task_id"], status_of(answer)) == (task.id, shown)
        assert ("extra" in answer) is (task.fault != "missing-extra")
        if task.forced is None and once is None and "extra" in answer:
            self.check_progress(asker, task, answer["extra"])

    def check_progress(self, key: str, task: ModelTask, extra: dict[str, float]) -> None:
        index, path = self.model.index(key, task), PATHS[task.fault]
        progress, eta = extra["progress_percent"], extra["eta_relative"]
        if task.seen:
            assert index >= task.seen[0]
            assert eta <= task.seen[2]
            assert progress >= task.seen[1] or index != task.seen[0]
        task.seen = (index, progress, eta)
        if path[index] in (D, PATHS[None][-1]):
            assert (progress, eta) == (100, 0)
        if index < len(path) - 1 and path[index] != D:
            assert progress == 0 or path[index] == T
            if self.model.setting(key, "progression") == "seconds":
                assert eta == pytest.approx(self.model.eta(key, task), abs=0.06)
            assert eta > 0 or progress == 100

    @rule(
        key=A_KEY,
        limit=st.sampled_from([None, 1, 2, 3, 10, 100]),
        kind=st.sampled_from([None, "subject", "style"]),
    )
    def list_tasks(self, key: str, limit: int | None, kind: str | None) -> None:
        expected = self.model.visible(key, kind)
        query = f"&task_type={kind}" if kind else ""
        listed = self.pages(key, "listTrainings", "tasks", limit, query, len(expected))
        for task, entry in zip(expected, listed or [], strict=listed is not None):
            assert (entry["task_id"], entry["task_name"]) == (task.id, task.name)
            assert entry["task_type"] == ("style" if "Style" in task.operation else "subject")
            assert status_of(entry) == self.model.shown(key, task)
            assert entry["created_at"] == int(task.created_at)

    @rule(key=A_KEY, limit=st.sampled_from([None, 1, 3, 100]))
    def list_models(self, key: str, limit: int | None) -> None:
        expected = [task for task in self.model.visible(key) if self.model.shown(key, task)[1]]
        listed = self.pages(key, "listModels", "models", limit, "&filter.source=training", len(expected))
        for task, entry in zip(expected, listed or [], strict=listed is not None):
            assert (entry["name"], entry["source"]) == (task.name, "training")
            assert entry["status"] == (self.model.shown(key, task)[1] == "SERVING")
            # Whoever remembers a model's name can use it, whatever is set later.
            task.model_name = task.model_name or entry["sd_name"]
            assert entry["sd_name"] == entry["sd_name_in_api"] == task.model_name

    def pages(
        self, key: str, operation: str, member: str, limit: int | None, query: str, count: int
    ) -> list[Any] | None:
        """All pages of a list, each found to be full but the last; None where a fault struck."""
        items: list[Any] = []
        cursor, size = "", limit or 10
        while True:
            paging = f"pagination.cursor={cursor}" + (f"&pagination.limit={limit}" if limit else "")
            _, answer, _ = self.call(key, operation, paging + query)
            if answer is None:
                return None
            items += answer[member]
            assert len(answer[member]) == min(size, count - (len(items) - len(answer[member])))
            cursor = answer["pagination"]["next_cursor"]
            assert (cursor == "") is (len(items) == count)
            if not cursor:
                return items

    @rule(key=A_KEY, put=st.booleans())
    def upload(self, key: str, put: bool) -> None:
        kept = self.model.keys[key]
        _, answer, struck = self.call(key, "createUploadUrl", body={"file_extension": "png"})
        if not self.takes_effect(struck):
            return
        number = kept.uploads
        kept.uploads += 1
        if answer is None:
            return
        asset = answer["assets_id"]
        kind = self.model.setting(key, "asset_ids")
        assert isinstance(asset, int if kind == "int" else str)
        assert self.assets.setdefault((kind, number), asset) == asset
        path, _, query = answer["upload_url"].partition("127.0.0.1")[2].partition("?")
        if put:
            struck, delay = self.model.strike(key, "putUpload", None)
            reply = self.engine.handle(Request("PUT", path, query.encode(), (), b"bytes"))
            self.judged(key, "putUpload", reply, struck, delay)
            if self.takes_effect(struck):
                assert reply.status == 200
                kept.assets.add(str(asset))

    @rule(operation=st.sampled_from([name for name, known in OPERATIONS.items() if known.authenticated]))
    def call_without_a_key(self, operation: str) -> None:
        known = OPERATIONS[operation]
        reply = self.engine.handle(Request(known.method, known.path))
        assert (reply.status, reply.reason) == (400, "MISSING_API_KEY")
        assert validate(reply.body, operation, part="error").valid

    # --- the world

    @rule(seconds=st.sampled_from([0.5, 1.0, 59.0, 480.0]))
    def time_passes(self, seconds: float) -> None:
        self.wall += seconds
        self.model.tick(seconds)

    @rule(
        key=A_KEY_OR_ALL,
        frozen=st.sampled_from([None, True, False]),
        advance=st.sampled_from([None, 0.5, 30.0, 540.0]),
        scale=st.sampled_from([None, 0, 0.5, 60]),
    )
    def set_clock(
        self, key: str | None, frozen: bool | None, advance: float | None, scale: float | None
    ) -> None:
        self.control.set_clock(key and namespace_of(key), frozen=frozen, advance=advance, scale=scale)
        model = self.model
        clocks = [model.own_clock(key)] if key else [kept.clock for kept in model.keys.values()]
        for clock in clocks if key else [*clocks, model.everyone.clock]:
            if clock:
                clock.frozen = clock.frozen if frozen is None else frozen
                clock.scale = clock.scale if scale is None else scale
                clock.moment += advance or 0.0

    @rule(key=A_KEY_OR_ALL, changes=SETTINGS)
    def configure(self, key: str | None, changes: dict[str, Any]) -> None:
        self.control.configure(changes, key and namespace_of(key))
        model = self.model
        if key:
            model.own_clock(key)
        for kept in [model.keys[key]] if key else [*model.keys.values(), model.everyone]:
            kept.settings.update(changes)
        for kept in model.keys.values():
            for task in kept.tasks:
                task.seen = None

    @rule(key=A_KEY_OR_ALL, effect=EFFECTS, picks=PICKS, name=NAMES)
    def add_fault(self, key: str | None, effect: dict[str, Any], picks: Any, name: dict[str, Any]) -> None:
        if effect.get("operation") not in (None, *CREATES, *STATUS_CALLS):
            name = {}  # it is about no task, and a rule that can never act is refused
        body = {**effect, **picks, **name}
        [added] = self.control.add_faults(body, key and namespace_of(key))
        (self.model.keys[key] if key else self.model.everyone).rules.append(ModelRule(added, body))

    @rule(key=A_KEY_OR_ALL)
    def clear_faults(self, key: str | None) -> None:
        self.control.clear_faults(key and namespace_of(key))
        for kept in [self.model.keys[key]] if key else [*self.model.keys.values(), self.model.everyone]:
            kept.rules.clear()

    @rule(key=A_KEY_OR_ALL)
    def reset(self, key: str | None) -> None:
        self.control.reset(key and namespace_of(key))
        self.model.reset(key)

    @precondition(lambda self: any(kept.tasks for kept in self.model.keys.values()))
    @rule(data=st.data(), state=STATES)
    def force(self, data: st.DataObject, state: str | None) -> None:
        key = data.draw(st.sampled_from([key for key, kept in self.model.keys.items() if kept.tasks]))
        task = data.draw(st.sampled_from(self.model.keys[key].tasks))
        self.control.force(task.id, state, namespace_of(key))
        task.forced, task.seen = state, None

    # --- what always holds

    @invariant()
    def every_key_sees_its_own_world(self) -> None:
        for key, kept in self.model.keys.items():
            namespace = namespace_of(key)
            clock, described = self.model.clock(key), self.control.clock(namespace)
            assert described["now"] == clock.moment
            assert (described["frozen"], described["scale"]) == (clock.frozen, clock.scale)
            assert described["progression"] == self.model.setting(key, "progression")
            rules = {rule["id"]: rule["matched"] for rule in self.control.faults(namespace)}
            expected = [*kept.rules, *self.model.everyone.rules]
            assert rules == {rule.id: kept.matched.get(rule.id, 0) for rule in expected}
            assert len(list(self.control.entries(namespace))) == kept.calls
            found = [
                (task["task_id"], task["polls"], task["fault"]) for task in self.control.tasks(namespace)
            ]
            assert found == [(task.id, task.polls, task.fault) for task in reversed(kept.tasks)]


def status_of(answer: dict[str, Any]) -> tuple[str, str | None]:
    """Task status and model status of an answer that shows one model at most."""
    models = answer["models"]
    assert len(models) <= 1
    return answer["task_status"], models[0]["model_status"] if models else None


def is_complete(value: Any) -> bool:
    """Whether nothing in an answer is null."""
    if isinstance(value, dict):
        value = list(value.values())
    return all(map(is_complete, value)) if isinstance(value, list) else value is not None


def test_the_world_is_as_its_model_says() -> None:
    run_state_machine_as_test(WorldMachine, settings=settings(max_examples=150, stateful_step_count=50))
