"""Samples many addresses round after round as the service does, in 16 threads, and prints what became of their hops.

python -m tests.lab.shared_run [--apart] [--rounds N] [--interval S] ADDRESS...
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from agent.composition import diagnosis_of
from agent.cycle import collect
from agent.live_world import LiveWorld
from agent.record import RecordHeader, document
from agent.request import SampleRequest
from agent.shared_paths import SharedPaths
from probes.clock import SystemClock
from probes.sample import Target
from rules.shipped import shipped_rules

if TYPE_CHECKING:
    from rules.ruleset import RuleSet

THREADS = 16
# No sample is held back longer than this, or half of the interval.
LONGEST_HELD_S = 20.0


def main(options: argparse.Namespace) -> None:
    """Print one JSON line for each sample: the round, the target, its status, its first leg."""
    shared = None if options.apart else SharedPaths(SystemClock())
    rules = shipped_rules()
    telling = threading.Lock()

    def sample(number: int, address: str) -> None:
        record = _record(address, shared, rules)
        with telling:
            sys.stdout.write(json.dumps({"round": number, "target": address, "record": record}) + "\n")

    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        for number in range(options.rounds):
            time.sleep(max(0.0, began + number * options.interval - time.monotonic()))
            due = time.monotonic()
            waiting = list(options.addresses)
            running = []
            while waiting:
                now = time.monotonic()
                free = options.unheld or now - due >= min(options.interval / 2, LONGEST_HELD_S)
                ready = [a for a in waiting if shared is None or free or shared.ready_at(a, now) <= now]
                waiting = [address for address in waiting if address not in ready]
                running += [pool.submit(sample, number, address) for address in ready]
                if waiting:
                    time.sleep(0.05)
            for one in running:
                one.result()


def _record(address: str, shared: SharedPaths | None, rules: RuleSet) -> dict[str, Any]:
    target = Target(name=address, host=address, literal=True)
    request = SampleRequest(target=target, names=False)
    world = LiveWorld(shared=shared)
    taken = collect(request, world)
    verdict = diagnosis_of(taken, request, rules)
    header = RecordHeader(id="-", seq=1, agent=world.identity())
    record: dict[str, Any] = document(taken, verdict, header)
    return {key: record[key] for key in ("status", "errors", "legs", "started_at", "duration_us")}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--unheld", action="store_true")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--interval", type=float, default=10.0)
    parser.add_argument("addresses", nargs="+")
    main(parser.parse_args())
