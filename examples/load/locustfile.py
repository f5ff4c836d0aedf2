"""Load from the contract: valid traffic, with the contract's oracle on every answer.

    pip install 'loracle' locust
    LORACLE_API_KEY=... locust -f locustfile.py --host http://127.0.0.1:8000 --headless -u 50 -r 10 -t 1m

An answer that the contract does not allow is a failure in Locust's statistics, and makes its exit code 1.
Distribution is Locust's own: --processes, or --master and --worker. Every create starts a training, which is
paid for on a real deployment; so a host that is not this machine is refused unless LORACLE_LOAD_ALLOW_HOST
names it, and each user starts few.

    LORACLE_API_KEY            the key (needed)
    LORACLE_LOAD_CREATES       trainings that one user may start (5; 0: reads only)
    LORACLE_LOAD_REQUESTS      requests after which a process ends its run (no limit)
    LORACLE_LOAD_ALLOW_HOST    a host, besides this machine, that may be loaded
    LORACLE_LOAD_ASSET_ID      an image that the server knows, where it does not take every id
    LORACLE_LOAD_BASE_MODEL    a base model that the server knows (v1-5-pruned-emaonly)
    LORACLE_PROFILE            the profile that the server keeps (strict)
"""

from __future__ import annotations

import json
import os
import random
import sys
import uuid
from typing import Any
from urllib.parse import urlencode

import gevent
from locust import FastHttpUser, between, events, task
from locust.exception import StopUser

from loracle_contracts import spec
from loracle_contracts.answers import mismatches, reason_of
from loracle_contracts.exchange import Answer, Request
from loracle_contracts.hosts import host_of, is_loopback
from loracle_contracts.oracle import Oracle

KEY = os.environ.get("LORACLE_API_KEY", "")
PROFILE: Any = os.environ.get("LORACLE_PROFILE", "strict")
CREATES = int(os.environ.get("LORACLE_LOAD_CREATES", "5"))
REQUESTS = int(os.environ.get("LORACLE_LOAD_REQUESTS", "0"))
BASE_MODEL = os.environ.get("LORACLE_LOAD_BASE_MODEL", "v1-5-pruned-emaonly")
ASSET_ID = os.environ.get("LORACLE_LOAD_ASSET_ID", "34558688e2f42a0137ca2d5274a8cf43")
ORACLE = Oracle(PROFILE, [KEY])
WRONG_USAGE = 2


def refusal(host: str | None) -> str | None:
    """Why no load may be sent to this host, or None."""
    if not KEY:
        return "LORACLE_API_KEY is not set: every request would be refused"
    try:
        if host is None or is_loopback(host) or host_of(host) == os.environ.get("LORACLE_LOAD_ALLOW_HOST"):
            return None
    except ValueError as error:
        return str(error)
    return (
        f"{host_of(host)} is not this machine, and a load test may cost money there. "
        f"If it is yours, set LORACLE_LOAD_ALLOW_HOST={host_of(host)}"
    )


def refuse_early(environment: Any, **_: Any) -> None:
    """Ends Locust at once where the command line names a host that may not be loaded."""
    why_not = refusal(environment.host)
    if why_not is not None:
        sys.stderr.write(f"locustfile.py: {why_not}\n")
        sys.exit(WRONG_USAGE)


def end_after_requests(environment: Any, **_: Any) -> None:
    """Counts the requests of this process, and ends the run after LORACLE_LOAD_REQUESTS."""
    count = 0

    def counted(**_: Any) -> None:
        nonlocal count
        count += 1
        if count == REQUESTS:
            # Not from this user: it would end itself before the run.
            gevent.spawn(environment.runner.quit)

    environment.events.request.add_listener(counted)


events.init.add_listener(refuse_early)
events.init.add_listener(end_after_requests)


def cheapest(name: str) -> dict[str, Any]:
    """The body of a training that costs least: one image, one step."""
    return {
        "name": name,
        "base_model": BASE_MODEL,
        "width": 512,
        "height": 512,
        "image_dataset_items": [{"assets_id": ASSET_ID, "caption": "a woman in a red coat"}],
        "expert_setting": {"instance_prompt": "photo of a sks person", "max_train_steps": 1},
        "components": [],
    }


class Customer(FastHttpUser):
    """Starts a few trainings, asks how they are, and looks through the list."""

    wait_time = between(0.05, 0.5)

    def on_start(self) -> None:
        """Refuses what a host typed into the web page, or sent by a master, may not be."""
        why_not = refusal(self.host)
        if why_not is not None:
            self.environment.process_exit_code = WRONG_USAGE
            raise StopUser(why_not)
        self.tasks_started: list[str] = []
        self.creates_left = CREATES

    @task(1)
    def create(self) -> None:
        """Starts a training of a name that no other has."""
        if not self.creates_left:
            return
        self.creates_left -= 1
        answer = self.exchange("createSubjectTraining", body=cheapest(f"load-{uuid.uuid4().hex}"))
        if answer is not None and answer.status == 200:
            self.tasks_started.append(json.loads(answer.body)["task_id"])

    @task(6)
    def poll(self) -> None:
        """Asks for one of the trainings that this user started."""
        if self.tasks_started:
            query = {"task_id": random.choice(self.tasks_started)}  # noqa: S311 - no secret
            self.exchange("getSubjectTraining", query, must_exist=True)

    @task(3)
    def look_through(self) -> None:
        """Reads the first pages of the list."""
        cursor = ""
        for _ in range(3):
            answer = self.exchange("listTrainings", {"pagination.limit": 20, "pagination.cursor": cursor})
            if answer is None or answer.status != 200:
                return
            cursor = json.loads(answer.body)["pagination"]["next_cursor"]
            if not cursor:
                return

    def exchange(
        self, operation: str, query: Any = None, body: Any = None, *, must_exist: bool = False
    ) -> Answer | None:
        """Sends one request; the answer, or None where there is none that the contract allows.

        A refusal of the moment (429, 503) is none of the server's mistakes: it has a row of its own.
        """
        known = spec.operations()[operation]
        headers = [("Authorization", f"Bearer {KEY}")]
        if body is not None:
            headers.append(("Content-Type", "application/json"))
        target = known.path + (f"?{urlencode(query)}" if query else "")
        request = Request(
            known.method, target, tuple(headers), json.dumps(body).encode() if body is not None else b""
        )
        with self.client.request(
            request.method,
            request.target,
            name=operation,
            data=request.body.decode() or None,
            headers=dict(headers),
            catch_response=True,
            allow_redirects=False,
        ) as response:
            if not response.status_code:
                return None  # Locust counts it: no connection, no answer
            answer = Answer(response.status_code, tuple(response.headers.items()), response.content or b"")
            found = list(mismatches(ORACLE.expect(request), request, answer, PROFILE, (KEY,)))
            reason = reason_of(answer)
            if found:
                first = found[0]
                response.failure(f"{first.check}: expected {first.expected}, got {first.got}")
                return None
            if must_exist and answer.status == 404:
                response.failure("lost: a training that was started is not found")
                return None
            if answer.status != 200:
                response.request_meta["name"] = f"{operation} ({answer.status} {reason})"
            response.success()
            return answer
