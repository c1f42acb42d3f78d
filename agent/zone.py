"""The zone of a link-local address: without it nothing can be sent there (RFC 4007 section 11)."""


def is_link_local(address: str) -> bool:
    """Return whether a canonical IPv6 address is in fe80::/10 (RFC 4291 section 2.5.6)."""
    return address[:3] in {"fe8", "fe9", "fea", "feb"} and address[4:5] == ":"


def with_zone(address: str, interface: str | None) -> str:
    """Return the address, with the interface as its zone where it needs one and has none."""
    needs = interface is not None and is_link_local(address) and "%" not in address
    return f"{address}%{interface}" if needs else address
