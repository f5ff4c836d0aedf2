"""Bodies of creates that every conforming server takes, and that cost little."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from loracle_contracts import spec

__all__ = ["STEPS", "UNKNOWN_ASSETS", "example_body", "known_base_models", "plain_body"]

# One training step less would be at the edge of what is allowed, which a plain body keeps away from.
STEPS = 2
# Ids of the form that real ones have; no server handed them out.
UNKNOWN_ASSETS = ("34558688e2f42a0137ca2d5274a8cf43", "9b7f2c6e1d0a4835b6c7d8e9f0a1b2c3")
_EXAMPLE = "valid/createSubjectTraining/request/seed-page.json"
_CAPTIONS = ("a woman in a red coat", "a harbour in the morning")


def plain_body(
    operation: str, name: str, base_model: str, asset_ids: Sequence[str | int], images: int = 2
) -> dict[str, Any]:
    """The cheapest ordinary body: what is required, few steps, and no value at the edge of its range."""
    items = [
        {"assets_id": asset_ids[n % len(asset_ids)], "caption": _CAPTIONS[n % len(_CAPTIONS)]}
        for n in range(images)
    ]
    setting: dict[str, Any] = {"max_train_steps": STEPS}
    if operation == "createSubjectTraining":
        setting = {"instance_prompt": "photo of a sks person", **setting}
    return {
        "name": name,
        "base_model": base_model,
        "width": 512,
        "height": 512,
        "image_dataset_items": items,
        "expert_setting": setting,
        "components": [
            {
                "name": "resize",
                "args": [{"name": "width", "value": "512"}, {"name": "height", "value": "512"}],
            }
        ],
    }


def example_body(
    operation: str, name: str, base_model: str, asset_ids: Sequence[str | int], images: int = 2
) -> dict[str, Any]:
    """The body that the documents show, with few steps."""
    plain = plain_body(operation, name, base_model, asset_ids, images)
    # The style training has the same settings, though its example shows none.
    shown: dict[str, Any] = json.loads(spec.example(_EXAMPLE))
    setting = {**shown["expert_setting"], **plain["expert_setting"]}
    return {**plain, "expert_setting": setting, "components": shown["components"]}


def known_base_models() -> tuple[str, ...]:
    """The base models that the documents name."""
    return tuple(spec.document("strict")["$defs"]["BaseModel"]["examples"])
