"""What the witnesses send: valid payloads, changed in places, and the calls of the API."""

from __future__ import annotations

import copy
import json
from typing import Any

import httpx

__all__ = [
    "ABSENT",
    "created",
    "expert",
    "listed",
    "outcome",
    "polled",
    "ready",
    "reason",
    "send",
    "style",
    "subject",
    "upload_target",
]

ABSENT = object()
_PATHS = {
    "createSubjectTraining": "/v3/training/subject",
    "createStyleTraining": "/v3/training/style",
    "createUploadUrl": "/v3/assets/training_dataset",
}
_SUBJECT: dict[str, Any] = {
    "name": "portrait",
    "base_model": "v1-5-pruned-emaonly",
    "width": 512,
    "height": 512,
    "image_dataset_items": [
        {"assets_id": f"{n:032x}", "caption": f"a woman in a red coat, {n}"} for n in range(1, 11)
    ],
    "expert_setting": {
        "train_batch_size": 2,
        "learning_rate": 0.0001,
        "max_train_steps": 2000,
        "seed": 2023,
        "lr_scheduler": "cosine",
        "lr_warmup_steps": 100,
        "instance_prompt": "Xstyle, of a young woman, profile shot",
        "class_prompt": "person",
        "with_prior_preservation": True,
        "prior_loss_weight": 0.5,
        "train_text_encoder": True,
        "lora_r": 32,
        "lora_alpha": 32,
        "lora_text_encoder_r": 32,
        "lora_text_encoder_alpha": 32,
    },
    "components": [
        {"name": "face_crop_region", "args": [{"name": "ratio", "value": "1.0"}]},
        {"name": "resize", "args": [{"name": "width", "value": "512"}, {"name": "height", "value": "512"}]},
        {
            "name": "face_restore",
            "args": [{"name": "method", "value": "gfpgan_1.4"}, {"name": "upscale", "value": "1.0"}],
        },
    ],
}


def subject(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """A valid request with these changes, by path such as "expert_setting/lora_r"."""
    payload = copy.deepcopy(_SUBJECT)
    for path, value in (changes or {}).items():
        *outer, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        inner: Any = payload
        for step in outer:
            inner = inner[step]
        if value is ABSENT:
            del inner[last]
        else:
            inner[last] = value
    return payload


def style(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """A valid request of a style training."""
    return subject(changes)


def expert(**changes: Any) -> dict[str, Any]:
    """A valid request with these expert settings changed."""
    return subject({f"expert_setting/{name}": value for name, value in changes.items()})


async def send(
    client: httpx.AsyncClient, payload: Any, operation: str = "createSubjectTraining", **headers: str
) -> httpx.Response:
    """Posts a payload, or bytes as they are."""
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    sent = {"content-type": "application/json"}
    sent.update({name.replace("_", "-"): value for name, value in headers.items()})
    return await client.post(_PATHS[operation], content=content, headers=sent)


async def created(client: httpx.AsyncClient, name: str = "portrait", kind: str = "Subject") -> str:
    """Starts a training, and gives its id."""
    response = await send(client, subject({"name": name}), f"create{kind}Training")
    return str(response.json()["task_id"])


async def polled(client: httpx.AsyncClient, task_id: str, times: int = 1, kind: str = "subject") -> Any:
    """The last of so many states of a training."""
    state: Any = None
    for _ in range(times):
        state = (await client.get(f"/v3/training/{kind}", params={"task_id": task_id})).json()
    return state


async def ready(client: httpx.AsyncClient, name: str = "portrait") -> str:
    """A training that has ended well, and whose model serves."""
    task_id = await created(client, name)
    await polled(client, task_id, 4)
    return task_id


async def listed(client: httpx.AsyncClient, **query: Any) -> Any:
    """A page of the list; two underscores stand for the dot in a name."""
    named = {name.replace("__", "."): value for name, value in query.items()}
    return (await client.get("/v3/training", params=named)).json()


async def upload_target(client: httpx.AsyncClient, extension: str = "png") -> Any:
    """Where to upload an image."""
    return (await send(client, {"file_extension": extension}, "createUploadUrl")).json()


def reason(response: httpx.Response) -> Any:
    """The reason of a refusal; None where there is no envelope."""
    try:
        return response.json().get("reason")
    except (ValueError, AttributeError):
        return None


def outcome(response: httpx.Response) -> tuple[int, Any]:
    """The status and the reason."""
    return response.status_code, reason(response)
