"""What /etc/hosts says of a name (hosts(5))."""

from ipaddress import ip_address


def addresses_in_hosts(text: str, name: str) -> tuple[str, ...]:
    """Return the addresses that a hosts file gives `name`, in its order, each once; names compare without case."""
    wanted = name.rstrip(".").lower()
    found: dict[str, None] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if wanted in (one.rstrip(".").lower() for one in names):
            found.update(dict.fromkeys(_valid(address)))
    return tuple(found)


def _valid(text: str) -> tuple[str, ...]:
    bare, mark, zone = text.partition("%")
    try:
        return (f"{ip_address(bare)}{mark}{zone}",)
    except ValueError:
        return ()
