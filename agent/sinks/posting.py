"""Batches posted to a collector: templates filled in, bodies compressed, secrets kept out of what is said of it."""

from __future__ import annotations

import os
import re

from agent.sinks.collector import Collector, NoAnswerError, Way, place_of
from agent.sinks.encoding import batch_headers, gzipped, template_values
from agent.sinks.sink import unavailable
from agent.version import VERSION
from probes.frozen import frozen, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Final

    from agent.record import AgentIdentity
    from agent.sinks.answers import Answer
    from agent.sinks.encoding import Body
    from agent.sinks.sink import Outcome
    from agent.store.entry import Batch
    from probes.clock import Clock

_MASK: Final = "***"
# Shorter parts of a header are words like "Bearer", and no secrets.
_SHORTEST_SECRET: Final = 8
_STARS: Final = re.compile(r"\*{8,}")
# What parameters of a query are called that hold a secret.
_TELLING: Final = ("auth", "key", "pass", "secret", "sig", "token")


@frozen
class PostOptions:
    """What `http` and `otlp` sinks have in common."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    gzip: bool = True
    proxy: str = "environment"
    ca_file: Path | None = None
    timeout_s: float = 10.0


def post_options(options: Mapping[str, object]) -> PostOptions:
    """Return the options of a plan's sink that are about posting."""
    names = set(PostOptions.__slots__) & options.keys()  # type: ignore[attr-defined]
    chosen: dict[str, object] = {name: options[name] for name in names}
    headers = options.get("headers")
    chosen["headers"] = tuple(headers.items()) if hasattr(headers, "items") else ()
    return PostOptions(**chosen)  # type: ignore[arg-type]


class Poster:
    """Posts bodies to one collector."""

    def __init__(self, options: PostOptions, identity: AgentIdentity, clock: Clock) -> None:
        """Prepare; nothing is connected before the first batch."""
        self._options = options
        self._identity = identity
        self._clock = clock
        self._place = place_of(options.url)
        way = Way(proxy=options.proxy, environment=os.environ, ca_file=options.ca_file, timeout_s=options.timeout_s)
        self._collector = Collector(self._place, way, clock)
        self._secrets = tuple(_secrets(options))

    def post(
        self, batch: Batch, body: Body, stop: Callable[[], bool], judge: Callable[[Answer, float], Outcome]
    ) -> Outcome:
        """Return what a batch's body was answered, as `judge` reads it with the wall clock's seconds."""
        filled = template_values(batch, self._identity.id)
        if self._options.gzip:
            body = gzipped(body)
        headers = self._headers(batch, body, filled)
        try:
            answer = self._collector.post(headers, body.data, stop, filled(self._place.target))
        except NoAnswerError as error:
            return unavailable(self._without_secrets(str(error)), error.retry_after_s)
        outcome = judge(replace(answer, body=self._starred(answer.body)), self._clock.realtime_ns() / 1e9)
        if outcome.why is None:
            return outcome
        return replace(outcome, why=self._without_secrets(f"{self._place.origin}: {outcome.why}"))

    def reach(self, stop: Callable[[], bool]) -> str | None:
        """Return why the collector cannot be reached, None where it can; nothing is posted."""
        try:
            self._collector.reach(stop)
        except NoAnswerError as error:
            return self._without_secrets(str(error))
        return None

    def close(self) -> None:
        """Close the connection."""
        self._collector.close()

    def _headers(self, batch: Batch, body: Body, filled: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
        """Return all headers; what the operator set wins over ours."""
        own = [(name, filled(value)) for name, value in self._options.headers]
        ours = [
            ("User-Agent", f"cloudpath-agent/{VERSION}"),
            ("Content-Type", body.content_type),
            # What is packed small may unpack without end.
            ("Accept-Encoding", "identity"),
            *body.headers,
            *batch_headers(batch),
        ]
        set_ = {name.lower() for name, _ in own}
        return (*own, *((name, value) for name, value in ours if name.lower() not in set_))

    def _starred(self, body: bytes) -> bytes:
        """Return an answer's body with a star for each octet of a secret, so that an excerpt holds no part of one.

        As long as before: a message of protobuf holds lengths.
        """
        for secret in self._secrets:
            octets = secret.encode()
            body = body.replace(octets, b"*" * len(octets))
        return body

    def _without_secrets(self, text: str) -> str:
        """Return a text in which no header's value is left: a collector may say back what it was told."""
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return _STARS.sub(_MASK, text)


def _secrets(options: PostOptions) -> list[str]:
    """Return what must not be said: header values and parts of them, and what a URL tells in confidence."""
    queries = (pair.partition("=") for pair in options.url.partition("?")[2].split("&"))
    values = [value for _, value in options.headers]
    values += [value for name, _, value in queries if any(word in name.lower() for word in _TELLING)]
    parts = {part for value in values for part in (value, *value.split())}
    return sorted((part for part in parts if len(part) >= _SHORTEST_SECRET), key=len, reverse=True)
