"""The mock behind a layer that breaks one relation between answers; written for the walk of the fuzzer."""

import copy
import html
import itertools
import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from loracle_mockserver.training_app import TrainingApp

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KEY, OTHER_KEY = "test-key", "other-key"
CREATES = {"/v3/training/subject": "subject", "/v3/training/style": "style"}
LIST, MODELS, ASSETS = "/v3/training", "/v3/model", "/v3/assets/training_dataset"


class Call(NamedTuple):
    """One request, its query parsed; `body` is the value in it, None where it is no JSON."""

    method: str
    path: str
    query: dict[str, str]
    key: str
    raw: bytes

    @property
    def body(self) -> Any:
        try:
            return json.loads(self.raw)
        except ValueError:
            return None

    @property
    def is_create(self) -> bool:
        return self.method == "POST" and self.path in CREATES

    @property
    def is_state(self) -> bool:
        return self.method == "GET" and self.path in CREATES

    @property
    def is_list(self) -> bool:
        return self.method == "GET" and self.path == LIST


class Reply(NamedTuple):
    status: int
    value: Any
    """The JSON of the body; bytes where it is none."""


class Broken:
    """An ASGI app: the mock, with every call given to `behave(app, call)`, which answers it."""

    def __init__(self, behave: Callable[["Broken", Call], Any], **options: Any) -> None:
        self.inner = TrainingApp(api_key=KEY, api_keys=[KEY, OTHER_KEY], **options)
        self.behave = behave
        self.headers: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raw, more = b"", True
        while more:
            message = await receive()
            raw += message.get("body", b"")
            more = message.get("more_body", False)
        self.scope = scope
        key = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        reply = await self.behave(self, Call(scope["method"], scope["path"], query, key, raw))
        body = reply.value if isinstance(reply.value, bytes) else json.dumps(reply.value).encode()
        headers = [] if not body else [(b"content-type", b"application/json")]
        kept = [pair for pair in self.headers if pair[0] in (b"allow", b"retry-after")]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers + kept})
        await send({"type": "http.response.body", "body": body})

    async def ask(self, call: Call) -> Reply:
        """The mock's own answer."""
        scope = {**self.scope, "method": call.method, "path": call.path, "raw_path": call.path.encode()}
        scope["query_string"] = urlencode(call.query).encode()
        scope["headers"] = [
            (name, f"Bearer {call.key}".encode() if name == b"authorization" else value)
            for name, value in self.scope["headers"]
            if name != b"content-length"
        ]
        if call.raw and b"content-type" not in dict(scope["headers"]):
            scope["headers"].append((b"content-type", b"application/json"))
        told: list[Any] = []
        sent = itertools.chain(
            [{"type": "http.request", "body": call.raw}], itertools.repeat({"type": "http.disconnect"})
        )

        async def receive() -> Any:
            return next(sent)

        async def send(message: Any) -> None:
            told.append(message)

        await self.inner(scope, receive, send)
        self.headers = told[0]["headers"]
        body = b"".join(message.get("body", b"") for message in told[1:])
        try:
            value = json.loads(body)
        except ValueError:
            value = body
        return Reply(told[0]["status"], value)


Change = Callable[[Call, Any], Any]


def answers(change: Change, *, which: Callable[[Call], bool]) -> Any:
    """A behaviour that changes the values of accepted answers."""

    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        if reply.status != 200 or not which(call):
            return reply
        value = copy.deepcopy(reply.value)
        changed = change(call, value)
        return Reply(200, value if changed is None else changed)

    return behave


def states(change: Callable[[dict[str, Any], int], None]) -> Any:
    """Changes the answers to state calls; `change` is told the how manieth of its task it is."""
    polls: dict[str, int] = {}

    def changed(_: Call, value: Any) -> None:
        polls[value["task_id"]] = polls.get(value["task_id"], 0) + 1
        change(value, polls[value["task_id"]])

    return answers(changed, which=lambda call: call.is_state)


def listed(change: Callable[[dict[str, Any]], None]) -> Any:
    """Changes every entry of every list."""

    def changed(_: Call, value: Any) -> None:
        for task in value["tasks"]:
            change(task)

    return answers(changed, which=lambda call: call.is_list)


def pages(change: Change) -> Any:
    return answers(change, which=lambda call: call.is_list)


