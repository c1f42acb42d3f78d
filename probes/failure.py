"""The closed list of ways an operation fails, and how an OSError maps onto it."""

from __future__ import annotations

import errno

from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class Failure(Word):
    """One name for each way that something asked of the network or the host can fail.

    A failure of the network is a value, never an exception.
    """

    # The host could not open what the probe needs.
    NOT_PERMITTED = "not_permitted"
    TOO_MANY_FILES = "too_many_files"
    OUT_OF_MEMORY = "out_of_memory"
    FAMILY_UNSUPPORTED = "family_unsupported"
    # The host refused to send: its routes, its firewall, its links.
    NETWORK_UNREACHABLE = "network_unreachable"
    HOST_UNREACHABLE = "host_unreachable"
    ROUTE_PROHIBITED = "route_prohibited"
    ROUTE_BLACKHOLE = "route_blackhole"
    BLOCKED_LOCALLY = "blocked_locally"
    NETWORK_DOWN = "network_down"
    NO_SUCH_INTERFACE = "no_such_interface"
    ADDRESS_NOT_AVAILABLE = "address_not_available"
    ADDRESS_IN_USE = "address_in_use"
    MESSAGE_TOO_LONG = "message_too_long"
    # The far side answered with a refusal, or not at all.
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    TIMED_OUT = "timed_out"
    # Names.
    NAME_SYNTAX = "name_syntax"
    NXDOMAIN = "nxdomain"
    NO_DATA = "no_data"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    RCODE_OTHER = "rcode_other"
    NO_RESOLVER = "no_resolver"
    # A proxy or an application answered, and not with what was asked for.
    UNEXPECTED_STATUS = "unexpected_status"
    TLS_FAILED = "tls_failed"
    CERTIFICATE_INVALID = "certificate_invalid"
    # The other side speaks, but not what the URL's scheme says.
    PLAIN_HTTP = "plain_http"
    TLS_EXPECTED = "tls_expected"
    # A setting that cannot be used, such as a malformed proxy variable; one that nobody here can speak, such as SOCKS.
    INVALID_SETTING = "invalid_setting"
    UNSUPPORTED = "unsupported"
    # A script that breaks the rules of its language, or says nothing of use.
    SCRIPT_FAILED = "script_failed"
    # A file or a stream of the operator's that cannot be read, or not all of it.
    UNREADABLE_INPUT = "unreadable_input"
    # What came back could not be understood.
    MALFORMED_REPLY = "malformed_reply"
    # What came back is older than it may be.
    EXPIRED = "expired"
    # The agent itself.
    ABORTED = "aborted"
    DEADLINE_OVERRUN = "deadline_overrun"
    INTERNAL_ERROR = "internal_error"
    OTHER = "other"


class Operation(Word):
    """What was being done; the same errno means different things to different calls."""

    OPEN = "open"
    BIND = "bind"
    SEND = "send"
    CONNECT = "connect"
    RECEIVE = "receive"


_ANYWHERE: Final[dict[int, Failure]] = {
    errno.ENETUNREACH: Failure.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: Failure.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Failure.HOST_UNREACHABLE,
    errno.ENETDOWN: Failure.NETWORK_DOWN,
    errno.ENODEV: Failure.NO_SUCH_INTERFACE,
    errno.ENXIO: Failure.NO_SUCH_INTERFACE,
    errno.EADDRNOTAVAIL: Failure.ADDRESS_NOT_AVAILABLE,
    errno.EADDRINUSE: Failure.ADDRESS_IN_USE,
    errno.EMSGSIZE: Failure.MESSAGE_TOO_LONG,
    errno.ECONNREFUSED: Failure.CONNECTION_REFUSED,
    errno.ECONNRESET: Failure.CONNECTION_RESET,
    errno.EPIPE: Failure.CONNECTION_RESET,
    errno.ETIMEDOUT: Failure.TIMED_OUT,
    errno.EMFILE: Failure.TOO_MANY_FILES,
    errno.ENFILE: Failure.TOO_MANY_FILES,
    errno.ENOBUFS: Failure.OUT_OF_MEMORY,
    errno.ENOMEM: Failure.OUT_OF_MEMORY,
    errno.EAFNOSUPPORT: Failure.FAMILY_UNSUPPORTED,
    errno.EPROTONOSUPPORT: Failure.FAMILY_UNSUPPORTED,
}

# A route of type `prohibit` gives EACCES and `blackhole` gives EINVAL, at once; a local firewall that drops or
# rejects in `output` gives EPERM on sendto (measured, Linux 6.18). The same errnos on socket() are missing rights.
_BY_OPERATION: Final[dict[tuple[Operation, int], Failure]] = {
    (Operation.OPEN, errno.EPERM): Failure.NOT_PERMITTED,
    (Operation.OPEN, errno.EACCES): Failure.NOT_PERMITTED,
    (Operation.BIND, errno.EPERM): Failure.NOT_PERMITTED,
    (Operation.BIND, errno.EACCES): Failure.NOT_PERMITTED,
    (Operation.SEND, errno.EPERM): Failure.BLOCKED_LOCALLY,
    (Operation.SEND, errno.EACCES): Failure.ROUTE_PROHIBITED,
    (Operation.SEND, errno.EINVAL): Failure.ROUTE_BLACKHOLE,
    (Operation.CONNECT, errno.EPERM): Failure.BLOCKED_LOCALLY,
    (Operation.CONNECT, errno.EACCES): Failure.ROUTE_PROHIBITED,
    (Operation.CONNECT, errno.EINVAL): Failure.ROUTE_BLACKHOLE,
    # ICMPv6 1/1, 1/5 and 1/6 (RFC 4443 section 3.1) of somebody on the way, as EHOSTUNREACH is ICMP 3/13 [lab].
    (Operation.RECEIVE, errno.EACCES): Failure.HOST_UNREACHABLE,
}


def failure_of(error: OSError, operation: Operation) -> Failure:
    """Return the name of an OSError raised by `operation`; OTHER where the list has none."""
    code = error.errno
    if code is None:
        return Failure.TIMED_OUT if isinstance(error, TimeoutError) else Failure.OTHER
    return _BY_OPERATION.get((operation, code)) or _ANYWHERE.get(code, Failure.OTHER)
