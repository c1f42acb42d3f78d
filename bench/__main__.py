"""`python -m bench [race|many|rtt|edge|daemon|shared|clickhouse] ...`: which measurement; the race unless named."""

import importlib
import sys
from typing import Final

MEASUREMENTS: Final = {
    "race": "bench.race",
    "many": "bench.many",
    "rtt": "bench.rtt",
    "edge": "bench.edge",
    "daemon": "bench.daemon",
    "shared": "bench.shared",
    "clickhouse": "bench.clickhouse",
}


def main(argv: list[str]) -> int:
    """Hand over to the measurement that is named, and return its exit code."""
    name, rest = (argv[0], argv[1:]) if argv and argv[0] in MEASUREMENTS else ("race", argv)
    result: int = importlib.import_module(MEASUREMENTS[name]).main(rest)
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
