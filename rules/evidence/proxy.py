"""The explicit proxy, and signs of a network without a default route (CP-03, CP-12)."""

from typing import Final

from probes.facts import Family, Role
from probes.sample import NdrSetting
from probes.web_facts import Proxy, ProxyMode
from rules.evidence.addresses import is_inside, is_rfc1918
from rules.evidence.proxy_failure import GATEWAY_STATUSES, target_heard
from rules.evidence.scene import Scene
from rules.evidence.words import counted, failure_words, some
from rules.proposition import Finding, either, false, proposition, true, unknown

# The addresses that a cloud edge's name has where there is no default route; from public help text of the product.
_VIRTUAL_ADDRESSES: Final = frozenset(f"185.46.212.{last}" for last in (*range(88, 94), 97, 98))

# A router that keeps traffic in: RFC 792 and RFC 1812 section 5.2.7.1, and the twins of RFC 4443 section 3.1.
_KEPT_IN: Final = {Family.IPV4: (3, frozenset({0, 1, 9, 10, 13})), Family.IPV6: (1, frozenset({0, 1, 3, 5, 6}))}
_CONTROLS: Final = 2


def _applies(proxy: Proxy | None) -> Proxy | None:
    return None if proxy is None or proxy.mode is ProxyMode.NONE else proxy


@proposition("proxy.applies", "An explicit proxy applies to the target, whether it works or not.")
def _an_explicit_one_applies(scene: Scene) -> Finding:
    proxy = _applies(scene.sample.proxy)
    if proxy is None:
        return false("no explicit proxy applies")
    return true(f"the traffic has to go through {proxy.host}", "/proxy")


@proposition("proxy.works", "An explicit proxy applies to the target, and a connection through it reached the target.")
def _works(scene: Scene) -> Finding:
    proxy = _applies(scene.sample.proxy)
    if proxy is None:
        return false("no explicit proxy applies")
    if target_heard(scene):
        return true(f"{proxy.host} carries traffic: the target was heard through it", "/proxy", "/web")
    if proxy.works is not None:
        status = f" (status {proxy.connect_status})" if proxy.connect_status else ""
        return either(
            proxy.works, f"{proxy.host} {'carries' if proxy.works else 'does not carry'} traffic{status}", "/proxy"
        )
    if proxy.failure is not None:
        return false(f"{proxy.host} does not carry traffic: {failure_words(proxy.failure)}", "/proxy")
    return unknown(f"the proxy {proxy.host} was not tried", "/proxy")


@proposition(
    "proxy.resolves_name", "An explicit proxy applies and looks up names itself, so that local failure is normal."
)
def _resolves_name(scene: Scene) -> Finding:
    proxy = _applies(scene.sample.proxy)
    if proxy is None:
        return false("no explicit proxy applies")
    if proxy.works or target_heard(scene):
        return true(f"{proxy.host} reached the target by its name", "/proxy")
    if proxy.connect_status in GATEWAY_STATUSES and any(control.works is False for control in proxy.controls):
        return unknown(f"{proxy.host} reaches nothing at all, so it says nothing of the name", "/proxy")
    if proxy.connect_status in GATEWAY_STATUSES:
        return false(f"{proxy.host} does not reach it either (status {proxy.connect_status})", "/proxy")
    return unknown(f"{proxy.host} did not say whether it can look up the name", "/proxy")


@proposition("ndr.declared", "The configuration says that this network has no default route (`ndr: true`).")
def _declared(scene: Scene) -> Finding:
    return either(scene.sample.ndr is NdrSetting.TRUE, f"ndr is set to {scene.sample.ndr}", "/ndr")


@proposition("ndr.denied", "The configuration says that this network is an ordinary one (`ndr: false`).")
def _denied(scene: Scene) -> Finding:
    return either(scene.sample.ndr is NdrSetting.FALSE, f"ndr is set to {scene.sample.ndr}", "/ndr")


@proposition(
    "ndr.controls_kept_in", "Routers inside the organisation refuse to pass traffic to two or more public controls."
)
def _controls_kept_in(scene: Scene) -> Finding:
    asked, refused, facts = set[str](), dict[str, str](), []
    for index, check in enumerate(scene.sample.reachability):
        if check.role is not Role.CONTROL or is_inside(check.address) or check.answered is None:
            continue
        asked.add(check.address)
        icmp_type, codes = _KEPT_IN[Family.IPV6 if ":" in check.address else Family.IPV4]
        inside = check.offender is not None and (is_inside(check.offender) or scene.is_gateway(check.offender))
        if inside and check.icmp is not None and check.icmp.type == icmp_type and check.icmp.code in codes:
            refused[check.address] = check.offender or ""
            facts.append(f"/reachability/{index}")
    if len(asked) < _CONTROLS:
        return unknown("fewer than two public controls were asked")
    words = f"{some(refused.values())} keeps {counted(len(refused), 'public control')} from being reached"
    return either(len(refused) >= _CONTROLS, words if refused else "no inner router keeps controls in", *facts[:4])


def _edge_addresses(scene: Scene) -> list[tuple[str, str]]:
    return [(fact, address) for fact, check in scene.checks(Role.SERVICE_EDGE) for address in check.addresses]


@proposition(
    "ndr.virtual_address", "The service edge's name resolves to an address reserved for networks without default."
)
def _virtual_address(scene: Scene) -> Finding:
    found = [(fact, address) for fact, address in _edge_addresses(scene) if address in _VIRTUAL_ADDRESSES]
    if found:
        return true(f"the edge's name resolves to {some(address for _, address in found)}", found[0][0])
    return false("the edge has no such address, or there is no edge")


@proposition("ndr.edge_inside", "The service edge's name resolves to an address of RFC 1918.")
def _edge_inside(scene: Scene) -> Finding:
    found = [(fact, address) for fact, address in _edge_addresses(scene) if is_rfc1918(address)]
    if found:
        return true(f"the edge's name resolves to {some(address for _, address in found)}", found[0][0])
    return false("the edge has no such address, or there is no edge")
