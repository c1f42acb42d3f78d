"""What targets behind the same stock Linux routers lose, each traced on its own and with their near hops shared.

python -m bench shared
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

_COUNTS: Final = (1, 2, 4, 10, 20)
_ROUNDS: Final = 3
_EVERY_S: Final = 10


def main(arguments: Sequence[str]) -> int:
    """Print the table as Markdown, and return the exit code."""
    if arguments:
        sys.stderr.write("usage: python -m bench shared\n")
        return 2
    rows = [_row(count, apart=apart) for count in _COUNTS for apart in (True, False)]
    sys.stdout.write(_markdown(rows))
    return 0


def _row(count: int, *, apart: bool) -> tuple[str, ...]:
    from probes.facts import Family  # noqa: PLC0415 - the lab is for root
    from tests.lab.builder import Lab  # noqa: PLC0415 - likewise
    from tests.lab.network_map import read_map  # noqa: PLC0415 - likewise

    with Lab(read_map("shared")) as lab:
        addresses = [lab.address(f"t{number:02}", Family.IPV4) for number in range(1, count + 1)]
        how = ["--apart"] if apart else []
        command = (sys.executable, "-m", "tests.lab.shared_run", *how, "--rounds", str(_ROUNDS))
        done = lab.run("client", (*command, "--interval", str(_EVERY_S), *addresses))
        if done.returncode:
            sys.exit(done.stderr)
        legs = [json.loads(line)["record"]["legs"][0] for line in done.stdout.splitlines()]
    return (str(count), "each on its own" if apart else "shared", *_figures(legs))


def _figures(legs: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    hops = [hop for leg in legs for hop in leg["hops"]]
    own = [hop for hop in hops if hop["shared_with"] is None]
    sent, received = (sum(hop[key] for hop in own) for key in ("sent", "received"))
    lossy = sum(hop["received"] < hop["sent"] for hop in hops)
    complete = sum(bool(leg["reached"]) and all(hop["responders"] for hop in leg["hops"]) for leg in legs)
    checks = sum(leg["shared_check"] == "confirmed" for leg in legs)
    missing = f"{100 * (sent - received) / sent:.0f} %"
    return f"{sent:,}", missing, f"{lossy} of {len(hops)}", f"{complete} of {len(legs)}", str(checks)


def _markdown(rows: Sequence[tuple[str, ...]]) -> str:
    head = ("targets", "near hops", "hop probes", "unanswered", "hops with missing answers", "complete paths", "checks")
    lines = [head, ("--:", "---", "--:", "--:", "--:", "--:", "--:"), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
