"""Request bodies that a conforming server accepts, far from every bound."""

from __future__ import annotations

import copy
from typing import Any

__all__ = ["CREATES", "STYLE", "SUBJECT", "UPLOAD", "minimal", "plain"]

SUBJECT, STYLE, UPLOAD = "createSubjectTraining", "createStyleTraining", "createUploadUrl"
CREATES = (SUBJECT, STYLE)
_ASSETS = [f"{number:x}" * 32 for number in range(4, 12)]
_SETTINGS = {
    "train_batch_size": 2,
    "learning_rate": 0.0001,
    "max_train_steps": 1200,
    "seed": 2023,
    "lr_scheduler": "cosine",
    "lr_warmup_steps": 100,
    "instance_prompt": "a photo of sks person",
    "class_prompt": "person",
    "with_prior_preservation": True,
    "prior_loss_weight": 1.5,
    "train_text_encoder": True,
    "lora_r": 32,
    "lora_alpha": 32,
    "lora_text_encoder_r": 32,
    "lora_text_encoder_alpha": 32,
}


def plain(operation: str = SUBJECT, name: str = "plain") -> Any:
    """A body with all members, none of them at a bound, and without lints."""
    if operation == UPLOAD:
        return {"file_extension": "png"}
    return copy.deepcopy(
        {
            "name": name,
            "base_model": "v1-5-pruned-emaonly",
            "width": 512,
            "height": 512,
            "image_dataset_items": [{"assets_id": asset, "caption": "a photo"} for asset in _ASSETS],
            "expert_setting": _SETTINGS,
            "components": [
                {"name": "face_crop_region", "args": [{"name": "ratio", "value": "1.4"}]},
                {
                    "name": "resize",
                    "args": [{"name": "width", "value": "512"}, {"name": "height", "value": "512"}],
                },
                {
                    "name": "face_restore",
                    "args": [
                        {"name": "method", "value": "gfpgan_1.4"},
                        {"name": "upscale", "value": "1.0"},
                    ],
                },
            ],
        }
    )


def minimal(operation: str = SUBJECT, name: str = "minimal") -> Any:
    """A body with the required members only."""
    if operation == UPLOAD:
        return {"file_extension": "jpeg"}
    return {
        "name": name,
        "base_model": "v1-5-pruned-emaonly",
        "width": 640,
        "height": 640,
        "image_dataset_items": [{"assets_id": number} for number in range(30, 38)],
        "components": [],
    }
