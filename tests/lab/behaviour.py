"""What each behaviour of a node tells its kernel: sysctls and nftables rules, nothing simulated."""

from dataclasses import dataclass, field
from typing import Final

from tests.lab.network_map import Behaviour

# A minute for each answer. The kernel gives a prober that it has not seen yet one minute of credit: it gets one answer,
# then none for a minute (inet_peer_xrlim_allow). Older kernels shorten the time for IPv6 where the route back is wide;
# a /112 keeps it whole, so maps with a stingy node have such a prefix at the prober.
_ONE_ANSWER_A_MINUTE: Final = {"net.ipv4.icmp_ratelimit": "60000", "net.ipv6.icmp.ratelimit": "60000"}

_NO_ICMP_ERRORS: Final = """
table inet lab_behaviour {
    chain output {
        type filter hook output priority 0;
        icmp type { destination-unreachable, time-exceeded, parameter-problem } drop
        icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } drop
    }
}
"""

_NO_WORD_OF_SIZES: Final = """
table inet lab_behaviour {
    chain output {
        type filter hook output priority 0;
        icmp type destination-unreachable icmp code frag-needed drop
        icmpv6 type packet-too-big drop
    }
}
"""

_FORWARD_NOTHING: Final = """
table inet lab_behaviour {
    chain forward {
        type filter hook forward priority 0; policy drop;
    }
}
"""

_REJECT_FORWARDED: Final = """
table inet lab_behaviour {
    chain forward {
        type filter hook forward priority 0;
        meta l4proto { icmp, udp, tcp } reject with icmp type admin-prohibited
        meta l4proto { ipv6-icmp, udp, tcp } reject with icmpv6 type admin-prohibited
    }
}
"""

# Neighbour discovery stays: the machine is there, it just never answers.
_ANSWER_NOTHING: Final = """
table inet lab_behaviour {
    chain input {
        type filter hook input priority 0; policy drop;
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    }
}
"""

_NO_NEIGHBOUR_DISCOVERY: Final = """
table arp lab_behaviour {
    chain input {
        type filter hook input priority 0; policy drop;
    }
}
table inet lab_behaviour {
    chain input {
        type filter hook input priority 0;
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } drop
    }
}
"""


# What expires here never gets as far as the kernel's own answer; `extender.py` hears it before that.
_LET_ANOTHER_ANSWER: Final = """
table inet lab_behaviour {
    chain prerouting {
        type filter hook prerouting priority 0;
        ip ttl 1 fib daddr type != { local, multicast } drop
        ip6 hoplimit 1 fib daddr type != { local, multicast } drop
    }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSettings:
    """Sysctls and an nftables ruleset."""

    sysctls: dict[str, str] = field(default_factory=dict)
    nftables: str = ""


KERNEL_SETTINGS: Final[dict[Behaviour, KernelSettings]] = {
    Behaviour.SILENT: KernelSettings(nftables=_NO_ICMP_ERRORS),
    Behaviour.STINGY: KernelSettings(sysctls=_ONE_ANSWER_A_MINUTE),
    Behaviour.HOLE: KernelSettings(nftables=_NO_WORD_OF_SIZES),
    Behaviour.SWALLOWS: KernelSettings(nftables=_FORWARD_NOTHING),
    Behaviour.REJECTS: KernelSettings(nftables=_REJECT_FORWARDED),
    Behaviour.MUTE: KernelSettings(nftables=_ANSWER_NOTHING),
    Behaviour.DEAF: KernelSettings(nftables=_NO_NEIGHBOUR_DISCOVERY),
    Behaviour.EXTENDED: KernelSettings(nftables=_LET_ANOTHER_ANSWER),
}
