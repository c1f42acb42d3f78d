"""What a caller may write into a trace request, read strictly."""

import json
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent.config.types import LARGEST_PORT, LARGEST_TTL, LONGEST_TIMEOUT_S, MOST_QUERIES, SHORTEST_TIMEOUT_S
from probes.facts import Direction, ProtocolChoice

# What an edge grants of what may be asked for: it has many callers, and none of them waits for so long.
GRANTED_QUERIES: Final = 6
GRANTED_TIMEOUT_S: Final = 2.0
GRANTED_TTL: Final = 64
# A hop counts as silent only once it was silent twice: that cannot be told from one question.
LEAST_QUERIES: Final = 2
_LONGEST_HOST: Final = 253
_MOST_SHOWN: Final = 10


class TraceRequest(BaseModel):
    """The body of `POST /v1/traces`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    direction: Direction
    protocol: ProtocolChoice = ProtocolChoice.ADAPTIVE
    host: Annotated[str, Field(min_length=1, max_length=_LONGEST_HOST)] | None = None
    port: Annotated[int, Field(ge=1, le=LARGEST_PORT)] | None = None
    max_ttl: Annotated[int, Field(ge=1, le=LARGEST_TTL)] = 30
    queries: Annotated[int, Field(ge=1, le=MOST_QUERIES)] = 3
    timeout_s: Annotated[float, Field(ge=SHORTEST_TIMEOUT_S, le=LONGEST_TIMEOUT_S)] = 1.0

    @model_validator(mode="after")
    def _fits_its_direction(self) -> Self:
        if self.direction is Direction.FORWARD and self.host is None:
            raise ValueError("a forward trace needs a host")
        if self.direction is Direction.REVERSE and self.host is not None:
            raise ValueError("a reverse trace goes to its caller's own address and takes no host")
        return self


class RequestError(Exception):
    """A body that is no trace request; each error is where (RFC 6901) and what."""

    def __init__(self, errors: tuple[dict[str, str], ...]) -> None:
        super().__init__(errors)
        self.errors = errors


class NotJsonError(Exception):
    """A body that is no JSON text."""


def read_request(body: bytes) -> TraceRequest:
    """Return what a body asks for.

    Raises:
        NotJsonError: It is no JSON.
        RequestError: It is JSON, and no trace request.
    """
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        raise NotJsonError from None
    try:
        return TraceRequest.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)[:_MOST_SHOWN]
        raise RequestError(tuple(_shown(item["loc"], item["msg"]) for item in found)) from None


def _shown(location: tuple[str | int, ...], message: str) -> dict[str, str]:
    pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')[:60]}" for step in location)
    return {"pointer": f"#{pointer}", "detail": message.removeprefix("Value error, ")}
