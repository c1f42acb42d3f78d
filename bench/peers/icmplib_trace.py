"""icmplib's traceroute as a process: `icmplib_trace.py [--fast] icmp SOURCE DESTINATION` prints its hops as JSON."""

import json
import sys

from icmplib import traceroute


def main() -> None:
    """Trace and print."""
    *options, _protocol, source, destination = sys.argv[1:]
    found = {hop.distance: hop.address for hop in traceroute(destination, source=source, fast="--fast" in options)}
    print(json.dumps([found.get(distance) for distance in range(1, max(found, default=0) + 1)]))


if __name__ == "__main__":
    main()
