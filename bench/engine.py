"""The trace engine as a process of its own: a thin entry, so that engines are compared and not start-ups.

    python -I -S bench/engine.py [-4|-6] [-p icmp|udp|tcp] [-q N] [--source ADDRESS] [--fast] ADDRESS

It prints one JSON object: the hop list (null for a silent hop), whether the target was reached, the probes sent, and
how long the trace took inside the process.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main(arguments: list[str]) -> int:
    """Trace once and print what was found."""
    from probes.clock import SystemClock
    from probes.drivers.ladder import open_driver
    from probes.drivers.waiter import PollWaiter
    from probes.facts import Family, Node, Protocol, ProtocolChoice, Role
    from probes.trace.adaptive import Naming
    from probes.trace.run import trace
    from probes.trace.settings import TraceSettings

    options = {"-p": "icmp", "-q": "3", "--source": ""}
    address = ""
    rest = iter(arguments)
    for word in rest:
        if word in options:
            options[word] = next(rest)
        elif word not in {"-4", "-6", "--fast"}:
            address = word
    clock = SystemClock()
    family = Family.IPV6 if ":" in address else Family.IPV4
    only = Protocol(options["-p"])

    def opened(protocol: Protocol):
        if protocol is not only:
            return None, ()
        return open_driver(
            protocol, family, address, None, clock=clock, random_bytes=os.urandom, source=options["--source"] or None
        )

    leg = trace(
        choice=ProtocolChoice(options["-p"]),
        settings=TraceSettings(queries=int(options["-q"])),
        role=Role.DESTINATION,
        from_=Node.CLIENT,
        to=Node.DESTINATION,
        family=family,
        address=address,
        port=None,
        naming=Naming.HOST,
        open_driver=opened,
        waiter=PollWaiter(),
        clock=clock,
        random_bytes=os.urandom,
    ).leg
    import json

    hops = [hop.responders[0].address if hop.responders else None for hop in leg.hops]
    sent = sum(hop.sent for hop in leg.hops)
    print(json.dumps({"hops": hops, "reached": leg.reached, "sent": sent, "duration_us": leg.duration_us}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
