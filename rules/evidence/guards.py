"""What keeps a rule from blaming the wrong one: a portal that wants a sign-in, and somebody else to compare with."""

from probes.facts import Protocol, Role
from rules.evidence.scene import Scene
from rules.evidence.words import PROTOCOL_NAMES, some
from rules.proposition import Finding, either, false, proposition, true


@proposition("captive.seen", "A check found that the network wants a person to sign in first (a captive portal).")
def _seen(scene: Scene) -> Finding:
    portal = scene.sample.captive_portal
    if portal is None:
        return false("nobody was told where to look for a captive portal")
    words = portal.evidence or (f"it leads to {portal.portal}" if portal.portal else "the check got another answer")
    if scene.portal_seen:
        return true(f"{portal.url}: {words}", "/captive_portal")
    return false(f"no captive portal was seen at {portal.url}", "/captive_portal")


def _proven_by_handshake(scene: Scene) -> str | None:
    """Return the pointer to an exchange in which the target itself showed its certificate, None for none."""
    web = scene.sample.web
    numbered = enumerate(web.exchanges if web is not None else ())
    return next((f"/web/exchanges/{n}" for n, one in numbered if one.tls is not None and one.tls.verified), None)


@proposition("captive.in_the_way", "A captive portal stands between this host and the target.")
def _in_the_way(scene: Scene) -> Finding:
    """Return whether it does; a target that is let through without signing in is proven by its own answers."""
    if not scene.portal_seen:
        return false("no captive portal was seen")
    proven = _proven_by_handshake(scene)
    if proven is not None:
        return false("the target showed its certificate: it is let through", proven)
    found = [one for one in scene.answers.asked if one.answered and one.address in scene.target_addresses]
    if scene.sample.web is None and found:
        return false(f"{found[0].address} answers all the same: it is let through", found[0].fact)
    return _seen(scene)


@proposition("middlebox.seen", "Somebody on the way answers one protocol for others, so that it proves nobody's life.")
def _middlebox_seen(scene: Scene) -> Finding:
    box = scene.sample.middlebox
    if box is None:
        return false("nobody was found to answer for others")
    return true(f"{box.address} answers {PROTOCOL_NAMES[Protocol(box.protocol)]} for {box.target}", "/middlebox")


@proposition(
    "upstream.others_answer", "Somebody behind the gateway who is not the first end answers: the network works."
)
def _others_answer(scene: Scene) -> Finding:
    others = [
        (address, entry)
        for address, entry in scene.answers.endpoints(beyond_gateway=True).items()
        if address not in scene.target_addresses and entry.answered
    ]
    if others:
        words = some(f"{address} ({_called(entry.role)})" for address, entry in others)
        return true(f"{words} {'answers' if len(others) == 1 else 'answer'}", *(entry.fact for _, entry in others[:4]))
    return either(False, "nobody else behind the gateway was heard")


def _called(role: Role) -> str:
    return {Role.SERVICE_EDGE: "another edge", Role.EGRESS: "the way out"}.get(role, role.value)
