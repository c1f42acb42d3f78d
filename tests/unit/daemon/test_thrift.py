"""Threads share one arena, and what is free goes back: in processes of their own, for what is set stays set."""

import subprocess
import sys

# The threads hold what they allocated until all have: glibc gives two that meet an arena each.
_ARENAS = """
import ctypes, sys, threading, time
from agent.daemon.thrift import Thrift

if sys.argv[1] == "kept":
    Thrift(time.monotonic)
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


# A block in use at the end of the heap keeps all that is free below it from going back by itself.
_FREED = """
import ctypes
from agent.daemon.thrift import Thrift

def resident_kb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

now = 0.0
thrift = Thrift(lambda: now)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
blocks = [libc.malloc(100_000) for _ in range(200)]
for block in blocks:
    ctypes.memset(block, 1, 100_000)
last = libc.malloc(100_000)
for block in blocks:
    libc.free(block)
before = resident_kb()
thrift.turn()
early = resident_kb()
now = 31.0
thrift.turn()
print(before - early, before - resident_kb())
"""


_CYCLE = """
import gc, weakref
from agent.daemon.thrift import Thrift

class Node:
    pass

gc.disable()
now = 0.0
thrift = Thrift(lambda: now)
node = Node()
node.itself = node
seen = weakref.ref(node)
del node
thrift.turn()
early = seen() is None
now = 31.0
thrift.turn()
print(early, seen() is None)
"""


def test_cycles_go_now_and_then_however_few_there_are() -> None:
    done = subprocess.run([sys.executable, "-c", _CYCLE], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"


def arenas(how: str) -> int:
    done = subprocess.run((sys.executable, "-c", _ARENAS, how), capture_output=True, text=True, check=True)
    return done.stderr.count("Arena ")


def test_threads_share_one_arena() -> None:
    assert arenas("left alone") > 1
    assert arenas("kept") == 1


def test_what_is_free_is_given_back_once_in_a_while() -> None:
    done = subprocess.run((sys.executable, "-c", _FREED), capture_output=True, text=True, check=True)
    at_once_kb, later_kb = map(int, done.stdout.split())
    assert at_once_kb < 1_000
    assert later_kb > 15_000
