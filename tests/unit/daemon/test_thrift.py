"""Threads share the arena of the C library: a process of their own each, for what is set stays set."""

import subprocess
import sys

# The threads hold what they allocated until all have: glibc gives two that meet an arena each.
_ARENAS = """
import ctypes, sys, threading
from agent.daemon.thrift import keep_memory_small

if sys.argv[1] == "kept":
    assert keep_memory_small()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
met = threading.Barrier(6)

def work():
    met.wait()
    libc.malloc(1000)
    met.wait()

threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_stats()
"""


def arenas(how: str) -> int:
    done = subprocess.run((sys.executable, "-c", _ARENAS, how), capture_output=True, text=True, check=True)
    return done.stderr.count("Arena ")


def test_threads_share_one_arena() -> None:
    assert arenas("left alone") > 1
    assert arenas("kept") == 1
