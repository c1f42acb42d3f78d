"""Samples for the tests of the bench: one contestant's runs, with only what a test is about said."""

from typing import Any, Final

from bench.figures import Sample, Situation
from probes.facts import Family, Protocol
from tests.lab.builder import User

ICMP: Final = Situation(protocol=Protocol.ICMP, family=Family.IPV4, user=User.ROOT)
UDP: Final = Situation(protocol=Protocol.UDP, family=Family.IPV4, user=User.ROOT)
TCP_NOBODY: Final = Situation(protocol=Protocol.TCP, family=Family.IPV4, user=User.NOBODY)


def sample(contestant: str, wall_ms: float, **known: Any) -> Sample:
    """Return one run on `ten` by ICMP that told the right path, unless something else is said."""
    values: dict[str, Any] = {
        "network": "ten",
        "situation": ICMP,
        "round": 0,
        "source": "10.99.0.10",
        "cpu_ms": 10.0,
        "peak_mb": 8.0,
        "in_process_ms": None,
        "target_rtt_ms": None,
        "hops_found": 10,
        "hops_there": 10,
        "right": True,
        "complaint": "",
        "sent": 30.0,
    }
    return Sample(contestant=contestant, wall_ms=wall_ms, **{**values, **known})
