"""What a Proxy-Status header says: which intermediary answered, and what went wrong behind it (RFC 9209)."""

from __future__ import annotations

from probes.web_facts import ProxyStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Final

# A chain of intermediaries is short, and so is what each one says; more is somebody's joke.
_MOST_MEMBERS: Final = 16
_LONGEST_TEXT: Final = 200


def parse_proxy_status(values: Sequence[str]) -> tuple[ProxyStatus, ...]:
    """Return what each intermediary says, the one nearest to the origin first; nothing where the header is malformed.

    A malformed field is ignored as a whole (RFC 9651 section 4.2). A parameter of another type than the standard's is
    taken for absent; parameters that it does not name are left out.

    Args:
        values: The values of all header fields of this name, in order: they are one list (RFC 9110 section 5.3).

    Source: RFC 9209 section 2.
    """
    if not values:
        return ()
    from http_sf import parse  # noqa: PLC0415 - 26 ms, and few responses have the header

    try:
        # The parser takes octets; what is not ASCII is no structured field (RFC 9651 section 4.2, step 1).
        members: Any = parse(", ".join(values).encode("ascii"), tltype="list")
    except ValueError:
        return ()
    found = (_status(value, parameters) for value, parameters in members[:_MOST_MEMBERS])
    return tuple(status for status in found if status is not None)


def _status(value: object, parameters: Mapping[str, object]) -> ProxyStatus | None:
    """Return one member; None where it is no name (RFC 9209 section 2: a String or a Token)."""
    proxy = _text(value)
    if proxy is None:
        return None
    received = parameters.get("received-status")
    return ProxyStatus(
        proxy=proxy,
        error=_text(parameters.get("error")),
        rcode=_text(parameters.get("rcode")),
        next_hop=_text(parameters.get("next-hop")),
        received_status=received if isinstance(received, int) and not isinstance(received, bool) else None,
        details=_text(parameters.get("details")),
    )


def _text(value: object) -> str | None:
    """Return a String or Token as text, cut where it is endless; None for every other type."""
    kind = type(value).__name__
    if not isinstance(value, str) and kind != "Token":
        return None
    return str(value)[:_LONGEST_TEXT]
