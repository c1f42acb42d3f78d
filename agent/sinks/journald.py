"""Entries as entries of the journal, with fields to search by.

Source: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import select
import socket

from agent.sinks.sink import DELIVERED, unavailable, words_of
from agent.sinks.syslog_message import APP_NAME, severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

    from agent.sinks.sink import Outcome
    from agent.store.entry import Batch, Entry

SOCKET: Final = "/run/systemd/journal/socket"
# One for each kind, for `journalctl MESSAGE_ID=...`; random once, the same for ever (sd-id128(3)).
_MESSAGE_IDS: Final = {
    "sample": "49803c29c98844e2b72eeac560ff389d",
    "change": "0735d17dbf774e17be9899b1e0f3d7a1",
    "gap": "619d6d11c3dc4d818a928bfd32ed0d43",
}
# memfd_create(2), fcntl(2): the journal takes a file that nobody can change any more.
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_NAP_MS: Final = 100
_MOST_NAPS: Final = 100


class JournaldSink:
    """Sends each entry to the journal of this host."""

    def __init__(self, path: str = SOCKET) -> None:
        """Prepare; nothing is connected before the first batch."""
        self._path = path
        self._socket: socket.socket | None = None
        # How many entries of which batch the journal has: they are not sent again.
        self._batch = ""
        self._done = 0

    def send(self, batch: Batch, stop: Callable[[], bool]) -> Outcome:
        """Return what became of the batch."""
        if batch.id != self._batch:
            self._batch, self._done = batch.id, 0
        try:
            opened = self._opened()
            for entry in batch.entries[self._done :]:
                _sent(opened, fields(entry), stop)
                self._done += 1
        except OSError as error:
            self.close()
            return unavailable(f"journal: {words_of(error)}")
        return DELIVERED

    def reach(self, _stop: Callable[[], bool]) -> str | None:
        """Return why the journal cannot be reached, None where it can."""
        try:
            self._opened()
        except OSError as error:
            return f"journal: {words_of(error)}"
        finally:
            self.close()
        return None

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _opened(self) -> socket.socket:
        if self._socket is None:
            opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                opened.connect(self._path)
            except OSError:
                opened.close()
                raise
            opened.setblocking(False)
            self._socket = opened
        return self._socket


def fields(entry: Entry) -> bytes:
    """Return an entry of the journal: a line for people, and the fields; the document is in CLOUDPATH_DOCUMENT."""
    return b"".join([b"%b=%b\n" % (name, value) for name, value in _fields(entry)])


def _fields(entry: Entry) -> Iterator[tuple[bytes, bytes]]:
    # No value has a line break: names of targets have none, and JSON escapes it.
    yield b"MESSAGE", _message(entry).encode()
    yield b"PRIORITY", b"%d" % severity(entry)
    yield b"SYSLOG_IDENTIFIER", APP_NAME.encode()
    yield b"MESSAGE_ID", _MESSAGE_IDS[entry.kind].encode()
    yield b"CLOUDPATH_ID", entry.id.encode()
    yield b"CLOUDPATH_SEQ", b"%d" % entry.seq
    yield b"CLOUDPATH_KIND", entry.kind.encode()
    if entry.target is not None:
        yield b"CLOUDPATH_TARGET", entry.target.encode()
    if entry.status is not None:
        yield b"CLOUDPATH_STATUS", entry.status.encode()
    for code in entry.codes:
        yield b"CLOUDPATH_CODE", code.encode()
    yield b"CLOUDPATH_DOCUMENT", entry.data


def _message(entry: Entry) -> str:
    if entry.status is None:
        return f"cloudpath {entry.kind} {entry.seq}"
    return " ".join((f"{entry.target}: {entry.status}", *entry.codes))


def _sent(opened: socket.socket, data: bytes, stop: Callable[[], bool]) -> None:
    """Send one entry, in a sealed file where it is too large for a datagram.

    Raises:
        OSError: The journal takes nothing.
    """
    for _ in range(_MOST_NAPS):
        try:
            opened.send(data)
        except BlockingIOError:
            poll = select.poll()
            poll.register(opened, select.POLLOUT)
            poll.poll(_NAP_MS)
            if stop():
                break
        except OSError as error:
            # What sd_journal_send does, too: ENOBUFS where the datagram alone is larger than the socket's buffer.
            if error.errno not in {errno.EMSGSIZE, errno.ENOBUFS}:
                raise
            _sent_as_file(opened, data)
            return
        else:
            return
    raise TimeoutError(errno.ETIMEDOUT, "it takes nothing")


def _sent_as_file(opened: socket.socket, data: bytes) -> None:
    descriptor = os.memfd_create("cloudpath-entry", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        passed = array.array("i", [descriptor])
        opened.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
    finally:
        os.close(descriptor)
