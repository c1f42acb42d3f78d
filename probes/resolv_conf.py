"""What /etc/resolv.conf says: resolvers, search list and options, read as the C library reads it (resolv.conf(5))."""

from __future__ import annotations

from ipaddress import ip_address

from probes.frozen import frozen
from probes.host_facts import Resolver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final


# The C library's own bounds: MAXNS, RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY (resolv.h).
_MAX_RESOLVERS: Final = 3
_MAX_NDOTS: Final = 15
_MAX_TIMEOUT_S: Final = 30
_MAX_ATTEMPTS: Final = 5


@frozen
class ResolvConf:
    """The resolvers that the host asks, in its order, and how it completes a short name."""

    resolvers: tuple[Resolver, ...] = ()
    search_domains: tuple[str, ...] = ()
    ndots: int = 1
    timeout_s: int = 5
    attempts: int = 2


def parse_resolv_conf(text: str, *, hostname: str = "") -> ResolvConf:
    """Return what a resolv.conf says; lines that the C library would skip are skipped.

    Args:
        text: The file's content.
        hostname: The host's name; its domain is the search list where the file has none.

    A resolver beyond the third is left out, because the host never asks it. `127.0.0.53` (systemd-resolved's stub) is a
    resolver like any other.
    """
    resolvers: list[Resolver] = []
    search = tuple(hostname.partition(".")[2].split())
    options: dict[str, int] = {}
    for line in text.splitlines():
        keyword, *values = line.split() or [""]
        if line[:1] in {"#", ";"} or line[:1].isspace() or not values:
            continue
        if keyword == "nameserver":
            resolvers.extend(_resolver(values[0]))
        elif keyword in {"search", "domain"}:
            # The last of the two keywords wins; `domain` takes one name.
            search = _search(values if keyword == "search" else values[:1])
        elif keyword == "options":
            options.update(_options(values))
    return ResolvConf(resolvers=tuple(resolvers[:_MAX_RESOLVERS]), search_domains=search, **options)


def _resolver(text: str) -> tuple[Resolver, ...]:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return ()
    return (Resolver(address=text),)


def _search(domains: list[str]) -> tuple[str, ...]:
    # `search .` is the usual way to say "none".
    return tuple(domain.rstrip(".") for domain in domains if domain.strip("."))


def _bounded(maximum: int, minimum: int = 0) -> Callable[[int], int]:
    return lambda value: max(minimum, min(value, maximum))


_OPTIONS: Final = {
    "ndots": ("ndots", _bounded(_MAX_NDOTS)),
    "timeout": ("timeout_s", _bounded(_MAX_TIMEOUT_S, 1)),
    "attempts": ("attempts", _bounded(_MAX_ATTEMPTS, 1)),
}


def _options(words: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in words:
        name, _, value = word.partition(":")
        if name in _OPTIONS and value.isascii() and value.isdigit():
            field, bounded = _OPTIONS[name]
            found[field] = bounded(int(value))
    return found
