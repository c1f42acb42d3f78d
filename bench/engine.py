"""The trace engine as a process of its own: a thin entry, so that engines are compared and not start-ups.

    python -I -S bench/engine.py [-4|-6] [-p icmp|udp|tcp] [-q N] [--source ADDRESS] [--fast] ADDRESS

It prints one JSON object: the hop list (null for a silent hop), whether the target was reached, the probes sent to find
the path, and how long the trace took inside the process. Python compiles this file anew each time, as it does with any
script: so it holds next to nothing, as the command that an installation makes.
"""

import gc
import sys

gc.disable()  # as the command does: a process that lives for a moment has nothing to collect

sys.path.insert(0, __file__.rpartition("/bench/")[0])

from bench.engine_trace import main

main(sys.argv[1:])
