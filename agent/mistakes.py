"""The agent's own mistakes, as facts: what a sample could not do because of the agent and not of the network."""

from probes.failure import Failure, Operation, failure_of
from probes.sample import AgentFailure

# What a host can be out of: not a mistake of anybody's.
_SCARCE = frozenset({Failure.TOO_MANY_FILES, Failure.OUT_OF_MEMORY})


def own_failure(operation: str, error: Exception) -> AgentFailure:
    """Return an exception of the agent's as a fact; only a host that is out of something is not our own mistake."""
    failure = failure_of(error, Operation.OPEN) if isinstance(error, OSError) else Failure.INTERNAL_ERROR
    if isinstance(error, MemoryError):
        # What Python makes of ENOMEM wherever it asks for memory itself.
        failure = Failure.OUT_OF_MEMORY
    if failure not in _SCARCE:
        failure = Failure.INTERNAL_ERROR
    detail = f"{type(error).__name__}: {str(error)[:200]}"
    return AgentFailure(operation=operation, failure=failure, detail=detail)
