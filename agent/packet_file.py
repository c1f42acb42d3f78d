"""The packets of a sample as a file for Wireshark: which of a capture belong in it, and what to say of each."""

from typing import Final

from agent.formats.pcapng import pcapng
from agent.version import VERSION
from agent.views.words import icmp_words
from probes.captured import Capture
from probes.frozen import frozen
from probes.trace.evidence import Evidence, Exhibit, evidence

_APPLICATION: Final = f"cloudpath-agent {VERSION}"


@frozen
class PacketFile:
    """A whole file, and in one line what it lacks; None where it lacks nothing."""

    data: bytes
    complaint: str | None


def packet_file(capture: Capture) -> PacketFile:
    """Return the file of a capture: the probes and the replies that were believed, and nobody else's packets."""
    found = evidence(capture.entries)
    lacking = _lacking(found, capture.dropped)
    comment = f"The probes of one sample and the replies to them: {_count(found)}. {lacking or 'Nothing is missing.'}"
    packets = [(each.packet, _comment(each)) for each in found.exhibits]
    data = pcapng(packets, application=_APPLICATION, comment=comment)
    return PacketFile(data=data, complaint=lacking)


def _comment(exhibit: Exhibit) -> str:
    """Return what one packet is, for a person."""
    probe = f"{exhibit.protocol} probe {exhibit.probe.number}"
    size = f", {exhibit.probe.size} bytes" if exhibit.probe.size else ""
    shape = f"TTL {exhibit.probe.probe_ttl}{size}"
    if exhibit.answer is None:
        return f"{probe}: {shape}"
    said = icmp_words(exhibit.answer, exhibit.icmp, ipv6=":" in exhibit.sender)
    return f"answers {probe} ({shape}): {said} from {exhibit.sender}"


def _count(found: Evidence) -> str:
    sent = sum(each.answer is None for each in found.exhibits)
    return f"{sent} probes, {len(found.exhibits) - sent} replies"


def _lacking(found: Evidence, dropped: int) -> str | None:
    """Return what may be missing: probes that were not seen, and packets for which the kernel had no room."""
    parts = (
        f"{found.unseen} of {found.probes} probes were not captured" if found.unseen else "",
        f"the kernel had no room for {dropped} packets" if dropped else "",
    )
    said = "; ".join(filter(None, parts))
    return f"{said[0].upper()}{said[1:]}." if said else None
