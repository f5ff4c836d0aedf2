"""The control API: what each page below /_mock/ answers, and what it changes."""

from __future__ import annotations

from typing import Any

import pytest
from control_calls import JSON, SUBJECT, YAML, App, check_refusal

from loracle_contracts import spec, task_id
from loracle_mockserver.clock import EPOCH
from loracle_mockserver.engine import Engine
from loracle_mockserver.fault_rules import namespace_of
from loracle_mockserver.faults import FaultPlan, scenarios
from loracle_mockserver.life_cycle import STATES

K, OTHER = namespace_of("k"), namespace_of("other")
PLAN = FaultPlan.parse({"faults": [{"fault": "LIST_TASK_FAILED", "first": 1}], "polls_per_state": 2})


@pytest.fixture
def app() -> App:
    return App()


class TestHealth:
    def test_it_counts_what_is_kept(self, app: App) -> None:
        app.create("k")
        app.create("other", width="no")
        health = app.control("GET", "health")
        assert health["version"]
        del health["version"]
        assert health == {
            "status": "ready",
            "profile": "strict",
            "seed": 0,
            "namespaces": 1,
            "namespaces_dropped": 0,
            "tasks": 1,
            "tasks_dropped": 0,
            "requests": 2,
            "requests_dropped": 0,
        }
        assert app.ask("HEAD", "/_mock/health").status == 200


# What is changed for every key, and for one.
CHANGES = (
    ("POST", "faults", {"status": 503}),
    ("PUT", "settings", {"progression": "seconds", "asset_ids": "int"}),
    ("POST", "clock", {"frozen": True, "advance": 100, "scale": 2}),
)
PAGES = ("faults", "settings", "clock", "tasks", "requests")


class TestReset:
    @staticmethod
    def changed(app: App, namespace: str = "") -> None:
        query = f"?namespace={namespace}" if namespace else ""
        for method, page, body in CHANGES:
            app.control(method, page + query, body)

    @staticmethod
    def shown(app: App, namespace: str = "") -> dict[str, Any]:
        query = f"?namespace={namespace}" if namespace else ""
        return {page: app.control("GET", page + query) for page in PAGES}

    def test_everything_goes_back_to_the_start_but_the_plan_and_the_contract(self) -> None:
        app = App(Engine(plan=PLAN, profile="lenient", wall=lambda: 5.0))
        fresh, document = self.shown(app), app.ask("GET", "/openapi.json").body
        assert [rule["fault"] for rule in fresh["faults"]["faults"]] == ["LIST_TASK_FAILED"]
        assert fresh["settings"]["polls_per_state"] == 2
        self.changed(app)
        self.changed(app, K)
        app.control("DELETE", "faults")
        first = app.create().json
        app.list()
        assert self.shown(app) != fresh
        assert app.control("POST", "reset") == {"status": "reset", "namespace": None}
        assert self.shown(app) == fresh
        assert self.shown(app, K)["faults"]["faults"][0]["matched"] == 0
        assert app.ask("GET", "/openapi.json").body == document
        assert app.create(width="512").status == 200, "lenient is in force still"
        assert app.control("GET", "tasks")["tasks"][0]["task_id"] == first["task_id"]
        assert [app.list().status, app.list().status] == [500, 200], "the plan counts from the start"

    def test_one_key_goes_back_and_the_others_stay(self) -> None:
        app = App(Engine(plan=PLAN, wall=lambda: 5.0))
        for key, namespace in (("k", K), ("other", OTHER)):
            app.create(key)
            self.changed(app, namespace)
            app.list(key)
        kept = self.shown(app, OTHER)
        assert app.control("POST", f"reset?namespace={K}") == {"status": "reset", "namespace": K}
        assert self.shown(app, OTHER) == kept
        gone = self.shown(app, K)
        assert (gone["tasks"]["tasks"], gone["requests"]["requests"]) == ([], [])
        assert [rule["fault"] for rule in gone["faults"]["faults"]] == ["LIST_TASK_FAILED"]
        assert gone["clock"] == {"now": EPOCH, "frozen": False, "scale": 1.0, "progression": "polls"}
        assert app.create("k").json["task_id"] == task_id(0, "createSubjectTraining", "a", 0)

    def test_a_body_that_nobody_would_hear_is_refused(self, app: App) -> None:
        app.create("other")
        for method, page in (("POST", "reset"), ("DELETE", "faults")):
            refused = app.ask(method, f"/_mock/{page}", json={"namespace": K})
            check_refusal(refused, 400, "INVALID_REQUEST_BODY", "takes no body", "?namespace=")
            refused = app.ask(method, f"/_mock/{page}", body=b"x" * 2_000_000)
            check_refusal(refused, 400, "INVALID_REQUEST_BODY", "takes no body")
        assert len(app.control("GET", "tasks")["tasks"]) == 1
        assert app.ask("POST", "/_mock/reset", json={}).status == 200, "some clients cannot send nothing"


