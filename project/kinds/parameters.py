"""The model that shipped kinds' parameters are made of."""

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """Takes no parameter that it does not know, and no text for a number: a mistake is told."""

    model_config = ConfigDict(extra="forbid", strict=True)
