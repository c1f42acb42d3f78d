"""One trace by the engine alone, from its command line to one line of JSON."""

from __future__ import annotations

import posix

from probes.clock import SystemClock
from probes.drivers.ladder import open_driver
from probes.drivers.waiter import PollWaiter
from probes.flow_facts import Family, Node, Protocol, ProtocolChoice, Role
from probes.trace.adaptive import Naming
from probes.trace.run import trace
from probes.trace.settings import TraceSettings, fast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.facts import Leg
    from probes.flow_facts import Refusal
    from probes.seam import Driver


_VALUED = {"-p": "icmp", "-q": "3", "--source": ""}
# What a process that traces has loaded; the time in process is told without Python's start, of which this is a part.
_DRIVERS = {
    True: {"icmp": "raw_icmp", "udp": "raw_udp", "tcp": "raw_tcp"},
    False: {"icmp": "ping_socket", "udp": "unprivileged_udp", "tcp": "tcp_connect"},
}


def main(arguments: list[str]) -> None:
    """Trace once and print what was found."""
    options = dict(_VALUED)
    words = iter(arguments)
    address = ""
    for word in words:
        if word in options:
            options[word] = next(words)
        elif not word.startswith("-"):
            address = word
    __import__(f"probes.drivers.{_DRIVERS[posix.geteuid() == 0][options['-p']]}")
    settings = TraceSettings(queries=int(options["-q"]))
    settings = fast(settings) if "--fast" in arguments else settings
    leg = traced(address, Protocol(options["-p"]), settings, options["--source"] or None)
    hops = ", ".join(f'"{hop.responders[0].address}"' if hop.responders else "null" for hop in leg.hops)
    sent = sum(hop.sent for hop in leg.hops)
    reached = {True: "true", False: "false", None: "null"}[leg.reached]
    # By hand: `json` takes 8 ms to load, which is start-up and not tracing.
    said = f'{{"hops": [{hops}], "reached": {reached}, "sent": {sent}, "duration_us": {leg.duration_us}}}\n'
    posix.write(1, said.encode())
    posix._exit(0)  # noqa: SLF001 - as `os._exit`


def traced(address: str, protocol: Protocol, settings: TraceSettings, source: str | None) -> Leg:
    """Return the leg to an address, traced with one protocol alone."""
    clock = SystemClock()
    family = Family.IPV6 if ":" in address else Family.IPV4

    def opened(wanted: Protocol) -> tuple[Driver | None, tuple[Refusal, ...]]:
        if wanted is not protocol:
            return None, ()
        return open_driver(wanted, family, address, None, clock=clock, random_bytes=posix.urandom, source=source)

    return trace(
        choice=ProtocolChoice(protocol),
        settings=settings,
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
        random_bytes=posix.urandom,
    ).leg