RULES = [{"fault": "RATE_LIMIT_EXCEEDED", "first": 2}, {"delay": 0.0, "name": "a*"}]
TEXT_YAML = ("Content-Type", "text/yaml; charset=utf-8")
BOTH = b'[{"fault": "RATE_LIMIT_EXCEEDED", "first": 2}, {"delay": 0, "name": "a*"}]'
FORMS: dict[str, tuple[tuple[str, str], bytes, list[dict[str, Any]]]] = {
    "plan": (JSON, b'{"faults": ' + BOTH + b"}", RULES),
    "list": (JSON, BOTH, RULES),
    "one rule": (JSON, b'{"fault": "RATE_LIMIT_EXCEEDED", "first": 2}', RULES[:1]),
    "no content type": (("X-Nothing", ""), b'{"fault": "RATE_LIMIT_EXCEEDED", "first": 2}', RULES[:1]),
    "YAML": (YAML, b"faults:\n- {fault: RATE_LIMIT_EXCEEDED, first: 2}\n- delay: 0\n  name: a*\n", RULES),
    "YAML list": (TEXT_YAML, b"- {fault: RATE_LIMIT_EXCEEDED, first: 2}", RULES[:1]),
    "YAML rule": (YAML, b"fault: RATE_LIMIT_EXCEEDED\nfirst: 2 # then it works\n", RULES[:1]),
    "scenario": (JSON, b'{"scenario": "outage"}', scenarios()["outage"]["faults"]),
    "scenario with an @": (JSON, b'{"scenario": "@outage"}', scenarios()["outage"]["faults"]),
    "scenario as text": (JSON, b'"@outage"', scenarios()["outage"]["faults"]),
    "scenario in YAML": (YAML, b"scenario: outage", scenarios()["outage"]["faults"]),
    "settings alone": (JSON, b'{"polls_per_state": 3}', []),
    "nothing": (JSON, b"[]", []),
}  # fmt: skip


def rules_of(answer: Any) -> list[dict[str, Any]]:
    """The rules of an answer as they were given."""
    return [{k: v for k, v in rule.items() if k not in ("id", "matched")} for rule in answer["faults"]]