def named(change: Callable[[str], str]) -> Any:
    return listed(lambda task: task.update(task_name=change(task["task_name"])))


# --- creates


def loses_in_list() -> Any:
    def change(_: Call, value: Any) -> None:
        value["tasks"] = [task for task in value["tasks"] if int(task["task_id"][-1], 16) % 4]

    return pages(change)


def loses_every_fourth() -> Any:
    count = itertools.count(1)

    async def behave(app: Broken, call: Call) -> Reply:
        if call.is_create and next(count) % 4 == 0 and (await _is_right(app, call)):
            return Reply(200, {"task_id": f"fe84ac1b-5a01-487c-a56d-{next(count):012x}"})
        return await app.ask(call)

    return behave


async def _is_right(app: Broken, call: Call) -> bool:
    return (await app.ask(call._replace(key=OTHER_KEY))).status == 200


def denies_states() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        if call.is_state and reply.status == 200 and int(call.query["task_id"][-1], 16) % 4 == 0:
            return Reply(404, {"code": 404, "reason": "TASK_NOT_FOUND", "message": "No.", "metadata": {}})
        return reply

    return behave


def one_id_a_name() -> Any:
    known: dict[tuple[str, str], Any] = {}

    async def behave(app: Broken, call: Call) -> Reply:
        key = (
            (call.path, str(call.body.get("name")))
            if call.is_create and isinstance(call.body, dict)
            else None
        )
        if key in known and call.key == KEY:
            return Reply(200, known[key])
        reply = await app.ask(call)
        if key is not None and reply.status == 200:
            known[key] = reply.value
        return reply

    return behave


def creates_twice() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        if call.is_create and len(call.raw) > 20_000:
            await app.ask(call)
        return await app.ask(call)

    return behave


def creates_what_it_refuses() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        body = call.body
        if call.is_create and reply.status == 400 and isinstance(body, dict) and call.key == KEY:
            await app.ask(call._replace(raw=json.dumps({**body, "width": 512}).encode()))
        return reply

    return behave


def loses_when_it_refuses() -> Any:
    lost: set[str] = set()
    newest: list[str] = []

    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        if call.is_create and reply.status == 200:
            newest.append(reply.value["task_id"])
        if call.is_create and reply.status == 415:
            lost.update(newest[-1:])
        if call.is_list and reply.status == 200:
            reply.value["tasks"] = [task for task in reply.value["tasks"] if task["task_id"] not in lost]
        return reply

    return behave


# --- lists


def mixes_names() -> Any:
    def change(_: Call, value: Any) -> None:
        tasks = value["tasks"]
        for one, other in itertools.pairwise(tasks[:12]):
            one["task_name"], other["task_name"] = other["task_name"], one["task_name"]

    return pages(change)


def drifting_times() -> Any:
    count = itertools.count()
    return listed(lambda task: task.update(created_at=task["created_at"] + next(count)))


def falling_times() -> Any:
    made: list[str] = []

    def change(call: Call, value: Any) -> None:
        if call.is_create:
            made.append(value["task_id"])
            return
        for task in value["tasks"]:
            if task["task_id"] in made:
                task["created_at"] -= 10 * made.index(task["task_id"])

    return answers(change, which=lambda call: call.is_list or call.is_create)


def oldest_first() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        limit = call.query.get("pagination.limit", "10") if call.is_list else ""
        start = call.query.get("pagination.cursor") or "c_0"
        reply = await app.ask(call)
        if not call.is_list or reply.status != 200:
            return reply
        query = {name: value for name, value in call.query.items() if name == "task_type"}
        whole = await app.ask(call._replace(query={**query, "pagination.limit": "100"}))
        first, tasks = int(start[2:]), whole.value["tasks"][::-1]
        last = first + int(limit)
        cursor = f"c_{last}" if last < len(tasks) else ""
        return Reply(200, {"tasks": tasks[first:last], "pagination": {"next_cursor": cursor}})

    return behave


def shuffles() -> Any:
    count = itertools.count()

    def change(_: Call, value: Any) -> None:
        if next(count) % 2:
            value["tasks"].reverse()

    return pages(change)


