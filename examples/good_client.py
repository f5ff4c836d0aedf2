"""A client that bears what the mock's scenarios do to it: no training is started twice, nothing hangs.

docs/faults.md says for each failure what a good client makes of it; this is one, in one page.

    loracle judge --jobs 8 -- python examples/good_client.py
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Callable
from json import loads
from typing import Any

import httpx

__all__ = ["TrainingError", "Trainings"]

_SUBJECT = "/v3/training/subject"
_SECONDS = 20.0  # that one call may take


class TrainingError(Exception):
    """There is no model, and to ask again would not help."""


class _UnclearError(Exception):
    """No answer that can be used came. Ask again in `seconds`; what was asked for may have been done."""

    def __init__(self, seconds: float, *, may_be_done: bool = True) -> None:
        super().__init__()
        self.seconds, self.may_be_done = seconds, may_be_done


class Trainings:
    """Trainings of one API key."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        tries: int = 30,
        polls: int = 360,
        pause: float = 10.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """How often a call is tried, and how often a training is asked for before it counts as stuck.

        Between two polls of a training are `pause` seconds.
        """
        headers = {"Authorization": f"Bearer {api_key}"}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=_SECONDS, transport=transport)
        self._tries, self._polls, self._pause, self._sleep = tries, polls, pause, sleep

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def start(self, name: str, images: list[str | int], base_model: str = "v1-5-pruned-emaonly") -> str:
        """Starts one training of this name, which no other has, and answers its id.

        Raises TrainingError where it is refused, or where the service does not answer.
        """
        order = {
            "name": name,
            "base_model": base_model,
            "width": 512,
            "height": 512,
            "image_dataset_items": [{"assets_id": image} for image in images],
            "components": [],
        }
        may_exist = False
        for _ in range(self._tries):
            try:
                if may_exist:
                    listed = self._ask("GET", "/v3/training", "tasks", list, {"pagination.limit": 100})
                    for task in listed["tasks"]:
                        if task["task_name"] == name:
                            return str(task["task_id"])
                return str(self._ask("POST", _SUBJECT, "task_id", str, json=order)["task_id"])
            except _UnclearError as unclear:
                may_exist = may_exist or unclear.may_be_done
                self._sleep(unclear.seconds)
        raise TrainingError("the service is down")

    def wait(self, task_id: str) -> str:
        """The name of the model, as soon as it can be used.

        Raises TrainingError where there will be none, and where it takes too long.
        """
        for _ in range(self._polls):
            try:
                task = self._ask("GET", _SUBJECT, "task_status", str, {"task_id": task_id})
            except _UnclearError as unclear:
                self._sleep(unclear.seconds)
                continue
            if task["task_status"] in ("FAILED", "CANCELED"):
                raise TrainingError(f"the training is {task['task_status']}")
            if task["task_status"] == "SUCCESS":
                if not task["models"]:
                    raise TrainingError("the training has made no model")
                if task["models"][0]["model_status"] == "SERVING":
                    return str(task["models"][0]["model_name"])
            # Whatever else it says, UNKNOWN and what is not known yet included, is not final.
            self._sleep(self._pause)
        raise TrainingError("the training takes too long; look again later")

    def _ask(
        self, method: str, path: str, member: str, kind: type, query: Any = None, json: Any = None
    ) -> dict[str, Any]:
        """One try; the answer has the member, of this kind."""
        deadline = time.monotonic() + _SECONDS
        try:
            with self._http.stream(method, path, params=query, json=json) as answer:
                text = bytearray()
                for piece in answer.iter_bytes():
                    text += piece
                    # The timeout of httpx bounds the time between two bytes, and not the whole.
                    if time.monotonic() > deadline:
                        raise _UnclearError(1.0)
        except httpx.TransportError:
            raise _UnclearError(1.0) from None
        if answer.status_code == 429 or answer.status_code >= 500:
            pause = float(answer.headers.get("Retry-After", 1))
            raise _UnclearError(pause, may_be_done=answer.status_code != 429)
        try:
            body = loads(text)
        except ValueError:
            raise _UnclearError(1.0) from None
        if answer.status_code != 200:
            raise TrainingError(f"{body['reason']}: {body['message']}")
        if not isinstance(body, dict) or not isinstance(body.get(member), kind):
            raise _UnclearError(1.0)
        return body


def main() -> None:
    """Starts one training and prints the name of its model. Polls often: a mock is no service."""
    trainings = Trainings(
        os.environ["LORACLE_URL"], os.environ["LORACLE_API_KEY"], tries=10, polls=30, pause=1.0
    )
    try:
        sys.stdout.write(f"{trainings.wait(trainings.start(f'avatar-{uuid.uuid4()}', ['34558688e2']))}\n")
    finally:
        trainings.close()


if __name__ == "__main__":
    try:
        main()
    except TrainingError as error:
        sys.exit(f"no model: {error}")
