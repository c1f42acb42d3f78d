"""Traces several addresses at once on a node, and prints each leg's path: what the tests of the wide engine run.

python -m tests.lab.many_run SOURCE ADDRESS...
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from probes.clock import SystemClock
from probes.drivers.many_ladder import open_carrier
from probes.drivers.waiter import PollWaiter
from probes.facts import Family, Node, Role
from probes.trace.line import Stretch
from probes.trace.many.facts import many_leg
from probes.trace.many.sweep import UNHURRIED, Sweep, run

if TYPE_CHECKING:
    from probes.trace.many.state import ManyTrace


def main(source: str, addresses: list[str]) -> None:
    """Print one JSON object: the method, and for each address its leg."""
    family = Family.IPV6 if ":" in source else Family.IPV4
    clock = SystemClock()
    carrier, refused = open_carrier(family, clock, os.urandom, source=source)
    if carrier is None:
        sys.exit("; ".join(refusal.detail for refusal in refused))
    sweep = Sweep(carrier, settings=UNHURRIED, random_bytes=os.urandom)
    for address in addresses:
        sweep.add(address, address)
    finished: list[ManyTrace] = []
    run(sweep, clock=clock, waiter=PollWaiter(clock=clock), done=finished.append)
    carrier.close()
    legs: dict[str, Any] = {}
    for trace in finished:
        address = str(trace.key)
        stretch = Stretch(
            role=Role.DESTINATION, from_=Node.CLIENT, to=Node.DESTINATION, family=family, address=address, port=None
        )
        legs[address] = asdict(many_leg(trace, carrier, stretch, protocol_reason="icmp was asked for"))
    json.dump({"method": carrier.method, "legs": legs}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
