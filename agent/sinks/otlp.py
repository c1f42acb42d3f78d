"""Entries posted as OpenTelemetry log records over HTTP."""

from __future__ import annotations

import sys
from functools import partial

from agent.sinks.answers import otlp_json_partial, otlp_outcome
from agent.sinks.encoding import Body
from agent.sinks.otlp_logs import OtlpEncoding, otlp_json, otlp_protobuf, protobuf_partial
from agent.sinks.posting import Poster, post_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from agent.daemon.plan import SinkPlan
    from agent.record import AgentIdentity
    from agent.sinks.answers import Answer
    from agent.sinks.sink import Outcome
    from agent.store.entry import Batch
    from probes.clock import Clock

_PROTOBUF: Final = "application/x-protobuf"


def protobuf_problem() -> str | None:
    """Return why protobuf cannot be written here, in one line that says what to do, or None if it can."""
    from importlib.util import find_spec  # noqa: PLC0415 - who asks for protobuf

    # `opentelemetry` alone may be another package's: the namespace is shared.
    if find_spec("opentelemetry") is not None and find_spec("opentelemetry.proto") is not None:
        return None
    # Into this very environment: the agent is no package of any index.
    install = f"{sys.executable} -m pip install opentelemetry-proto"
    return f"encoding protobuf needs a package that is not installed ({install}); encoding json needs none"


class OtlpSink:
    """Posts each batch as one export request."""

    def __init__(self, plan: SinkPlan, identity: AgentIdentity, clock: Clock) -> None:
        """Prepare; nothing is connected before the first batch.

        Raises:
            ModuleNotFoundError: `encoding` is protobuf, and its package is not installed.
        """
        self._encoding = OtlpEncoding(str(plan.options.get("encoding") or OtlpEncoding.JSON))
        if self._encoding is OtlpEncoding.PROTOBUF and (problem := protobuf_problem()):
            raise ModuleNotFoundError(problem)
        self._identity = identity
        self._poster = Poster(post_options(plan.options), identity, clock)

    def send(self, batch: Batch, stop: Callable[[], bool]) -> Outcome:
        """Return what became of the batch."""
        return self._poster.post(batch, self._body(batch), stop, partial(_judged, batch))

    def reach(self, stop: Callable[[], bool]) -> str | None:
        """Return why the collector cannot be reached, None where it can."""
        return self._poster.reach(stop)

    def close(self) -> None:
        """Close the connection."""
        self._poster.close()

    def _body(self, batch: Batch) -> Body:
        match self._encoding:
            case OtlpEncoding.JSON:
                return Body(content_type="application/json", data=otlp_json(batch, self._identity))
            case OtlpEncoding.PROTOBUF:
                return Body(content_type=_PROTOBUF, data=otlp_protobuf(batch, self._identity))


def _judged(batch: Batch, answer: Answer, now_s: float) -> Outcome:
    written = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    # The answer is written as the question was; a proxy's page is neither, and its status counts.
    rejected = protobuf_partial(answer.body) if written == _PROTOBUF else otlp_json_partial(answer.body)
    return otlp_outcome(answer, batch, rejected, now_s)
