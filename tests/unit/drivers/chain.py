"""A path of real kernels: client - r1 - r2 - server, entered by the test itself.

client 10.9.1.1 ── r1 .2 | 10.9.2.1 ── r2 .2 | 10.9.3.1 ── server .2        (and fd09:1::1 … fd09:3::2)
"""

import ctypes
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

from probes.facts import Family

NODES: Final = ("client", "r1", "r2", "server")
SERVER: Final = {Family.IPV4: "10.9.3.2", Family.IPV6: "fd09:3::2"}
CLIENT: Final = {Family.IPV4: "10.9.1.1", Family.IPV6: "fd09:1::1"}
HOPS: Final = {
    Family.IPV4: ("10.9.1.2", "10.9.2.2", "10.9.3.2"),
    Family.IPV6: ("fd09:1::2", "fd09:2::2", "fd09:3::2"),
}
NOBODY: Final = 65534
_NEW_NETWORK: Final = 0x40000000
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_SETTINGS: Final = """
net.ipv4.ip_forward=1
net.ipv6.conf.all.forwarding=1
net.ipv6.conf.all.accept_dad=0
net.ipv6.conf.default.accept_dad=0
"""


class Chain:
    """Four namespaces in a row, with a name of their own so that tests beside each other do not meet."""

    def __init__(self) -> None:
        self._prefix = f"cpdrv{secrets.token_hex(3)}"

    def build(self) -> None:
        """Make the namespaces and lay the links; routers keep the kernel's own ICMP limits."""
        for node in NODES:
            _run("ip", "netns", "add", self.name(node))
            _run("ip", "netns", "exec", self.name(node), "sysctl", "-qw", *_SETTINGS.split())
            self.ip(node, "link set lo up")
        for number, (left, right) in enumerate(pairwise(NODES), 1):
            self._link(number, left, right)
        for node, gateway, targets in (
            ("client", "{}1{}2", ("default",)),
            ("r1", "{}2{}2", ("{}3{}0/{}",)),
            ("r2", "{}2{}1", ("{}1{}0/{}",)),
            ("server", "{}3{}1", ("default",)),
        ):
            for head, middle, length in (("10.9.", ".", 24), ("fd09:", "::", 64)):
                for target in targets:
                    self.ip(node, f"route add {target.format(head, middle, length)} via {gateway.format(head, middle)}")
        # Links take up to a second until their neighbours hear each other; echoes cost no ICMP error of the routers.
        for target in SERVER.values():
            _run(*("ip", "netns", "exec", self.name("client"), "ping", "-q", "-c1", "-i0.1", "-w5", target))
        group = f"net.ipv4.ping_group_range={NOBODY} {NOBODY}"
        _run("ip", "netns", "exec", self.name("client"), "sysctl", "-qw", group)

    def close(self) -> None:
        """Delete every namespace that was made; links and routes go with them."""
        for node in NODES:
            if Path("/run/netns", self.name(node)).exists():
                _run("ip", "netns", "del", self.name(node))

    def name(self, node: str) -> str:
        """Return what the kernel calls a node's namespace."""
        return f"{self._prefix}-{node}"

    def ip(self, node: str, command: str) -> str:
        """Run one `ip` command in a node."""
        return _run("ip", "-n", self.name(node), *command.split())

    def nft(self, node: str, rules: str) -> None:
        """Load nftables rules in a node."""
        _run("ip", "netns", "exec", self.name(node), "nft", "-f", "-", text=rules)

    def nft_counted(self, node: str) -> int:
        """Return what the first counter of a node's rules has counted."""
        listed = _run("ip", "netns", "exec", self.name(node), "nft", "list", "ruleset").split()
        return int(listed[listed.index("packets") + 1])

    @contextmanager
    def inside(self, node: str) -> Iterator[None]:
        """Be in a node's network: sockets opened here stay there for ever."""
        with Path("/proc/thread-self/ns/net").open() as home, Path("/run/netns", self.name(node)).open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def _link(self, number: int, left: str, right: str) -> None:
        """Lay a veth pair between two neighbours.

        Its ends have numbers of their own: where they are equal, the kernel takes a second to see the carrier
        (net/core/link_watch.c) [measured].
        """
        _run(
            *("ip", "link", "add", f"right{number}", "netns", self.name(left), "index", str(100 + number)),
            *("type", "veth", "peer", "name", f"left{number}", "netns", self.name(right), "index", str(200 + number)),
        )
        for node, device, host in ((left, f"right{number}", 1), (right, f"left{number}", 2)):
            self.ip(node, f"addr add 10.9.{number}.{host}/24 dev {device}")
            self.ip(node, f"addr add fd09:{number}::{host}/64 dev {device} nodad")
            self.ip(node, f"link set {device} up")


@contextmanager
def without_rights() -> Iterator[None]:
    """Be nobody, with no capability in effect."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def _enter(descriptor: int) -> None:
    """Move this thread into a network namespace."""
    if _LIBC.setns(descriptor, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "setns")


def _run(*command: str, text: str | None = None) -> str:
    """Run a program; what it says on stderr is what the test fails with."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=20)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
