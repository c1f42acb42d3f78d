"""Reads what this process takes of the host, for the metrics."""

from __future__ import annotations

import platform
import resource
from functools import cache

import psutil

from agent.daemon.metrics import ProcessFacts


@cache
def _this_process() -> psutil.Process:
    return psutil.Process()


def read_process_facts() -> ProcessFacts:
    """Return what this process takes now."""
    process = _this_process()
    with process.oneshot():
        times, memory = process.cpu_times(), process.memory_info()
        threads, started_at_s = process.num_threads(), process.create_time()
    soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ProcessFacts(
        cpu_s=times.user + times.system,
        resident_bytes=memory.rss,
        virtual_bytes=memory.vms,
        threads=threads,
        descriptors=process.num_fds(),
        most_descriptors=None if soft_limit == resource.RLIM_INFINITY else soft_limit,
        started_at_s=started_at_s,
        python=platform.python_version(),
    )
