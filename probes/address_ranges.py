"""Ranges of addresses that mean something else in each network: an organisation's own, a link's, this host's.

They are text: what reads them costs 10 ms at the start of a program, and most traces never ask.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

RFC1918: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
# What an organisation's own network uses: RFC 1918, RFC 6598 (carrier NAT), RFC 3927, RFC 4193, RFC 4291 section 2.5.6.
# Documentation prefixes (RFC 5737, RFC 3849) count as public, which `is_private` of ipaddress denies them.
INSIDE: Final = (*RFC1918, "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10")
# RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3.
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
