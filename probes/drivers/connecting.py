"""Connects a socket by a deadline, and tells what this host refused from what came back from the way."""

from __future__ import annotations

import errno
import math
import os
import select
import socket

from probes.failure import Failure, Operation, failure_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def connect_within(opened: socket.socket, remote: Any, timeout_s: float) -> tuple[Failure, str] | None:
    """Connect a socket, which does not block from here on; return None, or the failure and its words.

    Args:
        opened: A TCP socket, bound as it is to be.
        remote: The address, as the socket's family has it.
        timeout_s: How long it may take, at least 0.
    """
    opened.setblocking(False)
    code = opened.connect_ex(remote)
    if code != errno.EINPROGRESS:
        return _failed(code, Operation.CONNECT)
    poll = select.poll()
    poll.register(opened, select.POLLOUT)
    if not poll.poll(math.ceil(timeout_s * 1000)):
        return Failure.TIMED_OUT, "no answer in time"
    return _failed(opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), Operation.RECEIVE)


def words_of(error: OSError, operation: Operation) -> str:
    """Return an error in words; one that came back from the way not in those for the host's own refusal."""
    if (operation, error.errno) == (Operation.RECEIVE, errno.EACCES):
        return "prohibited on the way"
    return os.strerror(error.errno).lower() if error.errno else str(error)


def _failed(code: int, operation: Operation) -> tuple[Failure, str] | None:
    error = OSError(code, "")
    return (failure_of(error, operation), words_of(error, operation)) if code else None
