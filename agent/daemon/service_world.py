"""The real world as the service sees it: what goes on between samples is remembered there, and asked here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.live_world import LiveWorld

if TYPE_CHECKING:
    from agent.remembered_paths import RememberedPaths
    from agent.request import SessionSource
    from agent.session_listener import SessionListener
    from agent.shared_paths import SharedPaths
    from probes.sample import AgentFailure, Target
    from probes.session_facts import SessionEvent


class ServiceWorld(LiveWorld):
    """One sample's view of the world, in a process that takes one sample after the other."""

    def __init__(
        self, listener: SessionListener | None, shared: SharedPaths, paths: RememberedPaths | None = None
    ) -> None:
        """Take what outlives the sample.

        Args:
            listener: Who has listened to the log of private access since the service began, None for nobody.
            shared: What targets know of each other's near hops.
            paths: What the service remembers of legs.
        """
        super().__init__(shared=shared, paths=paths)
        self._listener = listener

    def sessions(  # type: ignore[explicit-override] # typing.override is Python 3.12's
        self, zpa: SessionSource, target: Target
    ) -> tuple[tuple[SessionEvent, ...], tuple[AgentFailure, ...]]:
        """Return what the log of private access said of the target's sessions within the window."""
        if self._listener is None:
            return super().sessions(zpa, target)
        now_s = self.clock.realtime_ns() / 1e9
        return self._listener.recent(target, now_s=now_s, window_s=zpa.window_s, username=zpa.username), ()
