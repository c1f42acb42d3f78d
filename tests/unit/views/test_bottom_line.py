"""The bottom line says whose fault it is: of the network, the proxy, the DNS, the application, or of nobody."""

from dataclasses import replace

import pytest

from agent.views.blame import _NAMES, _NETWORKS
from agent.views.bottom_line import bottom_line, bottom_line_lines
from agent.views.style import Style
from probes.facts import Node, Role
from probes.failure import Failure
from probes.host_facts import Route
from probes.sample import AgentFailure, Sample
from probes.web_facts import CaptivePortal, Pac, Proxy, ProxyMode, RedirectProblem, Speaker, WebPhase, WebStep
from rules.diagnosis import Anchor, Confidence, Diagnosis, FiredError, Severity, Status
from rules.load import load_rules
from tests.unit.views import far_samples, samples

APPLICATION_WORKS = "The application answers 200 OK in 70.4 ms."
REACHED = "crm.example.com (192.0.2.80) reached in 5 hops, 12.3 ms, no loss."


def error(code: str, severity: Severity = Severity.CRITICAL, reason: str = "x", **changes: object) -> Diagnosis:
    fired = FiredError(
        code=code,
        severity=severity,
        message="Message.",
        description="",
        solution="",
        anchor=Anchor(leg=0, node=Node.CLIENT),
        confidence=Confidence.CERTAIN,
        reason=reason,
        explanation="Because.",
        evidence=(),
    )
    return Diagnosis(status=Status(severity.value), errors=(replace(fired, **changes),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sample", "good", "text"),
    [
        (samples.HEALTHY, True, f"No errors: {REACHED}"),
        (far_samples.answering(200), True, f"No errors: {REACHED} {APPLICATION_WORKS}"),
        (
            far_samples.answering(503),
            False,
            f"The network is fine: {REACHED} The application answers 503 Service Unavailable.",
        ),
        (
            far_samples.answering(401),
            False,
            f"The network is fine: {REACHED} The application asks for a sign-in (401 Unauthorized).",
        ),
        (
            far_samples.answering(403),
            False,
            f"The network is fine: {REACHED} The application refuses access (403 Forbidden).",
        ),
        (
            far_samples.answering(429),
            False,
            f"The network is fine: {REACHED} The application limits how often it may be asked (429 Too Many Requests).",
        ),
        (far_samples.answering(599), False, f"The network is fine: {REACHED} The application answers 599."),
        (
            far_samples.EXPIRED,
            False,
            (
                f"The network is fine: {REACHED} This machine does not accept the certificate of crm.example.com: "
                "certificate has expired."
            ),
        ),
        (
            replace(samples.LOSSY, web=far_samples.WEB),
            False,
            (
                "The application answers 200 OK in 70.4 ms, but packets are lost: crm.example.com (192.0.2.80) "
                "reached in 5 hops, 12.3 ms, 30% loss (3 of 10 packets)."
            ),
        ),
        (
            far_samples.SIGN_IN,
            False,
            "It is this network: it wants a sign-in first, at http://portal.hotel.example/login.",
        ),
        (
            far_samples.BEHIND_PROXY,
            False,
            (
                "The network is fine as far as the proxy: the proxy proxy.example.com:3128 (192.0.2.40) reached in "
                "3 hops, 5.95 ms, no loss. The way on to crm.example.com does not show. The proxy answers 504 Gateway "
                "Timeout in place of crm.example.com."
            ),
        ),
        (
            far_samples.PRIVATE,
            True,
            "No errors: private access carries crm.example.com, and its way does not show.",
        ),
    ],
    ids=lambda value: "" if isinstance(value, Sample | bool) else None,
)
def test_without_an_error_the_facts_tell(sample: Sample, text: str, *, good: bool) -> None:
    line = bottom_line(sample, Diagnosis(status=Status.OK))
    assert (line.good, line.text) == (good, text)


def test_an_application_that_hangs_is_told_by_the_step_that_failed() -> None:
    steps = (*far_samples.STEPS[:3], replace(far_samples.STEPS[3], failure=Failure.TIMED_OUT))
    exchange = replace(far_samples.EXCHANGE, status=None, steps=steps, failure=Failure.TIMED_OUT)
    web = replace(far_samples.WEB, exchanges=(exchange,), status=None, failure=Failure.TIMED_OUT)
    line = bottom_line(replace(samples.HEALTHY, web=web), samples.FINE)
    said = f"The network is fine: {REACHED} The application does not answer: request failed (no answer in time)."
    assert line.text == said


def test_redirects_that_lead_nowhere_are_the_applications() -> None:
    web = replace(far_samples.WEB, status=302, redirect_problem=RedirectProblem.LOOP)
    line = bottom_line(replace(samples.HEALTHY, web=web), samples.FINE)
    assert "The application leads nowhere: its redirects go round in a circle." in line.text
    assert not line.good


def test_a_network_that_changed_tells_nothing() -> None:
    line = bottom_line(samples.CHANGED, samples.DISCARDED)
    assert line.text == "The network changed meanwhile: this sample tells nothing of the path. Measure again."


def test_the_gravest_of_several_is_blamed() -> None:
    assert bottom_line(far_samples.DATA_CENTER, far_samples.DATA_CENTER_DIAGNOSIS).text == (
        "It is the proxy: proxy.example.com:3128 (192.0.2.40) asks for a sign-in (407 Proxy Authentication Required)."
    )


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("interface_down", "It is this machine: its network connection is down."),
        ("no_route", "It is this machine's network settings: they know no way to crm.example.com."),
        ("local_firewall", "It is this machine's own firewall: it lets nothing out to crm.example.com."),
        ("gateway_down", "It is the local network: the gateway 10.0.0.1 does not answer."),
        ("isp_upstream", "It is the Internet access: nothing behind the gateway 10.0.0.1 answers."),
        ("all_blocked", "It is the network: something blocks everything that was tried."),
        ("captive_portal", "It is this network: it wants a sign-in first."),
        ("a_reason_of_tomorrow", "It is the network: Message."),
    ],
)
def test_a_network_failure_says_whose_network(reason: str, said: str) -> None:
    silent = samples.with_leg(hops=(samples.GATEWAY, samples.nobody(2)))
    assert bottom_line(silent, error("CP-02", reason=reason)).text == said


