"""The numbers by which an IP header names what it carries."""

from __future__ import annotations

from probes.flow_facts import Family, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


# RFC 792, RFC 4443.
ICMP: Final = {Family.IPV4: 1, Family.IPV6: 58}
# RFC 768, RFC 9293: the same in both families.
UDP: Final = 17
TCP: Final = 6


def protocol_number(family: Family, protocol: Protocol) -> int:
    """Return the number that an IP header carries for a probe's protocol."""
    if protocol is Protocol.ICMP:
        return ICMP[family]
    return UDP if protocol is Protocol.UDP else TCP
