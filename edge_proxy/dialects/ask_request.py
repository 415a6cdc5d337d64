"""What a client of the ask dialect sends: a question, as a JSON body or as a query string."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from edge_proxy.core.request import GenerationRequest
from edge_proxy.dialects.validation import NonEmptyText, Text, validate

MAX_TOKENS = 1_000_000


class AskBody(BaseModel):
    """The JSON body of `POST /ask/stream`, and the query string of `GET`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    question: NonEmptyText = Field(description="What a user asks.")
    model: Text = Field("", description="A model's name; empty for the default one.")
    max_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS, description="Tokens to generate at most.")
    temperature: float | None = Field(None, ge=0, le=2, description="0: always the likeliest token.")
    seed: int | None = Field(None, ge=0, le=2**32 - 1, description="The same seed gives the same text, if it can.")


def parse_ask(data: Mapping[str, Any], *, strings: bool = False) -> GenerationRequest:
    """The request that a body asks for; or, with `strings`, a query string.

    Raises:
        Refused: INVALID_REQUEST, naming the field.
    """
    body = validate(AskBody, data, strings=strings)
    return GenerationRequest(
        model=body.model,
        prompt=body.question,
        max_tokens=body.max_tokens,
        temperature=body.temperature,
        seed=body.seed,
    )
