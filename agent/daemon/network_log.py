"""The network watched for as long as the service runs: the kernel's news wake it, and a slow poll misses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.clock import utc_text
from probes.drivers.host import HostPaths, HostReader
from probes.drivers.netlink import NetlinkError
from probes.drivers.network_events import NetworkEvents
from probes.drivers.watched_file import WatchedFile
from probes.host_facts import ChangeKind, NetworkChange
from probes.network_epochs import NetworkEpochs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Final

    from probes.clock import Clock
    from probes.host_facts import Network
    from probes.network_burst import HostChange

# Programs change a network in several steps: it is read once they had the time for them.
_SETTLE_S: Final = 0.05
# Files are looked at by the time of their last change, 2 µs each; there is no library for inotify in the standard one.
_FILES_S: Final = 2.0
# What netlink should have told is looked up all the same; without netlink there is nothing else.
_POLL_S: Final = 60.0
_POLL_ALONE_S: Final = 5.0
# While news rain down the network is not read more often, and never for more than one part in fifty of the time.
_READ_AGAIN_S: Final = 0.5
_READ_SHARE: Final = 50
# Ways to more addresses than these are not looked up.
_MOST_ADDRESSES: Final = 256


class NetworkLog:
    """Follows the host's network; poll `fileno`, and call `turn` when it is readable or a deadline has come.

    For one thread, the service's loop.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        paths: HostPaths | None = None,
        files_s: float = _FILES_S,
        poll_alone_s: float = _POLL_ALONE_S,
    ) -> None:
        """Open the watch, then read the network, so that nothing falls between the two.

        Args:
            clock: The clock.
            paths: Where the host keeps its files.
            files_s: How often they are looked at.
            poll_alone_s: How often the network is read where the kernel tells of nothing.
        """
        self._clock = clock
        self._files_s = files_s
        self._poll_alone_s = poll_alone_s
        self._paths = paths or HostPaths()
        self._reader = HostReader(self._paths)
        self._targets: frozenset[str] = frozenset()
        self._followed: dict[str, tuple[str, ...]] = {}
        self._hosts = WatchedFile(self._paths.hosts)
        self._scripts: dict[Path, WatchedFile] = {}
        self._events: NetworkEvents | None = None
        try:
            self._events = NetworkEvents(clock, self._paths)
        except NetlinkError:
            # HostReader says the same, with the reason; there is the poll to go by.
            self._events = None
        now = clock.monotonic()
        self._moved = False
        self._cost_s = 0.0
        self._read_at: float | None = None
        self._epochs = NetworkEpochs(self._read(), now)
        self._last_read_at, self._files_at = clock.monotonic(), now + self._files_s

    # --- what the service asks ----------------------------------------------------------------------------------------

    @property
    def epoch(self) -> str:
        """Return what the network is called that the host is on."""
        return self._epochs.network.epoch

    @property
    def woken(self) -> bool:
        """Return whether the kernel tells of changes; without that they are seen by the poll, seconds later."""
        return self._events is not None

    def fileno(self) -> int | None:
        """Return the descriptor to wait on, None where the kernel refuses to tell of changes."""
        return None if self._events is None else self._events.fileno()

    def next_deadline(self) -> float:
        """Return when `turn` has something to do of its own accord, in monotonic seconds."""
        dues = (self._files_at, self._poll_at(), self._read_at, self._epochs.ends_at())
        return min(due for due in dues if due is not None)

    def settled(self, now: float) -> bool:
        """Return whether a sample taken now would be of one network: nothing that matters has changed for a second.

        Also True after ten seconds of changes without end.
        """
        return now >= self.settles_at(now)

    def settles_at(self, now: float) -> float:
        """Return when it will have settled, in monotonic seconds, if nothing more changes; `now` if it has."""
        # What there are news of may matter, until the network was read.
        return max(self._epochs.settles_at(now), now if self._read_at is None else self._read_at + _SETTLE_S)

    def moved(self) -> bool:
        """Return whether a burst ended in which something that matters changed, since this was last asked."""
        moved, self._moved = self._moved, False
        return moved

    def turn(self, now: float) -> tuple[HostChange, ...]:
        """Return the changes of a burst that has ended, each once; takes in what has happened, without waiting."""
        self._drain(now)
        if now >= self._files_at:
            self._files_at = now + self._files_s
            self._look_at_files()
        ends_at = self._epochs.ends_at()
        over = ends_at is not None and now >= ends_at
        if now >= self._poll_at() or (self._read_at is not None and (over or now >= self._read_at)):
            self.read_now()
        changes = self._epochs.ended(now, self._now_text())
        self._moved = self._moved or any(change.matters for change in changes)
        return changes

    def read_now(self) -> None:
        """Read the network, whether anything is due or not."""
        self._epochs.read(self._read(), self._clock.monotonic(), self._now_text())

    # --- what the service tells ---------------------------------------------------------------------------------------

    def follow_targets(self, targets: Iterable[str]) -> None:
        """Look up the ways to these targets, once it is told where they lead, and to no others."""
        self._targets = frozenset(targets)
        self._followed = {target: to for target, to in self._followed.items() if target in self._targets}

    def follow(self, target: str, addresses: Iterable[str]) -> None:
        """Look the ways to these addresses up in future, in place of those that this target led to before.

        Nothing happens for a target that is not followed: its sample may end after a reload took it away.
        """
        if target in self._targets:
            self._followed[target] = tuple(addresses)

    def follow_scripts(self, scripts: Iterable[Path]) -> None:
        """Watch these files, and no others, for the proxy that they choose."""
        self._scripts = {path: self._scripts.get(path) or WatchedFile(path) for path in scripts}

    def proxy_changed(self, subject: str, before: str | None, after: str | None) -> None:
        """Note that the configuration names another proxy; nothing if it does not."""
        if before != after:
            self._note(ChangeKind.PROXY, subject, "proxy changed", before, after, matters=True)

    def abort(self, target: str) -> None:
        """Note that a sample of this target was discarded because of what is going on."""
        self._epochs.abort(target)

    def close(self) -> None:
        """Give the sockets back."""
        if self._events is not None:
            self._events.close()

    # --- the network --------------------------------------------------------------------------------------------------

    def _drain(self, now: float) -> None:
        if self._events is None:
            return
        events = self._events.drain(now)
        if not events:
            return
        self._epochs.observe(events, now, self._now_text())
        if self._read_at is None:
            self._read_at = max(now + _SETTLE_S, self._last_read_at + self._pause_s())

    def _read(self) -> Network:
        began = self._clock.monotonic()
        network = self._reader.network(self._addresses())
        self._read_at, self._last_read_at = None, self._clock.monotonic()
        self._cost_s = self._last_read_at - began
        return network

    def _addresses(self) -> list[str]:
        addresses = dict.fromkeys(address for each in self._followed.values() for address in each)
        return list(addresses)[:_MOST_ADDRESSES]

    def _pause_s(self) -> float:
        return max(_READ_AGAIN_S, self._cost_s * _READ_SHARE)

    def _poll_at(self) -> float:
        pause_s = _POLL_S if self._events is not None else self._poll_alone_s
        return self._last_read_at + max(pause_s, self._cost_s * _READ_SHARE)

    # --- files --------------------------------------------------------------------------------------------------------

    def _look_at_files(self) -> None:
        for file in self._scripts.values():
            before = file.content
            if file.changed():
                self._note(ChangeKind.PROXY, str(file.path), "script changed", before, file.content, matters=True)
        # Each sample reads the table anew, and no list of what counts has it: for information.
        before = self._hosts.content
        if self._hosts.changed():
            path = str(self._hosts.path)
            self._note(ChangeKind.RESOLVER, path, "file changed", before, self._hosts.content, matters=False)

    def _note(
        self, kind: ChangeKind, subject: str, what: str, before: str | None, after: str | None, *, matters: bool
    ) -> None:
        change = NetworkChange(
            at=self._now_text(),
            kind=kind,
            subject=subject,
            what=what,
            before=before,
            after=after,
            affects_sample=matters,
        )
        self._epochs.note(change, self._clock.monotonic())

    def _now_text(self) -> str:
        return utc_text(self._clock.realtime_ns())
