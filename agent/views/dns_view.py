"""What every resolver said about a name: one row a question, and a sentence that sums it up."""

from typing import Final

from agent.views.escape import escape, escape_text
from agent.views.listing import listing
from agent.views.prose import marked, wrapped
from agent.views.style import Style
from agent.views.words import FAILURES, milliseconds
from probes.name_facts import DnsCheck, DnsQuery, NameSource
from rules.diagnosis import Severity

_HEADERS: Final = ("Resolver", "Type", "Over", "Try", "Result", "ms", "Answers")
_FIGURES: Final = frozenset({3, 5})

_SOURCES: Final[dict[NameSource, str]] = {
    NameSource.LITERAL: "it is an address already",
    NameSource.HOSTS_FILE: "from this machine's hosts file",
    NameSource.RESOLVER: "from the resolvers",
    NameSource.SYSTEM: "from the system's own look-up",
}


def dns_view(check: DnsCheck, style: Style) -> str:
    """Return the rows and the summary of one name check, ending in a line break."""
    lines = listing(_HEADERS, [_row(query) for query in check.queries], style, right=_FIGURES) if check.queries else []
    if check.system_addresses is not None:
        said = ", ".join(escape(address) for address in check.system_addresses) or "no address"
        lines += ["", *wrapped(f"The system's own look-up (getaddrinfo) says: {said}.", style)]
    return "\n".join([*lines, *([""] if lines else []), *_summary(check, style)]) + "\n"


def _row(query: DnsQuery) -> tuple[str, ...]:
    return (
        escape(query.resolver),
        escape(query.question_type, 10),
        query.transport.value.upper(),
        str(query.attempt),
        _result(query),
        "-" if query.duration_us is None else milliseconds(query.duration_us),
        _answers(query),
    )


def _result(query: DnsQuery) -> str:
    """Return the RCODE's mnemonic, or in a word why there is none."""
    if query.rcode is not None:
        return escape(query.rcode, 16)
    return query.failure.value.replace("_", " ") if query.failure else "no answer"


def _answers(query: DnsQuery) -> str:
    parts = []
    if query.canonical_name and query.canonical_name.rstrip(".") != query.question_name.rstrip("."):
        parts.append(f"alias of {escape(query.canonical_name.rstrip('.'))}")
    parts += [escape(answer) for answer in query.answers]
    # RFC 8914: the resolver's own explanation.
    parts += [
        f"EDE {error.code}" + (f" {escape_text(error.text)}" if error.text else "") for error in query.extended_errors
    ]
    if query.truncated:
        parts.append("truncated")
    return ", ".join(parts) or "-"


def _summary(check: DnsCheck, style: Style) -> list[str]:
    name = escape(check.name)
    if check.failure is not None or not check.addresses:
        why = FAILURES[check.failure] if check.failure else "it has no address"
        severity, text = Severity.CRITICAL, f"{name} does not resolve: {why}."
    else:
        source = f" ({_SOURCES[check.source]})" if check.source else ""
        addresses = ", ".join(escape(address) for address in check.addresses)
        severity, text = None, f"{name} is {addresses}{source}."
    return marked(severity, text, style)