class TestFaults:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("query", ["", f"?namespace={K}"])
    def test_a_plan_can_be_said_in_each_form(self, app: App, form: str, query: str) -> None:
        header, body, expected = FORMS[form]
        for method, times in (("POST", 1), ("POST", 2), ("PUT", 1)):
            answer = app.ask(method, f"/_mock/faults{query}", header, body=body)
            assert answer.status == 200, answer.body
            assert rules_of(answer.json) == expected * times
            ids = [rule["id"] for rule in answer.json["faults"]]
            assert len(set(ids)) == len(ids)
        assert app.control("GET", f"faults{query}") == answer.json
        assert rules_of(app.control("DELETE", f"faults{query}")) == []

    def test_one_key_has_rules_of_its_own_which_come_first(self) -> None:
        app = App(Engine(plan=PLAN))
        app.control("POST", f"faults?namespace={K}", {"fault": "SERVICE_UNAVAILABLE", "first": 1})
        app.control("POST", "faults", {"fault": "RATE_LIMIT_EXCEEDED", "nth": 2})
        assert [app.list("k").status for _ in range(3)] == [503, 429, 200]
        assert [app.list("other").status for _ in range(3)] == [500, 429, 200]
        mine = app.control("GET", f"faults?namespace={K}")
        assert [rule["matched"] for rule in mine["faults"]] == [3, 3, 3]
        assert [rule["fault"] for rule in rules_of(mine)] == [
            "SERVICE_UNAVAILABLE",
            "LIST_TASK_FAILED",
            "RATE_LIMIT_EXCEEDED",
        ]
        assert [rule["fault"] for rule in rules_of(app.control("GET", "faults"))] == [
            "LIST_TASK_FAILED",
            "RATE_LIMIT_EXCEEDED",
        ]
        app.control("DELETE", f"faults?namespace={K}")
        assert len(rules_of(app.control("GET", f"faults?namespace={K}"))) == 2

    def test_without_a_key_the_rules_of_all_go_and_the_plans_until_a_reset(self) -> None:
        app = App(Engine(plan=PLAN))
        app.control("POST", f"faults?namespace={K}", {"status": 503})
        assert rules_of(app.control("PUT", "faults", {"status": 429})) == [{"status": 429}]
        assert [app.list(key).status for key in ("k", "other")] == [429, 429]
        assert rules_of(app.control("DELETE", "faults")) == []
        assert [app.list(key).status for key in ("k", "other")] == [200, 200]
        app.control("POST", "reset")
        assert [app.list(key).status for key in ("k", "other")] == [500, 500]

    def test_a_plan_that_is_read_again_counts_beside_the_rules_that_were_added(self) -> None:
        app = App(Engine(plan=PLAN))
        app.control("POST", "faults", {"fault": "SERVICE_UNAVAILABLE", "first": 1})
        app.engine.use_plan(FaultPlan.parse({"faults": [{"fault": "RATE_LIMIT_EXCEEDED", "first": 1}]}))
        assert [app.list().status for _ in range(3)] == [429, 200, 200]
        assert len(app.control("GET", "faults")["faults"]) == 2
        app.control("DELETE", "faults")
        app.engine.use_plan(PLAN)
        assert rules_of(app.control("GET", "faults")) == []

    def test_settings_in_a_plan_are_taken_over(self, app: App) -> None:
        app.control("POST", f"faults?namespace={K}", {"progression": "immediate", "faults": []})
        assert app.control("GET", f"settings?namespace={K}")["progression"] == "immediate"
        assert app.control("GET", "settings")["progression"] == "polls"
        app.control("PUT", "faults", {"progression": "seconds", "faults": [{"delay": 1}]})
        assert app.control("GET", f"settings?namespace={K}")["progression"] == "seconds"

    def test_a_plan_that_cannot_be_changes_nothing(self, app: App) -> None:
        app.control("POST", "faults", {"status": 503})
        kept = app.control("GET", "faults")
        for method in ("PUT", "POST"):
            refused = app.ask(method, "/_mock/faults", json=[{"status": 429}, {"status": 418}])
            check_refusal(refused, 400, "INVALID_REQUEST_BODY", "faults[1]", "418")
        assert app.control("GET", "faults") == kept

    def test_the_rules_do_not_grow_without_end(self, app: App) -> None:
        rules = [{"status": 503, "nth": n} for n in range(1, 501)]
        for query in ("", f"?namespace={K}"):
            for _ in range(2):
                app.control("POST", f"faults{query}", rules)
            kept = app.control("GET", f"faults{query}")
            refused = app.ask("POST", f"/_mock/faults{query}", json=rules[:1])
            check_refusal(refused, 400, "INVALID_REQUEST_BODY", "1,000", "clear them first")
            refused = app.ask("PUT", f"/_mock/faults{query}", json=[*rules, *rules, rules[0]])
            check_refusal(refused, 400, "INVALID_REQUEST_BODY", "1,001", "1,000")
            assert app.control("GET", f"faults{query}") == kept
            app.control("DELETE", f"faults{query}")

    def test_the_scenarios_are_those_of_the_command_line(self, app: App) -> None:
        listed = app.control("GET", "scenarios")["scenarios"]
        assert [scenario["name"] for scenario in listed] == list(scenarios())
        for scenario in listed:
            assert scenario["summary"]
            assert scenario["good_client"]
            assert app.control("PUT", "faults", {"scenario": scenario["name"]})


