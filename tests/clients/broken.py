"""Broken clients, one defect each: python broken.py NAME.

The comment of each class is what it does wrong.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import httpx
from skeleton import IMAGE, POLL_PAUSE, POLLS, SUBJECT, TRIES, Client, ClientError, UnclearError, main


class CreatesAgain(Client):
    """Sends a create again without a look into the list."""

    def start(self, name: str, asset: str | int) -> str:
        for attempt in range(TRIES):
            try:
                return str(self.create(name, asset))
            except UnclearError as unclear:
                self.pause(attempt, unclear)
        raise ClientError("no training could be started")


class CreatesAgainUnderAnotherName(CreatesAgain):
    """Makes a new name for each try."""

    def create(self, name: str, asset: str | int) -> Any:
        return super().create(f"{name}-{time.time_ns()}", asset)


class GivesUpOn503(Client):
    """Takes a 503 for the end."""

    def pause(self, attempt: int, unclear: UnclearError) -> None:
        if "503" in str(unclear):
            raise ClientError("the service is not available")
        super().pause(attempt, unclear)


class GivesUpOn429(Client):
    """Takes a 429 for the end."""

    def pause(self, attempt: int, unclear: UnclearError) -> None:
        if "429" in str(unclear):
            raise ClientError("too many requests")
        super().pause(attempt, unclear)


class DoesNotPause(Client):
    """Tries again at once."""

    def pause(self, attempt: int, unclear: UnclearError) -> None:
        if unclear.seconds is not None:
            time.sleep(unclear.seconds)


class IgnoresRetryAfter(Client):
    """Pauses, but not as long as it is told to."""

    def pause(self, attempt: int, unclear: UnclearError) -> None:
        super().pause(attempt, UnclearError(str(unclear)))


class TriesRefusalsAgain(Client):
    """Tries everything again, refusals too."""

    def ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        try:
            return super().ask(method, path, **given)
        except ClientError as error:
            raise UnclearError(str(error)) from None


class TriesForEver(Client):
    """Tries without an end, always after the same short pause."""

    def patiently(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        while True:
            try:
                return self.ask(method, path, **given)
            except UnclearError:
                time.sleep(0.11)


class PollsWithoutPause(Client):
    """Asks again as soon as it has an answer."""

    def wait(self, task: str) -> str:
        while True:
            state = self.poll(task)
            if state["models"] and state["models"][0]["model_status"] == "SERVING":
                return str(state["models"][0]["model_name"])


class PollsForEver(Client):
    """Never gives up."""

    def wait(self, task: str) -> str:
        while True:
            state = self.poll(task)
            if state.get("models") and state["models"][0]["model_status"] == "SERVING":
                return str(state["models"][0]["model_name"])
            time.sleep(0.05)


class TakesUnknownForFinal(Client):
    """Knows two states that go on, and takes every other one for an end."""

    def wait(self, task: str) -> str:
        while True:
            state = self.poll(task)
            if state["task_status"] not in ("QUEUING", "TRAINING", "SUCCESS"):
                raise ClientError(f"the training ended as {state['task_status']}")
            if state["task_status"] == "SUCCESS" and self.model(state["models"]):
                return str(self.model(state["models"]))
            time.sleep(POLL_PAUSE)


class UsesModelThatIsDeployed(Client):
    """Takes SUCCESS alone for the end."""

    def model(self, models: list[dict[str, Any]]) -> str | None:
        if not models:
            raise ClientError("the training has made no model")
        return str(models[0]["model_name"])


class ReadsTheFirstModel(Client):
    """Reads the first of no models."""

    def model(self, models: list[dict[str, Any]]) -> str | None:
        return str(models[0]["model_name"]) if models[0]["model_status"] == "SERVING" else None


class TakesFailedForDone(Client):
    """Ends well as soon as the training has ended."""

    def wait(self, task: str) -> str:
        for _ in range(POLLS):
            state = self.poll(task)
            if state.get("task_status") in ("FAILED", "CANCELED"):
                return str(state["task_status"])
            if state.get("task_status") == "SUCCESS" and self.model(state["models"]):
                return str(self.model(state["models"]))
            time.sleep(POLL_PAUSE)
        raise ClientError("the training takes too long")


class SwallowsErrors(Client):
    """Writes what went wrong into a log that nobody reads, and ends with 0."""

    def run(self) -> str:
        try:
            return super().run()
        except ClientError as error:
            return f"warning: {error}"


class TakesEvery200(Client):
    """Calls a create done when its status is 200."""

    def start(self, name: str, asset: str | int) -> str:
        status, _, _ = self.send(
            "POST", self.url + SUBJECT, headers=self.headers, json=self.order(name, asset)
        )
        return "started" if status == 200 else super().start(name, asset)

    def wait(self, task: str) -> str:
        return task if task == "started" else super().wait(task)


class SendsTheKeyToTheUploadUrl(Client):
    """Sends its Authorization header with every request."""

    def put(self, url: str) -> tuple[int, dict[str, str], bytes]:
        answer = self.http.put(url, content=IMAGE, headers=self.headers, timeout=10)
        return answer.status_code, {}, answer.content


class SendsTheKeyInTheQuery(Client):
    """Adds the key to the query as well."""

    def poll(self, task: str) -> dict[str, Any]:
        return self.patiently("GET", SUBJECT, params={"task_id": task, "api_key": self.key})


class ReadsTheFirstPage(Client):
    """Takes the first page for the whole list."""

    def tasks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.patiently("GET", "/v3/training")["tasks"]
        return found


class HasNoTimeout(Client):
    """Waits for as long as it takes."""

    def send(self, method: str, url: str, **given: Any) -> tuple[int, dict[str, str], bytes]:
        try:
            answer = self.http.request(method, url, timeout=None, **given)
        except httpx.TransportError as error:
            raise UnclearError(type(error).__name__) from None
        return answer.status_code, dict(answer.headers), answer.content


class BoundsTheTimeBetweenTwoBytes(Client):
    """Has a timeout, which a slow answer never meets."""

    def send(self, method: str, url: str, **given: Any) -> tuple[int, dict[str, str], bytes]:
        try:
            answer = self.http.request(method, url, **given)
        except httpx.TransportError as error:
            raise UnclearError(type(error).__name__) from None
        return answer.status_code, dict(answer.headers), answer.content


class PrintsTheKey(Client):
    """Logs the headers that it sends."""

    def poll(self, task: str) -> dict[str, Any]:
        print("GET", SUBJECT, self.headers, file=sys.stderr)
        return super().poll(task)


class KnowsSixStatuses(Client):
    """Has an enumeration of the documented statuses."""

    def wait(self, task: str) -> str:
        while True:
            state = self.poll(task)
            position = ("UNKNOWN", "QUEUING", "TRAINING", "SUCCESS", "CANCELED", "FAILED").index(
                state["task_status"]
            )
            if position == 3 and self.model(state["models"]):
                return str(self.model(state["models"]))
            time.sleep(POLL_PAUSE)


class ReadsTheProgress(Client):
    """Counts on `extra`, which the contract allows to be missing."""

    def poll(self, task: str) -> dict[str, Any]:
        state = super().poll(task)
        print(state["extra"]["progress_percent"], "%")
        return state


class SendsTextForNumbers(Client):
    """Sends the width as text."""

    def order(self, name: str, asset: str | int) -> dict[str, Any]:
        return super().order(name, asset) | {"width": "512"}


class SendsUnknownMembers(Client):
    """Sends a member that the contract does not know."""

    def order(self, name: str, asset: str | int) -> dict[str, Any]:
        return super().order(name, asset) | {"webhook": "https://app.invalid/done"}


class AsksTheWrongPath(Client):
    """Polls without /v3, as a public client does."""

    def poll(self, task: str) -> dict[str, Any]:
        return self.patiently("GET", "/training/subject", params={"task_id": task})


class ParsesBeforeItLooks(Client):
    """Reads the body as JSON before it looks at the status."""

    def ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        answer = self.http.request(method, self.url + path, headers=self.headers, **given)
        value: dict[str, Any] = answer.json()
        if answer.status_code != 200:
            raise ClientError(str(value.get("reason")))
        return value


class GivesUpOn500(Client):
    """Takes one 500 for the end of the training."""

    def pause(self, attempt: int, unclear: UnclearError) -> None:
        if "500" in str(unclear):
            raise ClientError("the service has failed")
        super().pause(attempt, unclear)


class AsksForTasksThatAreGone(Client):
    """Polls on after a 404."""

    def poll(self, task: str) -> dict[str, Any]:
        try:
            return super().poll(task)
        except ClientError:
            return {"task_status": "QUEUING", "models": []}


class TrainsWithoutImages(Client):
    """Does not look at what the upload was answered with."""

    def upload(self) -> str | int:
        target = self.patiently("POST", "/v3/assets/training_dataset", json={"file_extension": "png"})
        self.put(target["upload_url"])
        return str(target["assets_id"])


class BreaksOffOnTruncatedAnswers(Client):
    """Catches timeouts and refused connections only."""

    def send(self, method: str, url: str, **given: Any) -> tuple[int, dict[str, str], bytes]:
        try:
            answer = self.http.request(method, url, **given)
        except (httpx.TimeoutException, httpx.ConnectError) as error:
            raise UnclearError(type(error).__name__) from None
        return answer.status_code, dict(answer.headers), answer.content


CLIENTS = {kind.__name__: kind for kind in Client.__subclasses__()} | {
    "CreatesAgainUnderAnotherName": CreatesAgainUnderAnotherName
}

if __name__ == "__main__":
    main(CLIENTS[sys.argv[1]]())