def ignores(parameter: str) -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        if call.is_list and call.query.get(parameter) in (
            "1",
            "2",
            "3",
            "4",
            "5",
            "6",
            "7",
            "subject",
            "style",
        ):
            query = {name: value for name, value in call.query.items() if name != parameter}
            return await app.ask(call._replace(query=query))
        return await app.ask(call)

    return behave


def shifts_cursors(by: int) -> Any:
    def change(_: Call, value: Any) -> None:
        cursor = value["pagination"]["next_cursor"]
        if cursor:
            value["pagination"]["next_cursor"] = f"c_{max(int(cursor[2:]) + by, 0)}"

    return pages(change)


def never_ends() -> Any:
    def change(call: Call, value: Any) -> None:
        if not value["pagination"]["next_cursor"] and value["tasks"]:
            start = int((call.query.get("pagination.cursor") or "c_0")[2:])
            value["pagination"]["next_cursor"] = f"c_{start + len(value['tasks'])}"

    return pages(change)


def cursor_counts_pages() -> Any:
    """The cursor is right for whoever keeps the limit."""

    async def behave(app: Broken, call: Call) -> Reply:
        limit = int(call.query.get("pagination.limit") or 10) if call.is_list else 0
        cursor = call.query.get("pagination.cursor", "")
        if call.is_list and cursor.startswith("c_") and 0 < limit <= 100:
            query = {**call.query, "pagination.cursor": f"c_{int(cursor[2:]) * limit}"}
            call = call._replace(query=query)
        reply = await app.ask(call)
        if call.is_list and reply.status == 200 and reply.value["pagination"]["next_cursor"]:
            following = int(reply.value["pagination"]["next_cursor"][2:])
            reply.value["pagination"]["next_cursor"] = f"c_{following // limit}"
        return reply

    return behave


def hides_after_a_create() -> Any:
    """A page that is asked for after a create leaves out what stood at its start."""
    made = 0
    cursors: dict[str, int] = {}

    async def behave(app: Broken, call: Call) -> Reply:
        nonlocal made
        cursor = call.query.get("pagination.cursor", "") if call.is_list else ""
        if cursor and cursor in cursors and cursors[cursor] < made:
            call = call._replace(query={**call.query, "pagination.cursor": f"c_{int(cursor[2:]) + 3}"})
        reply = await app.ask(call)
        if call.is_create and reply.status == 200:
            made += 1
        if call.is_list and reply.status == 200:
            cursors[reply.value["pagination"]["next_cursor"]] = made
        return reply

    return behave


# --- states


def answers_for_another() -> Any:
    seen: list[str] = []

    def change(_: Call, value: Any) -> None:
        seen.append(value["task_id"])
        value["task_id"] = seen[0]

    return answers(change, which=lambda call: call.is_state)


def knows_every_id() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        if call.is_state and reply.status == 404 and _ID.fullmatch(call.query["task_id"]):
            value = {
                "task_id": call.query["task_id"],
                "task_status": "UNKNOWN",
                "model_type": "lora",
                "models": [],
            }
            return Reply(200, value)
        return reply

    return behave


def knows_either_route() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        if call.is_state and reply.status == 404:
            other = next(path for path in CREATES if path != call.path)
            return await app.ask(call._replace(path=other))
        return reply

    return behave


def goes_back(value: dict[str, Any], n: int) -> None:
    if n == 3:
        value.update(task_status="QUEUING", models=[], extra={"eta_relative": 1, "progress_percent": 100})
        del value["extra"]


def ends_otherwise(value: dict[str, Any], n: int) -> None:
    if n > 4:
        value.update(task_status="FAILED", models=[])
        del value["extra"]


