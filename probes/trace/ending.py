"""Which answers end a path, and which of them prove that its target was reached."""

from __future__ import annotations

from probes.answer_facts import Answer
from probes.trace.attempt import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.answer_facts import Icmp


# Only the target itself sends these.
_DIRECT: Final = frozenset({Answer.ECHO_REPLY, Answer.SYN_ACK, Answer.RST, Answer.UDP_REPLY})

# What a host says of itself, as (type, code): protocol and port unreachable (RFC 1122 section 3.2.2.1; RFC 4443
# section 3.1 and, for the protocol, section 3.4), and prohibited, which is how host firewalls reject (RFC 1812 section
# 5.2.7.1; RFC 4443 code 1). From anyone but the target they are evidence of a block. "Net" and "host unreachable" are a
# router's words: under the target's own address they come from a translator in front of it.
_SAID_BY_HOSTS: Final = frozenset({(3, 2), (3, 3), (3, 9), (3, 10), (3, 13), (1, 1), (1, 4), (4, 1)})

# "Fragmentation needed" is about one packet's size, not about the path.
_FRAGMENTATION_NEEDED: Final = (3, 4)

_STOPS: Final = frozenset({Answer.DESTINATION_UNREACHABLE, Answer.PARAMETER_PROBLEM})


def ending_of(answer: Answer, icmp: Icmp | None, *, from_target: bool) -> Ending:
    """Return what an answer says of the path, by its type first.

    Time exceeded from the target's own address passes: a translator that hides its inside answers so for hops
    before the target.
    """
    if answer in _DIRECT:
        return Ending.REACHED
    if answer not in _STOPS:
        return Ending.PASSED
    kind = None if icmp is None else (icmp.type, icmp.code)
    if kind == _FRAGMENTATION_NEEDED:
        return Ending.PASSED
    return Ending.REACHED if from_target and kind in _SAID_BY_HOSTS else Ending.BLOCKED
