"""Sending as the host lets it: again after an older probe's error, and why it refused."""

from __future__ import annotations

import _socket as socket
import errno

from probes.drivers.sockets import PENDING_ERRNOS
from probes.failure import Failure, Operation, failure_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.drivers.endpoint import Endpoint


_SEND_ATTEMPTS: Final = 4
_SOURCE_GONE: Final = frozenset({errno.EINVAL, errno.ENETUNREACH})


def send_bounded(sending: Callable[[], object], endpoint: Endpoint) -> Failure | None:
    """Send once; return why the host refused, None where it did not.

    A socket with an error queue reports an older probe's ICMP error on the next call, which then sends nothing: such
    an error is taken off and the call made again, a few times, for a route that is missing says the same for ever.
    """
    refused: OSError | None = None
    for _ in range(_SEND_ATTEMPTS):
        try:
            sending()
        except OSError as error:
            refused = error
        else:
            return None
        if refused.errno not in PENDING_ERRNOS:
            break
    return refusal(refused, endpoint, Operation.SEND) if refused else None


def refusal(error: OSError, endpoint: Endpoint, operation: Operation) -> Failure:
    """Return why the host refused to send.

    A source address that the host no longer has gives the errno of a blackhole (older kernels) or of no route (6.18)
    [measured], so it is asked for.
    """
    if error.errno in _SOURCE_GONE and not _still_own(endpoint):
        return Failure.ADDRESS_NOT_AVAILABLE
    return failure_of(error, operation)


def _still_own(endpoint: Endpoint) -> bool:
    """Return whether the flow's source is still an address of this host."""
    asking = socket.socket(endpoint.numbers.address_family, socket.SOCK_DGRAM)
    try:
        asking.bind(endpoint.local(0))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    finally:
        asking.close()
    return True
