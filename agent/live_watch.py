"""The network watched through the kernel's news, by the pure watch."""

import threading

from agent.world import Sending
from probes.clock import Clock, utc_text
from probes.drivers.netlink import NetlinkError
from probes.drivers.network_events import NetworkEvents
from probes.host_facts import Network, NetworkChange
from probes.network_watch import NetworkWatch


class LiveWatch:
    """The kernel's news, followed by the pure watch; without netlink it compares the start with the end only."""

    def __init__(self, clock: Clock, sending: Sending) -> None:
        self._clock = clock
        self._sending = sending
        self._watch: NetworkWatch | None = None
        # Several traces ask at once.
        self._one_at_a_time = threading.Lock()
        self.events: NetworkEvents | None = None
        try:
            self.events = NetworkEvents(clock)
        except NetlinkError:
            # The sample can do without; HostReader records that netlink was refused.
            return

    def use(self, network: Network) -> None:
        """Count the look-ups of `network` as used by the sample; the first one is the start that changes refer to."""
        with self._one_at_a_time:
            if self._watch is None:
                self._watch = NetworkWatch(network, bound_to=self._sending.interface)
            for route in network.routes:
                self._watch.use(route)
            if self.events is not None:
                self.events.follow(network.routes, source=self._sending.source, interface=self._sending.interface)

    def disturbed(self) -> bool:
        """Return whether something changed that this sample rests on."""
        self._drain(final=False)
        return self._watch is not None and self._watch.disturbed()

    def changes(self, end: Network) -> tuple[NetworkChange, ...]:
        """Return every change since the start, oldest first."""
        self._drain(final=True)
        return self._watch.changes(end, utc_text(self._clock.realtime_ns())) if self._watch is not None else ()

    def close(self) -> None:
        """Give the sockets back."""
        if self.events is not None:
            self.events.close()

    def _drain(self, *, final: bool) -> None:
        if self.events is None or self._watch is None:
            return
        with self._one_at_a_time:
            events = self.events.drain(self._clock.monotonic(), final=final)
            if events:
                self._watch.observe(events, utc_text(self._clock.realtime_ns()))
