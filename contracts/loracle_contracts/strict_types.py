"""What the generated models need beyond Pydantic: JSON Schema's idea of numbers, and one condition."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic
from pydantic import BaseModel, BeforeValidator, Strict, model_validator

__all__ = ["MISSING", "PriorPreservation", "StrictFloat", "StrictInt"]

# The sentinel for an absent member left the experimental module with 2.14.
if hasattr(pydantic, "MISSING"):
    from pydantic import MISSING
else:
    from pydantic.experimental.missing_sentinel import MISSING


def _integral(value: Any) -> Any:
    # JSON Schema counts 512.0 as an integer; bool is an int in Python but not in JSON.
    return int(value) if type(value) is float and value.is_integer() else value


StrictInt = Annotated[int, BeforeValidator(_integral), Strict()]
StrictFloat = Annotated[float, Strict()]


class PriorPreservation(BaseModel):
    """Base of the expert settings in which prior preservation asks for a class prompt.

    Contract: rule class_prompt.with_prior_preservation.
    """

    @model_validator(mode="after")
    def _class_prompt_is_there(self) -> PriorPreservation:
        if getattr(self, "with_prior_preservation", None) is True and not isinstance(
            getattr(self, "class_prompt", None), str
        ):
            raise ValueError("class_prompt must be text where with_prior_preservation is true")
        return self