def test_the_last_router_that_answers_is_named_where_it_is_not_the_gateway() -> None:
    line = bottom_line(samples.DEAD_END, error("CP-02", reason="isp_upstream"))
    assert line.text == "It is the Internet access: nothing behind hop 3 (198.51.100.77) answers."


def test_a_portal_is_named_where_the_network_fails_for_it() -> None:
    portal = CaptivePortal(url="http://check.example.com", detected=True, portal="http://sign.in/\x1b[2J")
    line = bottom_line(replace(samples.HEALTHY, captive_portal=portal), error("CP-02", reason="captive_portal"))
    assert line.text == "It is this network: it wants a sign-in first, at http://sign.in/\\u001b[2J."


def test_a_gateway_without_an_address_is_the_gateway_all_the_same() -> None:
    network = replace(samples.NETWORK, routes=(Route(destination="0.0.0.0/0", family=samples.LEG.family),))  # type: ignore[arg-type]
    line = bottom_line(replace(samples.HEALTHY, network=network), error("CP-02", reason="gateway_down"))
    assert line.text == "It is the local network: the gateway does not answer."


@pytest.mark.parametrize(
    ("sample", "diagnosis", "said"),
    [
        (samples.with_leg(refused=()), error("CP-01"), "It is the agent: it could not measure."),
        (samples.HEALTHY, error("CP-01"), "It is the agent: it could not measure: the system does not permit it."),
        (
            replace(
                samples.HEALTHY,
                agent_failures=(
                    AgentFailure(
                        operation="open", failure=Failure.NOT_PERMITTED, detail="raw sockets are not permitted."
                    ),
                ),
            ),
            error("CP-01"),
            "It is the agent: it could not measure: raw sockets are not permitted.",
        ),
        (
            samples.UNRESOLVED,
            error("CP-03", reason="nxdomain"),
            "It is the DNS: crm.example.com does not resolve: the name does not exist.",
        ),
        (
            samples.UNRESOLVED,
            error("CP-03", reason="dns_config"),
            "It is the DNS: the resolvers answer nothing, whatever name they are asked for.",
        ),
        (
            samples.DEAD_PROXY,
            error("CP-04"),
            "It is the proxy: proxy.example.com:3128 cannot be used: the connection was refused.",
        ),
        (
            replace(
                samples.DEAD_PROXY,
                proxy=replace(samples.PROXY, pac=Pac(source="http://pac.example/x.pac", failure=Failure.TIMED_OUT)),
            ),
            error("CP-04"),
            "It is the proxy setting: the PAC script http://pac.example/x.pac cannot be used.",
        ),
        (samples.HEALTHY, error("CP-04"), "It is the proxy."),
        (
            far_samples.NOT_FOUND,
            far_samples.NOT_FOUND_DIAGNOSIS,
            "The network is fine. The web address is wrong: the application answers 404 Not Found.",
        ),
        (samples.HEALTHY, error("CP-05"), "It is the web address: Because."),
        (
            far_samples.THROUGH_EDGE,
            error("CP-11"),
            "It is the way to the service edge: edge-1 (203.0.113.9) cannot be reached.",
        ),
        (samples.HEALTHY, error("ZPA-07"), "It is private access: message."),
        (samples.HEALTHY, error("X-1"), "It is this machine: message."),
    ],
    ids=lambda value: value.errors[0].code if isinstance(value, Diagnosis) else "",
)
def test_a_critical_error_says_what_is_at_fault(sample: Sample, diagnosis: Diagnosis, said: str) -> None:
    line = bottom_line(sample, diagnosis)
    assert (line.good, line.text) == (False, said)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("CP-07", "the way to the Internet egress runs inside a tunnel, so its part of the path does not show."),
        ("CP-08", "the service edge edge-1 (203.0.113.9) gave no service data, so the Internet egress is not known."),
        ("CP-09", "the Internet egress cannot be found by ICMP."),
        ("CP-12", "this network has no default route, and lets no probes by ICMP or UDP out: measure by TCP."),
        ("CP-13", "the service edge edge-1 (203.0.113.9) works, and probes by ICMP do not get to it."),
        ("CP-16", "the proxy works, and probes by ICMP do not get to it."),
        ("CP-20", "the Internet egress 198.51.100.10 does not answer the probes of the service edge."),
    ],
)
def test_what_only_hurts_the_measurement_is_not_blamed_for_the_application(code: str, said: str) -> None:
    warned = error(code, Severity.WARNING)
    line = bottom_line(far_samples.THROUGH_EDGE, warned)
    assert line.text == f"{APPLICATION_WORKS} The measurement is incomplete: {said}"
    alone = bottom_line(replace(far_samples.THROUGH_EDGE, web=None), warned)
    assert alone.text == f"The path works. The measurement is incomplete: {said}"
    lost = bottom_line(replace(samples.DEAD_END, edges=far_samples.THROUGH_EDGE.edges), warned)
    assert lost.text.startswith("The measurement is incomplete: ")
    # An operator may call it critical: then it is what is wrong.
    assert bottom_line(far_samples.THROUGH_EDGE, error(code)).text == said[0].upper() + said[1:]


