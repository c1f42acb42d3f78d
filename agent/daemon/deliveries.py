"""The deliveries under way, one for each sink of the plan at work."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Final

from agent.sinks.delivery import Delivery
from agent.sinks.making import make_sink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.daemon.plan import SinkPlan
    from agent.daemon.status import SinkStatus
    from agent.record import AgentIdentity
    from agent.store.entry import Store
    from probes.clock import Clock

# What a sink that is left out or changed by a reload may take to end.
_LAST_S: Final = 2.0


class Deliveries:
    """Starts, wakes and ends deliveries; one that a new plan leaves as it was goes on undisturbed."""

    def __init__(self, store: Store, identity: AgentIdentity, clock: Clock, log: Callable[[str, str], None]) -> None:
        """Begin with none.

        Args:
            store: What is to be delivered.
            identity: Who delivers.
            clock: Tells how long things take.
            log: Told a level and a line.
        """
        self._store = store
        self._identity = identity
        self._clock = clock
        self._log = log
        self._running: dict[str, tuple[SinkPlan, Delivery]] = {}

    def replace(self, plans: Sequence[SinkPlan]) -> None:
        """Deliver to these sinks, and to no others."""
        wanted = {plan.name: plan for plan in plans}
        over = [name for name, (plan, _) in self._running.items() if wanted.get(name) != plan]
        self._end([self._running.pop(name)[1] for name in over], self._clock.monotonic() + _LAST_S)
        self._store.register(tuple(wanted))
        for plan in plans:
            if plan.name not in self._running:
                sink = make_sink(plan, self._identity)
                delivery = Delivery(self._store, plan, sink, self._clock, random.random, self._log)
                self._running[plan.name] = plan, delivery
                delivery.start()

    def wake(self) -> None:
        """Say that the store has something new."""
        for _, delivery in tuple(self._running.values()):
            delivery.wake()

    def retry_soon(self) -> None:
        """Say that the network is another one: sinks that failed may be there now."""
        for _, delivery in tuple(self._running.values()):
            delivery.retry_soon()

    def finish(self, by: float) -> tuple[str, ...]:
        """Deliver what is there and end by monotonic time `by`; return the names of those that did not end."""
        self._end([delivery for _, delivery in self._running.values()], by)
        return tuple(name for name, (_, delivery) in self._running.items() if not delivery.finish(by))

    def status(self) -> tuple[SinkStatus, ...]:
        """Return how each sink is doing."""
        return tuple(delivery.status() for _, delivery in tuple(self._running.values()))

    def _end(self, deliveries: Sequence[Delivery], by: float) -> None:
        """End all of them at once: none has less time because of another one."""
        threads = [threading.Thread(target=delivery.finish, args=(by,), daemon=True) for delivery in deliveries]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, by - self._clock.monotonic()))
