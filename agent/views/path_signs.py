"""What quotes and replies give away of a path: a few marks below a hop, and a sentence for each sign."""

from collections.abc import Callable
from typing import Final

from agent.views.escape import escape, escape_text
from agent.views.words import INTERFACE_ROLES, SIGNS, hop_words
from probes.facts import Hop, InterfaceInformation, Leg, MplsLabel, PathSign, SignKind

# A stack that is deeper says nothing more.
_MOST_LABELS: Final = 3
_LONGEST_NAME: Final = 20

MARKS_HINT: Final = "What the marks in [brackets] mean: --explain."
_LABELLED: Final = (
    "Packets came to {hops} with labels that say where to go (MPLS), as providers use them: each label with its class "
    "(exp) and its own TTL."
)
_NAMED: Final = (
    "Answers of {hops} name interfaces: by which the probe came in or would have gone out, with its number and MTU."
)


def _changed(what: str) -> Callable[[PathSign], str]:
    return lambda sign: f"{what} {sign.sent} to {sign.seen}"


# Each mark is short enough for several to stand side by side. What a row of the table shows anyway has none.
_MARKS: Final[dict[SignKind, Callable[[PathSign], str] | None]] = {
    SignKind.SOURCE_TRANSLATED: lambda _: "NAT",
    SignKind.DESTINATION_TRANSLATED: lambda _: "DNAT",
    SignKind.DSCP_REWRITTEN: _changed("DSCP"),
    SignKind.ECN_REWRITTEN: _changed("ECN"),
    SignKind.CONGESTION_MARKED: lambda _: "congestion",
    SignKind.TTL_HIDDEN: lambda _: "hides routers",
    SignKind.TTL_REWRITTEN: lambda sign: f"TTL {sign.sent} to {sign.seen}",
    SignKind.ASYMMETRIC_RETURN: lambda sign: f"{sign.seen} hop{'' if sign.seen == 1 else 's'} back",
    SignKind.NAT64: lambda sign: f"NAT64 {sign.seen}",
    SignKind.TARGET_ANSWERS_EARLY: lambda _: "translator",
    SignKind.SEVERAL_TARGETS: lambda _: "several machines",
    SignKind.LOAD_BALANCED: None,
    SignKind.MIDDLEBOX: lambda _: "middlebox",
}


def marks(leg: Leg, hop: Hop) -> list[str]:
    """Return what stands below a hop, a line each: `[MPLS 16001 exp 0 ttl 1]`, `[NAT] [DSCP 46 to 0]`; safe to show."""
    said = [_labels(responder.mpls) for responder in hop.responders if responder.mpls]
    said += [_interface(each) for responder in hop.responders for each in responder.interfaces]
    signs = [mark(sign) for sign in leg.signs or () if sign.probe_ttl == hop.probe_ttl and (mark := _MARKS[sign.kind])]
    lines = [f"[{each}]" for each in dict.fromkeys(said) if each]
    return [*lines, " ".join(f"[{escape(each)}]" for each in dict.fromkeys(signs))] if signs else lines


def sign_notes(leg: Leg, *, every: bool) -> list[str]:
    """Return a sentence for each sign; without `every` only for one that changes what "reached" means."""
    return [
        f"{SIGNS[sign.kind]}: {escape_text(sign.evidence)}."
        for sign in leg.signs or ()
        if every or sign.kind is SignKind.MIDDLEBOX
    ]


def mark_notes(leg: Leg) -> list[str]:
    """Return what marks mean that are no signs, but a router's own words of labels and interfaces."""
    responders = [(hop.probe_ttl, each) for hop in leg.hops for each in hop.responders]
    labelled = sorted({ttl for ttl, each in responders if each.mpls})
    named = sorted({ttl for ttl, each in responders if any(map(_interface, each.interfaces))})
    return [note.format(hops=hop_words(ttls)) for note, ttls in ((_LABELLED, labelled), (_NAMED, named)) if ttls]


def _labels(stack: tuple[MplsLabel, ...]) -> str:
    shown = [f"{entry.label} exp {entry.traffic_class} ttl {entry.mpls_ttl}" for entry in stack[:_MOST_LABELS]]
    return "MPLS " + ", ".join(shown) + (", ..." if len(stack) > _MOST_LABELS else "")


def _interface(interface: InterfaceInformation) -> str:
    """Return `by eth0 (7), MTU 9000`; a role alone says nothing."""
    named = escape(interface.name or interface.address or "", _LONGEST_NAME)
    index = "" if interface.index is None else f"({interface.index})" if named else str(interface.index)
    place = " ".join(part for part in (named, index) if part)
    mtu = "" if interface.mtu is None else f"MTU {interface.mtu}"
    told = ", ".join(part for part in (place, mtu) if part)
    return f"{INTERFACE_ROLES[interface.role]} {told}" if told else ""