class TestClock:
    def test_a_training_of_ten_minutes_takes_no_time(self) -> None:
        wall = [1_000.0]
        app = App(Engine(wall=lambda: wall[0]))
        app.control("PUT", "settings", {"progression": "seconds", "seconds_per_state": [60, 480, 60]})
        assert app.control("POST", "clock", {"frozen": True}) == {
            "now": EPOCH,
            "frozen": True,
            "scale": 1.0,
            "progression": "seconds",
        }
        task = app.create().json["task_id"]
        wall[0] += 10_000
        seen = []
        for _ in range(11):
            status = app.poll(task).json
            models = [model["model_status"] for model in status["models"]]
            seen.append((status["task_status"], models, status["extra"]["eta_relative"]))
            app.control("POST", "clock", {"advance": 60})
        assert seen == [
            ("QUEUING", [], 540),
            *(("TRAINING", [], eta) for eta in range(480, 0, -60)),
            ("SUCCESS", ["DEPLOYING"], 0),
            ("SUCCESS", ["SERVING"], 0),
        ]
        assert app.control("GET", "clock")["now"] == EPOCH + 660

    def test_it_goes_as_fast_as_it_is_told(self) -> None:
        wall = [1_000.0]
        app = App(Engine(wall=lambda: wall[0]))
        app.control("PUT", "settings", {"progression": "seconds"})
        app.control("POST", "clock", {"scale": 60, "advance": 5})
        wall[0] += 10
        assert app.control("GET", "clock")["now"] == EPOCH + 605
        app.control("POST", "clock", {"frozen": True})
        wall[0] += 10
        app.control("POST", "clock", {"frozen": False, "scale": 0.5})
        wall[0] += 10
        assert app.control("GET", "clock") == {
            "now": EPOCH + 610,
            "frozen": False,
            "scale": 0.5,
            "progression": "seconds",
        }

    def test_one_key_has_a_time_of_its_own(self, app: App) -> None:
        app.control("POST", f"clock?namespace={K}", {"advance": 7})
        assert app.control("GET", "clock")["now"] == EPOCH
        app.control("POST", "clock", {"advance": 100})
        times = [app.control("GET", f"clock?namespace={name}")["now"] for name in (K, OTHER)]
        assert times == [EPOCH + 107, EPOCH + 100]


class TestSettings:
    def test_what_is_named_changes_and_the_rest_stays(self, app: App) -> None:
        before = app.control("GET", "settings")
        after = app.control("PUT", f"settings?namespace={K}", {"asset_ids": "int", "require_assets": True})
        assert after == {**before, "asset_ids": "int", "require_assets": True}
        assert app.control("GET", f"settings?namespace={K}") == after
        assert app.control("GET", "settings") == before
        assert app.create("k").status == 400
        assert app.create("other").status == 200
        app.control("PUT", "settings", {"require_assets": False})
        assert app.create("k").status == 200, "what is said of all is said of each"


