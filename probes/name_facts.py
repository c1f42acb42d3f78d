"""The vocabulary of names: what was asked of resolvers, and what came back."""

from probes.facts import Role
from probes.failure import Failure
from probes.frozen import frozen
from probes.word import Word


class Transport(Word):
    """The transport under an application's exchange (OpenTelemetry `network.transport`)."""

    UDP = "udp"
    TCP = "tcp"


@frozen
class ExtendedDnsError:
    """One RFC 8914 extended error."""

    code: int
    text: str = ""


@frozen
class DnsQuery:
    """One question to one resolver and what came back; `rcode` is the mnemonic, None when nothing came back."""

    resolver: str
    question_name: str
    question_type: str
    transport: Transport
    attempt: int
    rcode: str | None = None
    answers: tuple[str, ...] = ()
    canonical_name: str | None = None
    truncated: bool = False
    extended_errors: tuple[ExtendedDnsError, ...] = ()
    failure: Failure | None = None
    duration_us: int | None = None


class NameSource(Word):
    """Who knew the addresses of a name."""

    LITERAL = "literal"
    HOSTS_FILE = "hosts_file"
    RESOLVER = "resolver"
    SYSTEM = "system"


@frozen
class DnsCheck:
    """Everything asked about one name, and the addresses chosen from it, preferred first.

    `failure` is None when at least one address came out; `system_addresses` is what the operating system's own
    look-up (getaddrinfo, with hosts file, mDNS and the like) said, None where it was not asked or had not answered.
    """

    role: Role
    name: str
    addresses: tuple[str, ...] = ()
    source: NameSource | None = None
    failure: Failure | None = None
    system_addresses: tuple[str, ...] | None = None
    queries: tuple[DnsQuery, ...] = ()
    duration_us: int | None = None


def literal_check(role: Role, address: str) -> DnsCheck:
    """Return the check of a name that is an address: nobody is asked."""
    return DnsCheck(role=role, name=address, addresses=(address,), source=NameSource.LITERAL, duration_us=0)
