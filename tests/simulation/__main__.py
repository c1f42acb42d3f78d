"""Print how long each simulated trace takes, in virtual milliseconds: `python -m tests.simulation [NAME ...]`."""

import sys

from tests.simulation.maps import every_map
from tests.simulation.test_maps import traced


def main(names: list[str]) -> None:
    print(f"{'map':<32} {'asked for':<10} {'ms':>8}  end")
    for one in every_map():
        for run in one.runs if not names or one.name in names else ():
            leg = traced(one, run)[0].leg
            print(f"{one.name:<32} {run.choice:<10} {(leg.duration_us or 0) / 1000:>8.1f}  {leg.end_reason}")


main(sys.argv[1:])
