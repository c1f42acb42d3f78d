"""IPv4 addresses inside IPv6 ones: what gives an IPv6/IPv4 translator away (RFC 6052, RFC 8215)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network

from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# RFC 6052 section 2.1.
_WELL_KNOWN = IPv6Network("64:ff9b::/96")
# The octet that RFC 6052 section 2.2 keeps zero.
_U_SHIFT, _U_MASK = 56, 0xFF
# Addresses counted up from 1 share all but their last bits without any translator.
_LEAST_HOPS = 2


@frozen
class Translation:
    """Where the translator first shows; `ipv4` is the address that `address` holds."""

    probe_ttl: int | None
    address: str
    ipv4: str
    evidence: str


def translation(target: str, hops: Sequence[tuple[int, str]]) -> Translation | None:
    """Return the sign of a translator on the way to an IPv6 target, None without one.

    Args:
        target: Its address.
        hops: Probe TTL and address of each router that answered.
    """
    packed = IPv6Address(target.partition("%")[0])
    if packed in _WELL_KNOWN:
        return _by_the_well_known_prefix(target, hops)
    return _by_a_prefix_of_its_own(packed, target, hops)


def _by_the_well_known_prefix(target: str, hops: Sequence[tuple[int, str]]) -> Translation:
    """Return the sign of the well-known prefix: at the first hop that has it, else in the target's address alone."""
    first = next(((ttl, address) for ttl, address in hops if _bare(address) in _WELL_KNOWN), None)
    ttl, address = (None, target) if first is None else first
    ipv4 = str(_embedded(_bare(address)))
    where = "the target" if ttl is None else f"hop {ttl}"
    said = f"{where} is {address}, IPv4 address {ipv4} in the translators' prefix {_WELL_KNOWN}"
    return Translation(probe_ttl=ttl, address=address, ipv4=ipv4, evidence=said)


def _by_a_prefix_of_its_own(packed: IPv6Address, target: str, hops: Sequence[tuple[int, str]]) -> Translation | None:
    """Return the sign where target and hops share 96 bits, and what is left of each may be an IPv4 address."""
    if not _may_hold(packed):
        return None
    shared = int(packed) >> 32
    inside = [(ttl, a) for ttl, a in hops if int(_bare(a)) >> 32 == shared and a != target and _may_hold(_bare(a))]
    if len({address for _, address in inside}) < _LEAST_HOPS:
        return None
    ttl, address = inside[0]
    behind = str(_embedded(_bare(address)))
    said = f"from hop {ttl} on answers share the target's first 96 bits: {address} may be {behind} behind a translator"
    return Translation(probe_ttl=ttl, address=address, ipv4=behind, evidence=said)


def _may_hold(address: IPv6Address) -> bool:
    """Return whether the last 32 bits may be the address of an IPv4 machine, and the reserved octet is zero."""
    inner = _embedded(address)
    ordinary = not (inner.is_multicast or inner.is_reserved or inner.is_loopback) and int(inner) >> 24 != 0
    return ordinary and int(address) >> _U_SHIFT & _U_MASK == 0


def _embedded(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)


def _bare(address: str) -> IPv6Address:
    return IPv6Address(address.partition("%")[0])