def test_a_name_that_resolved_is_not_given_a_reason_of_another_check() -> None:
    other = replace(samples.UNRESOLVED.dns[0], role=Role.CONTROL)
    sample = replace(samples.HEALTHY, dns=(other,))
    line = bottom_line(sample, error("CP-03", reason="sinkholed"))
    assert line.text == "It is the DNS: in place of the address of crm.example.com it gives one that leads nowhere."
    assert bottom_line(sample, error("CP-03", reason="nxdomain")).text == (
        "It is the DNS: crm.example.com does not resolve."
    )


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("name_syntax", "It is the name: crm.example.com is no valid domain name."),
        ("filtered", "It is the DNS: a filter there keeps crm.example.com from being found."),
        ("dnssec", "It is the DNS: what is known of crm.example.com does not pass its check for forgery (DNSSEC)."),
        ("unknown_to_proxy", "It is the DNS: the proxy finds no address for crm.example.com."),
    ],
)
def test_a_name_that_is_kept_back_says_by_what(reason: str, said: str) -> None:
    assert bottom_line(samples.HEALTHY, error("CP-03", reason=reason)).text == said


def test_the_reasons_that_have_words_are_reasons_of_the_rules() -> None:
    """A reason that is called otherwise one day would fall back to words that say less."""
    known = load_rules().rules
    for code, words in (("CP-02", _NETWORKS), ("CP-03", _NAMES)):
        assert set(words) <= {reason.name for rule in known[code] for reason in rule.reasons}


def test_the_mark_is_that_of_health_or_of_the_gravest_error_or_none() -> None:
    marks = [
        bottom_line_lines(bottom_line(sample, diagnosis), diagnosis, Style())[0][0]
        for sample, diagnosis in (
            (samples.HEALTHY, samples.FINE),
            (far_samples.UNAVAILABLE, samples.FINE),
            (far_samples.TUNNELLED, far_samples.TUNNELLED_DIAGNOSIS),
            (far_samples.DATA_CENTER, far_samples.DATA_CENTER_DIAGNOSIS),
        )
    ]
    assert marks == ["✔", "T", "⚠", "✘"]


def test_who_gets_what_he_came_for_needs_no_sign_in() -> None:
    signed_in = replace(far_samples.SIGN_IN, web=far_samples.WEB)
    assert bottom_line(signed_in, samples.FINE).text == f"No errors: {REACHED} {APPLICATION_WORKS}"
    locked_out = replace(far_samples.SIGN_IN, web=far_samples.EXPIRED.web)
    assert bottom_line(locked_out, samples.FINE).text.startswith("It is this network: it wants a sign-in first")


