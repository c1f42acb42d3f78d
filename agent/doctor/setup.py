"""What of a configuration works on this host, its targets aside: facts in, findings out."""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.doctor.findings import Finding, Level
from probes.egress_facts import Edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a configuration names, and how it was found; None and empty where it names nothing.

    `edges` are those with an API, as they answered; `script_problem` is why PAC scripts cannot be evaluated here,
    `sessions` the session log or stream, `sessions_problem` why the log cannot be read.
    """

    edges: tuple[Edge, ...] = ()
    by_script: bool = False
    script_problem: str | None = None
    captive_check_url: str | None = None
    sessions: str | None = None
    sessions_problem: str | None = None


def examine_setup(setup: Setup) -> tuple[Finding, ...]:
    """Return the findings, in the order in which a sample needs what they tell of."""
    return (_proxy_script(setup), _captive_check(setup), *_edges(setup.edges), _sessions(setup))


def _proxy_script(setup: Setup) -> Finding:
    check = "proxy_script"
    if not setup.by_script:
        return Finding(check=check, level=Level.OK, found="no PAC script names the proxy")
    if setup.script_problem is None:
        return Finding(check=check, level=Level.OK, found="a PAC script names the proxy, and can be evaluated")
    problem, _, advice = setup.script_problem.partition(": ")
    return Finding(check=check, level=Level.FAIL, found=problem, advice=advice)


def _captive_check(setup: Setup) -> Finding:
    check = "captive_check"
    if setup.captive_check_url is None:
        found = "captive portals are not looked for: no captive_check_url"
        return Finding(check=check, level=Level.OK, found=found)
    return Finding(check=check, level=Level.OK, found=f"captive portals are looked for by {setup.captive_check_url}")


def _edges(edges: tuple[Edge, ...]) -> Iterable[Finding]:
    if not edges:
        found = "no edge is asked (no service_edge.api): CP-07, CP-08, CP-09 and CP-20 are not evaluated"
        yield Finding(check="edge", level=Level.OK, found=found)
    for edge in edges:
        yield _edge(edge)


def _edge(edge: Edge) -> Finding:
    data = edge.service_data
    where = f"the edge {edge.host}"
    if data is not None and data.fetched:
        in_band = [("UDP", data.udp_port), ("TCP", data.tcp_port), ("ICMP", data.icmp)]
        shown = ", ".join(protocol for protocol, told in in_band if told) or "no protocol"
        found = f"{where} answers: this host comes from {data.address}; it tells the source of {shown}"
        return Finding(check="edge", level=Level.OK, found=found)
    why = (data.detail or str(data.failure).replace("_", " ")) if data is not None else "not asked"
    advice = "check its api, token_file and ca_file here, and the log of `cloudpath edge` there"
    return Finding(check="edge", level=Level.WARN, found=f"{where} tells nothing: {why}", advice=advice)


def _sessions(setup: Setup) -> Finding:
    check = "session_log"
    if setup.sessions is None:
        return Finding(check=check, level=Level.OK, found="no session log is read: ZPA-01 to ZPA-11 are not evaluated")
    if setup.sessions_problem is None:
        return Finding(check=check, level=Level.OK, found=f"sessions are read from {setup.sessions}")
    advice = "check zpa.file, and who may read it"
    found = f"the session log cannot be read: {setup.sessions_problem}"
    return Finding(check=check, level=Level.WARN, found=found, advice=advice)
