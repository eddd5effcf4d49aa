"""The base model of the built-in kinds' parameters."""

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """Refuses unknown parameters, and text in place of numbers, so that mistakes are reported."""

    model_config = ConfigDict(extra="forbid", strict=True)
