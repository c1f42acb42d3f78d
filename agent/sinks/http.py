"""Entries posted to a collector as lines, as Elasticsearch's bulk or as Splunk's raw events."""

from __future__ import annotations

from agent.sinks.answers import es_outcome, outcome_of, splunk_outcome
from agent.sinks.encoding import BodyFormat, body_of
from agent.sinks.posting import Poster, post_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.daemon.plan import SinkPlan
    from agent.record import AgentIdentity
    from agent.sinks.answers import Answer
    from agent.sinks.sink import Outcome
    from agent.store.entry import Batch
    from probes.clock import Clock


class HttpSink:
    """Posts each batch in one request."""

    def __init__(self, plan: SinkPlan, identity: AgentIdentity, clock: Clock) -> None:
        """Prepare; nothing is connected before the first batch."""
        self._format = BodyFormat(str(plan.options.get("format") or BodyFormat.NDJSON))
        index = plan.options.get("index")
        self._index = None if index is None else str(index)
        self._identity = identity
        self._poster = Poster(post_options(plan.options), identity, clock)

    def send(self, batch: Batch, stop: Callable[[], bool]) -> Outcome:
        """Return what became of the batch."""
        body = body_of(batch, self._format, index=self._index, agent_id=self._identity.id)
        return self._poster.post(batch, body, stop, self._judge(batch))

    def reach(self, stop: Callable[[], bool]) -> str | None:
        """Return why the collector cannot be reached, None where it can."""
        return self._poster.reach(stop)

    def close(self) -> None:
        """Close the connection."""
        self._poster.close()

    def _judge(self, batch: Batch) -> Callable[[Answer, float], Outcome]:
        match self._format:
            case BodyFormat.NDJSON:
                return outcome_of
            case BodyFormat.SPLUNK_RAW:
                return splunk_outcome
            case BodyFormat.ES_BULK:
                return lambda answer, now_s: es_outcome(answer, batch, now_s)
