"""Runs a command that cannot open sockets of a family: `no_family.py inet6 COMMAND ...`, or `inet:ENOBUFS`.

A seccomp filter on `socket` has the kernel say EAFNOSUPPORT, as `RestrictAddressFamilies=` of a hardened unit does
(systemd.exec(5)), or the errno that is named.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6, "netlink": socket.AF_NETLINK, "unix": socket.AF_UNIX}
# asm/unistd_64.h, asm-generic/unistd.h
SOCKET = {"x86_64": 41, "aarch64": 198}
# linux/audit.h
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# linux/prctl.h, linux/seccomp.h
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
# linux/bpf_common.h: load a word; jump if equal; return
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
# struct seccomp_data: the call's number, the architecture, and the low half of the first argument.
NUMBER_AT, ARCHITECTURE_AT, FAMILY_AT = 0, 4, 16


def instruction(code: int, value: int, if_equal: int = 0, otherwise: int = 0) -> bytes:
    """Return one struct sock_filter."""
    return struct.pack("HBBI", code, if_equal, otherwise, value)


def program(family: int, refusal: int, machine: str) -> bytes:
    """Return the filter: `socket` of this family is refused with an errno, everything else passes."""
    return b"".join(
        (
            instruction(LOAD, ARCHITECTURE_AT),
            instruction(EQUAL, ARCHITECTURE[machine], 0, 4),
            instruction(LOAD, NUMBER_AT),
            instruction(EQUAL, SOCKET[machine], 0, 2),
            instruction(LOAD, FAMILY_AT),
            instruction(EQUAL, family, 1, 0),
            instruction(RETURN, ALLOW),
            instruction(RETURN, REFUSE | refusal),
        )
    )


def install(code: bytes) -> None:
    """Put the filter in force for this process and all it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    length = len(code) // struct.calcsize("HBBI")
    whole = ctypes.create_string_buffer(struct.pack("HP", length, ctypes.addressof(buffer)))
    for request in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, whole, 0, 0)):
        if libc.prctl(*request):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main() -> None:
    """Install the filter, and become the command."""
    family, _, refusal = sys.argv[1].partition(":")
    install(program(FAMILIES[family], getattr(errno, refusal or "EAFNOSUPPORT"), platform.machine()))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the command itself, in this very process


if __name__ == "__main__":
    main()
