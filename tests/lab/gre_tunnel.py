"""The lab's GRE tunnel, a program of its own: these kernels have none.

`gre_tunnel.py READY_PORT JSON` makes a TUN device and carries what the kernel routes into it to the other end, in real
GRE over raw IP sockets (RFC 2784: four bytes of header, no checksum; IPv4 inside and outside).
"""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from selectors import EVENT_READ, DefaultSelector

# linux/if_tun.h
TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
# RFC 2784 section 2: no flags, version 0, then the EtherType of what is carried.
GRE_OF_IPV4 = struct.pack("!HH", 0, 0x0800)
# An Ethernet's 1500, less the outer IPv4 header and GRE's own.
MTU = 1476
LARGEST = 65_535


def opened_device(name: str) -> int:
    """Return the file descriptor of a new TUN device."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def set_up(name: str, address: str | None, lines: list[str]) -> None:
    """Bring the device up, and run the lines that send traffic into it."""
    first = [f"ip link set dev {name} mtu {MTU} up"]
    if address is not None:
        first.append(f"ip addr add {address} dev {name}")
    subprocess.run(("sh", "-ec", "\n".join((*first, *lines))), check=True)


def carried(packet: bytes) -> bytes | None:
    """Return what a GRE packet carries, None where it is another kind; the socket gives the outer header too."""
    header_length = (packet[0] & 0x0F) * 4
    body = packet[header_length:]
    return body[len(GRE_OF_IPV4) :] if body.startswith(GRE_OF_IPV4) else None


def carry(device: int, wire: socket.socket, remote: str) -> None:
    """Move packets both ways, for ever."""
    selector = DefaultSelector()
    selector.register(device, EVENT_READ)
    selector.register(wire, EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is wire:
                packet, (sender, _) = wire.recvfrom(LARGEST)
                inner = carried(packet) if sender == remote else None
                if inner:
                    os.write(device, inner)
            else:
                inner = os.read(device, LARGEST)
                if inner[0] >> 4 == 4:
                    wire.sendto(GRE_OF_IPV4 + inner, (remote, 0))


def main() -> None:
    """Start, say so, and carry."""
    port, wanted = int(sys.argv[1]), json.loads(sys.argv[2])
    wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE)
    wire.bind((wanted["local"], 0))
    device = opened_device(wanted["name"])
    set_up(wanted["name"], wanted.get("address"), wanted.get("lines", []))
    ready = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ready.bind(("127.0.0.1", port))
    carry(device, wire, wanted["remote"])


if __name__ == "__main__":
    main()
