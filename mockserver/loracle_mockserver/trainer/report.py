"""What a training has done, as report.json: the plan, the pictures, the steps, the adapter; no times."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loracle_mockserver.trainer.images import TrainingImages
    from loracle_mockserver.trainer.planned import TrainPlan
    from loracle_mockserver.trainer.training import Outcome

__all__ = ["FORMAT", "WHAT_IT_IS", "report"]

FORMAT = "loracle-train-report-1"
WHAT_IT_IS = (
    "Trained by Loracle's reference trainer: a small diffusion model of 8 x 8 pixels with the training "
    "procedure of DreamBooth and LoRA. It is not Stable Diffusion, and the adapter does not fit the "
    "request's base_model."
)
_LIBRARIES = ("loracle", "numpy", "pillow", "safetensors")


def report(
    outcome: Outcome,
    plan: TrainPlan,
    images: TrainingImages,
    files: Mapping[str, bytes],
    *,
    about: str = WHAT_IT_IS,
    libraries: Iterable[str] = _LIBRARIES,
) -> dict[str, Any]:
    """The report as JSON values; `files` are those of the adapter. The same for the same training.

    `about` says what was trained, and `libraries` are those whose versions are told.
    """
    adapter = outcome.adapter
    return {
        "format": FORMAT,
        "about": about,
        "versions": {name: version(name) for name in libraries},
        "plan": plan.as_dict(),
        "images": {
            "source": images.source,
            "count": len(images.captions),
            "ignored": list(images.ignored),
            "records": [record.as_dict() for record in images.records],
        },
        "training": {
            "steps": len(outcome.losses),
            "losses": _finite(outcome.losses),
            "prior_losses": _finite(outcome.prior_losses),
            "learning_rates": _finite(outcome.learning_rates),
        },
        "adapter": {
            "digest": adapter.digest,
            "r": adapter.r,
            "alpha": adapter.alpha,
            "text_encoder_r": adapter.text_encoder_r if adapter.text_encoder_layers else None,
            "text_encoder_alpha": adapter.text_encoder_alpha if adapter.text_encoder_layers else None,
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        },
    }


def _finite(values: Iterable[float]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in map(float, values)]