def extra(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Any:
    return states(lambda value, _: change(value, value["extra"]))


def serves_back(value: dict[str, Any], n: int) -> None:
    if n > 4:
        for model in value["models"]:
            model["model_status"] = "DEPLOYING"


def renames(value: dict[str, Any], n: int) -> None:
    for model in value["models"]:
        model["model_name"] = f"model_1698904832_{n:010X}.safetensors"


def one_model(task: dict[str, Any], _: int = 0) -> None:
    for model in task["models"]:
        model["model_name"] = "model_1698904832_F2BB461625.safetensors"


def early_models(value: dict[str, Any], _: int = 0) -> None:
    if value["task_status"] == "TRAINING":
        value["models"] = [
            {"model_name": "model_1698904832_F2BB461625.safetensors", "model_status": "DEPLOYING"}
        ]


def stale(task: dict[str, Any]) -> None:
    task.update(task_status="QUEUING", models=[])


def rising_eta() -> Any:
    count = itertools.count(1)

    def change(value: dict[str, Any], told: dict[str, Any]) -> None:
        if value["task_status"] in ("QUEUING", "TRAINING"):
            told["eta_relative"] = 1000 * next(count)

    return extra(change)


def falling_progress(value: dict[str, Any], told: dict[str, Any]) -> None:
    if value["task_status"] != "SUCCESS":
        told["progress_percent"] = 99 - told["progress_percent"]


def early_hundred(value: dict[str, Any], told: dict[str, Any]) -> None:
    told["progress_percent"] = 100


def late_hundred(value: dict[str, Any], told: dict[str, Any]) -> None:
    told["progress_percent"] = min(told["progress_percent"], 99)


def late_eta(value: dict[str, Any], told: dict[str, Any]) -> None:
    if value["task_status"] == "SUCCESS":
        told["eta_relative"] = 3


# --- models, uploads, accounts


def lists_no_models(_: Call, value: Any) -> None:
    value["models"] = []


def lists_all_as_models() -> Any:
    made: list[str] = []
    one: dict[str, Any] = {"id": 1, "sd_name": "a", "type": {"name": "lora", "display_name": "LoRA"}}

    def change(call: Call, value: Any) -> None:
        if call.is_create:
            made.append(call.body["name"])
        else:
            value["models"] += [{**one, "name": name, "status": 1, "source": "training"} for name in made]

    return answers(change, which=lambda call: call.is_create or call.path == MODELS)


def upload_urls(**changed: str) -> Any:
    return answers(lambda _, value: value.update(changed), which=lambda call: call.path == ASSETS)


def wants_a_media_type() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        if call.path.startswith("/_uploads") and "image" not in str(app.scope["headers"]):
            return Reply(
                415, {"code": 415, "reason": "UNSUPPORTED_MEDIA_TYPE", "message": "No.", "metadata": {}}
            )
        return await app.ask(call)

    return behave


def answers_uploads(status: int, value: Any) -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        return Reply(status, value) if call.method == "PUT" and reply.status == 200 else reply

    return behave


def one_account(which: Callable[[Call], bool]) -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        return await app.ask(call._replace(key=KEY) if which(call) and call.key == OTHER_KEY else call)

    return behave


class Defect(NamedTuple):
    """`subject` must be found; `besides` may be, because it follows."""

    name: str
    make: Callable[[], Any]
    subject: str
    besides: tuple[str, ...] = ()


PAGED = (
    "paging.order",
    "paging.complete",
    "paging.disjoint",
    "paging.last",
    "list.stable",
    "task_type.complete",
)
DEFECTS = (
    Defect("a list without some tasks", loses_in_list, "list.complete", ("list.known", "refused.loss")),
    Defect("every fourth create is answered and lost", loses_every_fourth, "walk.create.lost"),
    Defect("some tasks have no state", denies_states, "walk.state.lost", ("list.known",)),
    Defect("one id for a name", one_id_a_name, "walk.id.repeated"),
    Defect("large creates start two", creates_twice, "walk.list.extra"),
    Defect("starts what it refuses", creates_what_it_refuses, "refused.effect"),
    Defect("a refusal loses a task", loses_when_it_refuses, "refused.loss", ("list.complete",)),
    Defect("names without blanks", lambda: named(str.strip), "walk.echo.name.trimmed"),
    Defect(
        "names in NFC", lambda: named(lambda n: unicodedata.normalize("NFC", n)), "walk.echo.name.normalized"
    ),
    Defect("names cut", lambda: named(lambda n: n[:100]), "walk.echo.name.cut"),
    Defect("names in lower case", lambda: named(str.lower), "walk.echo.name.case"),
    Defect("names escaped", lambda: named(html.escape), "walk.echo.name.escaped"),
    Defect(
        "names without emoji",
        lambda: named(lambda n: n.encode("utf-16-le").decode("utf-16-le").replace("\U0001f600", "?")),
        "walk.echo.name.changed",
    ),
    Defect(
        "numbers are normalised",
        lambda: named(lambda n: "12.5" if n == "0012.50" else n),
        "walk.echo.name.changed",
    ),
    Defect(
        "names of neighbours",
        mixes_names,
        "walk.echo.name.mixed",
        ("list.task_name", "walk.echo.name.changed"),
    ),
    Defect(
        "every task is a subject",
        lambda: listed(lambda t: t.update(task_type="subject")),
        "list.type",
        ("task_type.filter", "task_type.complete", "list.known", "task_id.kind", *PAGED),
    ),
    Defect(
        "milliseconds",
        lambda: listed(lambda t: t.update(created_at=t["created_at"] * 1000)),
        "created_at.unit",
    ),
    Defect("times that change", drifting_times, "list.created_at", ("list.order",)),
    Defect("times that fall", falling_times, "walk.created_at.fell", ("list.order",)),
    Defect("the oldest first", oldest_first, "list.order", PAGED),
    Defect("an order that changes", shuffles, "list.stable", ("list.order", *PAGED)),
    Defect("the limit is ignored", lambda: ignores("pagination.limit"), "pagination.limit"),
    Defect("the filter is ignored", lambda: ignores("task_type"), "task_type.filter"),
    Defect("pages overlap", lambda: shifts_cursors(-1), "paging.disjoint", PAGED),
    Defect("pages skip one", lambda: shifts_cursors(1), "paging.order", PAGED),
    Defect("the last page has a cursor", never_ends, "paging.last"),
    Defect("cursors count pages", cursor_counts_pages, "paging.order", ("walk.page.shift",)),
    Defect("a create hides tasks from the next page", hides_after_a_create, "walk.page.shift"),
    Defect(
        "the state of another task", answers_for_another, "state.task_id", ("list.models", "state.forward")
    ),
    Defect("every id has a state", knows_every_id, "task_id.unknown", ("task_id.kind",)),
    Defect("ids of the other route", knows_either_route, "task_id.kind"),
    Defect("a state goes back", lambda: states(goes_back), "state.forward", ("walk.agree.state",)),
    Defect("an end that changes", lambda: states(ends_otherwise), "state.forward", ("walk.agree.state",)),
    Defect(
        "success without models",
        lambda: states(lambda v, _: v.update(models=[])),
        "models.success",
        ("list.models",),
    ),
    Defect("models before success", lambda: states(early_models), "models.success"),
    Defect("models in the list before success", lambda: listed(early_models), "models.success"),
    Defect(
        "a model that serves deploys again",
        lambda: states(serves_back),
        "walk.models.back",
        ("walk.agree.state",),
    ),
    Defect(
        "a model gets another name",
        lambda: states(renames),
        "walk.models.changed",
        ("list.models", "walk.models.shared", "walk.models.unlisted"),
    ),
    Defect(
        "one model for all",
        lambda: states(one_model),
        "walk.models.shared",
        ("list.models", "walk.models.unlisted"),
    ),
    Defect("a list with other models", lambda: listed(one_model), "list.models"),
    Defect("a list that stands still", lambda: listed(stale), "walk.agree.state", ("state.forward",)),
    Defect("progress falls", lambda: extra(falling_progress), "walk.progress.fell"),
    Defect("done from the start", lambda: extra(early_hundred), "walk.progress.early"),
    Defect("never done", lambda: extra(late_hundred), "walk.progress.end"),
    Defect("the time to the end rises", rising_eta, "walk.eta.rose"),
    Defect("time to the end after it", lambda: extra(late_eta), "walk.eta.end"),
    Defect(
        "trained models are not listed",
        lambda: answers(lists_no_models, which=lambda c: c.path == MODELS),
        "walk.models.unlisted",
    ),
    Defect("models before they are trained", lists_all_as_models, "walk.models.listed-early"),
    Defect("one asset for all uploads", lambda: upload_urls(assets_id="a" * 32), "walk.upload.asset"),
    Defect("uploads want a media type", wants_a_media_type, "walk.upload.put"),
    Defect("uploads answer 204", lambda: answers_uploads(204, b""), "200 answered with 204 without a reason"),
    Defect("uploads answer with a body", lambda: answers_uploads(200, {"ok": True}), "no body"),
    Defect("another account's list", lambda: one_account(lambda call: call.is_list), "walk.isolation.list"),
    Defect(
        "another account's states", lambda: one_account(lambda call: call.is_state), "walk.isolation.state"
    ),
)