def test_where_nobody_answered_the_path_says_why() -> None:
    web = replace(far_samples.WEB, exchanges=(), status=None, failure=Failure.CONNECTION_REFUSED)
    line = bottom_line(replace(samples.CLOSED_PORT, web=web), samples.FINE)
    assert line.text.startswith("No documented error, but the port is closed: crm.example.com (192.0.2.80) reached")
    assert "does not answer" not in line.text


def test_a_circle_of_redirects_is_the_web_addresss_own() -> None:
    web = replace(far_samples.WEB, status=302, redirect_problem=RedirectProblem.TOO_MANY)
    line = bottom_line(replace(samples.HEALTHY, web=web), error("CP-05"))
    assert line.text == "The network is fine. The web address is wrong: it redirects again and again."


def test_a_proxy_that_cannot_be_connected_to_is_not_the_application() -> None:
    steps = (far_samples.STEPS[0], replace(far_samples.STEPS[1], failure=Failure.CONNECTION_REFUSED))
    exchange = replace(far_samples.EXCHANGE, through_proxy=True, status=None, steps=steps)
    web = replace(far_samples.WEB, exchanges=(exchange,), status=None, failure=Failure.CONNECTION_REFUSED)
    line = bottom_line(replace(far_samples.THROUGH_EDGE, web=web), error("CP-13", Severity.WARNING))
    assert line.text.startswith("The proxy cannot be used: connect failed (the connection was refused). ")


@pytest.mark.parametrize(
    ("pac", "good", "said"),
    [
        (Pac(source="http://pac.example/x.pac", result="DIRECT", direct=True), True, f"No errors: {REACHED}"),
        (
            Pac(source="http://pac.example/x\x1b[2J", failure=Failure.TIMED_OUT),
            False,
            (
                "No documented error, but the PAC script http://pac.example/x\\u001b[2J cannot be used: no answer in "
                f"time. Without it: {REACHED}"
            ),
        ),
    ],
    ids=["direct", "unusable"],
)
def test_a_script_without_a_proxy_is_told_from_one_that_cannot_be_used(pac: Pac, said: str, *, good: bool) -> None:
    proxy = Proxy(mode=ProxyMode.PAC, pac=pac, failure=pac.failure)
    line = bottom_line(replace(samples.HEALTHY, proxy=proxy), samples.FINE)
    assert (line.good, line.text) == (good, said)


def test_a_web_address_of_the_wrong_scheme_says_what_the_other_side_speaks() -> None:
    failed = replace(far_samples.STEPS[2], failure=Failure.TLS_FAILED, detail="the other side speaks plain HTTP")
    exchange = replace(far_samples.EXCHANGE, status=None, steps=(*far_samples.STEPS[:2], failed))
    web = replace(far_samples.WEB, exchanges=(exchange,), status=None, failure=Failure.TLS_FAILED)
    line = bottom_line(replace(samples.HEALTHY, web=web), error("CP-05"))
    assert line.text == "The network is fine. The web address is wrong: the other side speaks plain HTTP."
    unblamed = bottom_line(replace(samples.HEALTHY, web=web), samples.FINE)
    assert unblamed.text.endswith("The application cannot be used: TLS failed (the other side speaks plain HTTP).")


def test_a_proxy_says_more_by_the_step_that_failed_or_by_its_answer_in_plain_http() -> None:
    failed = WebStep(phase=WebPhase.PROXY_TLS, failure=Failure.TLS_FAILED, detail="certificate has expired")
    expired = replace(far_samples.PROXY, works=False, connect_status=None, failure=Failure.TLS_FAILED, steps=(failed,))
    line = bottom_line(replace(far_samples.ON_PREMISES, proxy=expired), error("CP-04"))
    said = "It is the proxy: proxy.example.com:3128 (192.0.2.40) cannot be used: certificate has expired."
    assert line.text == said
    untried = replace(far_samples.PROXY, works=None, connect_status=None)
    exchange = replace(far_samples.EXCHANGE, through_proxy=True, status=407, answered_by=Speaker.PROXY)
    plain = replace(far_samples.ON_PREMISES, proxy=untried, web=replace(far_samples.WEB, exchanges=(exchange,)))
    assert bottom_line(plain, error("CP-04")).text == (
        "It is the proxy: proxy.example.com:3128 (192.0.2.40) asks for a sign-in (407 Proxy Authentication Required)."
    )


def test_what_is_no_proxy_is_not_called_one() -> None:
    line = bottom_line(far_samples.DATA_CENTER, error("CP-04", reason="no_proxy"))
    assert line.text == "It is the proxy: what answers at proxy.example.com:3128 (192.0.2.40) is no proxy."
