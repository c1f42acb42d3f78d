"""Opens the socket of the pages, or says in one line why it cannot be."""

from __future__ import annotations

import ipaddress
import socket
import stat
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

_BACKLOG: Final = 128
_UNIX: Final = "unix:"


class ListenError(Exception):
    """An address cannot be listened on; its text says why."""


def path_of(listen: str) -> Path | None:
    """Return the path that `unix:PATH` names, None for anything else."""
    return Path(listen.removeprefix(_UNIX)) if listen.startswith(_UNIX) else None


def listening_socket(listen: str) -> socket.socket:
    """Return a socket that listens and does not block.

    Args:
        listen: `address:port`, `[address]:port`, or `unix:PATH`; port 0 takes a free one.

    Raises:
        ListenError: The address is none, is taken, or is not ours to listen on.
    """
    path = path_of(listen)
    return _listening_on(listen) if path is None else _listening_at(path)


def is_loopback(listening: socket.socket) -> bool:
    """Return whether only programs of this host reach a socket, over TCP."""
    return listening.family != socket.AF_UNIX and ipaddress.ip_address(listening.getsockname()[0]).is_loopback


def _listening_on(listen: str) -> socket.socket:
    """Return a socket that listens on `address:port`."""
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        family = socket.AF_INET if ipaddress.ip_address(host).version == 4 else socket.AF_INET6  # noqa: PLR2004
        where = (host, int(port))
    except ValueError:
        raise ListenError(f"{listen}: not address:port, [address]:port or unix:PATH") from None
    return _listening(family, where, listen)


def _listening_at(path: Path) -> socket.socket:
    """Return a socket that listens at a path, for its owner and group; what a dead process left there is removed."""
    _remove_stale(path)
    listening = _listening(socket.AF_UNIX, str(path), f"unix:{path}")
    with suppress(OSError):
        path.chmod(0o660)
    return listening


def _listening(family: socket.AddressFamily, where: tuple[str, int] | str, listen: str) -> socket.socket:
    with ExitStack() as undone:
        try:
            # A host without IPv6 has no such socket, and one may be out of descriptors.
            opened = undone.enter_context(socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
            # What is left of connections from before a restart must not keep the port; a path knows nothing of it.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(where)
            opened.listen(_BACKLOG)
        except (OSError, OverflowError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise ListenError(f"{listen}: {why}") from None
        undone.pop_all()
    return opened


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens at any more; anything else stays, and is in the way."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
            tried.connect(str(path))
    except ConnectionRefusedError:
        with suppress(OSError):
            path.unlink()
    except OSError:
        return
