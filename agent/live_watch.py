"""The network watched through the kernel's news, by the pure watch."""

import threading
from pathlib import Path

from agent.world import Sending
from probes.clock import Clock, utc_text
from probes.drivers.netlink import NetlinkError
from probes.drivers.network_events import NetworkEvents
from probes.drivers.watched_file import WatchedFile
from probes.host_facts import Network, NetworkChange
from probes.network_watch import NetworkWatch

# How often a proxy's script is looked at, at most.
FILE_S = 0.03


class LiveWatch:
    """The kernel's news, followed by the pure watch; without netlink it compares the start with the end only."""

    def __init__(self, clock: Clock, sending: Sending) -> None:
        self._clock = clock
        self._sending = sending
        self._watch: NetworkWatch | None = None
        # Whether the ways to the resolvers are watched for want of one to the target.
        self._meanwhile = False
        self._script: WatchedFile | None = None
        self._script_at = 0.0
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
                if not network.routes:
                    self._use_meanwhile(self._watch, network)
            # What happened before a look-up was made came before it in the kernel's news, too.
            self._take_news(self._watch, final=False)
            self._watch.look_up(network, utc_text(self._clock.realtime_ns()))
            if self.events is not None and network.routes:
                self._forget_meanwhile(self.events)
                self.events.follow(network.routes, source=self._sending.source, interface=self._sending.interface)

    def _use_meanwhile(self, watch: NetworkWatch, network: Network) -> None:
        """Watch what the look-ups of names rest on, as long as nothing else is known."""
        if self.events is None:
            return
        remote = [one.address for one in network.resolvers if not _on_this_host(one.address)]
        ways = self.events.ways_to(remote)
        watch.use_meanwhile(ways)
        self._meanwhile = True
        if ways:
            self.events.follow(ways)
        else:
            self.events.follow_defaults()

    def follow_script(self, path: Path) -> None:
        """Count this file as used by the sample: it chooses the proxy."""
        with self._one_at_a_time:
            self._script, self._script_at = WatchedFile(path), self._clock.monotonic() + FILE_S

    def _forget_meanwhile(self, events: NetworkEvents) -> None:
        if self._meanwhile:
            self._meanwhile = False
            events.forget()

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
        if self._watch is None:
            return
        with self._one_at_a_time:
            self._take_news(self._watch, final=final)

    def _take_news(self, watch: NetworkWatch, *, final: bool) -> None:
        self._look_at_script(watch, final=final)
        if self.events is None:
            return
        events = self.events.drain(self._clock.monotonic(), final=final)
        if events:
            watch.observe(events, utc_text(self._clock.realtime_ns()))

    def _look_at_script(self, watch: NetworkWatch, *, final: bool) -> None:
        script, now = self._script, self._clock.monotonic()
        if script is None or (now < self._script_at and not final):
            return
        self._script_at = now + FILE_S
        before = script.content
        if script.changed():
            watch.script_changed(str(script.path), before, script.content, utc_text(self._clock.realtime_ns()))


def _on_this_host(address: str) -> bool:
    return address.startswith("127.") or address == "::1"
