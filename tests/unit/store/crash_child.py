"""A process that appends and delivers as fast as it can, and says so, until it is killed: `crash_child.py DIRECTORY`.

Standard output gets a line for each entry once it is appended, and for each entry of a batch before it counts as
delivered: `appended SEQ ID`, `sent BATCH SEQ ID`.
"""

import os
import sys
import threading
from pathlib import Path

from agent.store.database import SqliteStore
from probes.clock import SystemClock
from tests.unit.store.stores import next_of, opened, sample


def say(lines: list[str]) -> None:
    """Write whole lines at once (less than PIPE_BUF is atomic, pipe(7))."""
    for line in lines:
        os.write(1, f"{line}\n".encode())


def main() -> None:
    """Go on until killed."""
    store = opened(Path(sys.argv[1]), SystemClock())
    store.register(("s",))
    threading.Thread(target=deliver, args=(store,), daemon=True).start()
    while True:
        entry = store.append(sample(size=600))
        say([f"appended {entry.seq} {entry.id}"])


def deliver(store: SqliteStore) -> None:
    """Take batch after batch."""
    while True:
        batch = next_of(store, most=7)
        if batch is not None:
            say([f"sent {batch.id} {entry.seq} {entry.id}" for entry in batch.entries])
            store.delivered(batch)


if __name__ == "__main__":
    main()
