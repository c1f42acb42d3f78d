"""icmplib's traceroute as a process: `icmplib_trace.py --count=N icmp SOURCE DESTINATION` prints its hops as JSON."""

import json
import sys

from icmplib import traceroute


def main() -> None:
    """Trace and print."""
    count, _protocol, source, destination = sys.argv[1:]
    hops = traceroute(destination, source=source, count=int(count.removeprefix("--count=")))
    found = {hop.distance: hop.address for hop in hops}
    rtt_ms = hops[-1].avg_rtt if hops and hops[-1].address == destination else None
    told = [found.get(distance) for distance in range(1, max(found, default=0) + 1)]
    print(json.dumps({"hops": told, "target_rtt_ms": rtt_ms}))


if __name__ == "__main__":
    main()