class TestTasks:
    def test_they_are_told_with_what_is_behind_them(self, app: App) -> None:
        ids = [app.create("k", name).json["task_id"] for name in ("a", "fault:failed")]
        app.poll(ids[1])
        told = app.control("GET", "tasks")
        assert (told["total"], told["dropped"]) == (2, 0)
        assert told["tasks"][0] == {
            "namespace": K,
            "task_name": "fault:failed",
            "task_id": ids[1],
            "task_type": "subject",
            "task_status": "QUEUING",
            "created_at": EPOCH,
            "models": [],
            "state": "QUEUING",
            "progress_percent": 0.0,
            "eta_relative": 510.0,
            "polls": 1,
            "fault": "failed",
            "forced": None,
        }
        assert [task["task_id"] for task in told["tasks"]] == ids[::-1]
        assert app.control("GET", "tasks?limit=1")["tasks"] == told["tasks"][:1]
        assert app.control("GET", f"tasks?namespace={OTHER}")["tasks"] == []

    @pytest.mark.parametrize("state", STATES)
    def test_one_is_forced_into_each_state_and_let_go(self, app: App, state: str) -> None:
        task, shown = app.create().json["task_id"], STATES[state]
        by_status = {"task_status": shown.task_status, "model_status": shown.model_status}
        for body in ({"state": state}, by_status):
            if state == "GONE" and "state" not in body:
                continue  # that status means UNKNOWN
            forced = app.control("POST", f"tasks/{task}", body)
            assert (forced["state"], forced["forced"]) == (state, state)
            for _ in range(3):
                answer = app.poll(task)
                if state == "GONE":
                    check_refusal(answer, 404, "TASK_NOT_FOUND")
                    continue
                models = [model["model_status"] for model in answer.json["models"]]
                assert answer.json["task_status"] == shown.task_status
                assert models == ([] if shown.model_status is None else [shown.model_status])
            let_go = app.control("POST", f"tasks/{task}", dict.fromkeys(body))
            assert let_go["forced"] is None
            assert app.poll(task).json["task_status"] == "SUCCESS"

    def test_success_is_a_model_that_serves_unless_said_otherwise(self, app: App) -> None:
        task = app.create().json["task_id"]
        assert app.control("POST", f"tasks/{task}", {"task_status": "SUCCESS"})["state"] == "SERVING"
        empty = {"task_status": "SUCCESS", "model_status": None}
        assert app.control("POST", f"tasks/{task}", empty)["state"] == "EMPTY"

    def test_one_that_nobody_has_is_not_found(self, app: App) -> None:
        task = app.create("k").json["task_id"]
        for target in (f"tasks/{task[:-1]}", f"tasks/{task}?namespace={OTHER}", "tasks/%00"):
            refused = app.ask("POST", f"/_mock/{target}", json={"state": "FAILED"})
            check_refusal(refused, 404, "TASK_NOT_FOUND", "there is no task")

    def test_one_that_several_keys_have_needs_a_key(self, app: App) -> None:
        [task] = {app.create(key).json["task_id"] for key in ("k", "other")}
        refused = app.ask("POST", f"/_mock/tasks/{task}", json={"state": "FAILED"})
        check_refusal(refused, 409, "TASK_AMBIGUOUS", K, OTHER)
        forced = app.control("POST", f"tasks/{task}?namespace={K}", {"state": "FAILED"})
        assert forced["namespace"] == K
        assert [app.poll(task, key).json["task_status"] for key in ("k", "other")] == ["FAILED", "QUEUING"]


class TestPages:
    @pytest.mark.parametrize(
        ("page", "methods"),
        [
            ("health", "GET, HEAD"),
            ("reset", "POST"),
            ("faults", "GET, POST, PUT, DELETE"),
            ("scenarios", "GET"),
            ("clock", "GET, POST"),
            ("settings", "GET, PUT"),
            ("requests", "GET"),
            ("verify", "POST"),
            ("tasks", "GET"),
            ("tasks/some-id", "POST"),
            ("metrics", "GET"),
        ],
    )
    def test_another_method_is_told_which_there_are(self, app: App, page: str, methods: str) -> None:
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"} - set(methods.split(", ")):
            refused = app.ask(method, f"/_mock/{page}")
            check_refusal(refused, 405, "METHOD_NOT_ALLOWED", method, f"it takes {methods}")
            assert refused.header("allow") == methods

    @pytest.mark.parametrize(
        "page", ["", "none", "faults/", "/faults", "tasks/a/b", "Health", "health/", "../v3/training"]
    )
    def test_another_page_is_not_found(self, app: App, page: str) -> None:
        check_refusal(app.ask("GET", f"/_mock/{page}"), 404, "API_NOT_FOUND", f"no page /_mock/{page}")

    def test_what_only_begins_alike_is_a_path_of_the_contract(self, app: App) -> None:
        refused = app.ask("GET", "/_mocks", key="k")
        check_refusal(refused, 404, "API_NOT_FOUND", "No route /_mocks")
        assert app.ask("GET", SUBJECT + "?task_id=x", key="k").status == 404
        assert spec.errors()["API_NOT_FOUND"]["code"] == 404
