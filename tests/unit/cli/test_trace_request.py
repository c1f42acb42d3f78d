"""What options and configuration amount to, and the one line for each contradiction."""

from pathlib import Path
from typing import Any

import pytest

from agent.config.model import Settings, TargetSection
from agent.config.reading import parse_configuration
from agent.sending_check import sending_problem
from agent.trace_request import TraceOptions, sample_request
from agent.usage import UsageProblem
from agent.world import Sending
from probes.facts import Family, ProtocolChoice, RouteKind
from probes.failure import Failure
from probes.sample import NdrSetting
from probes.web_facts import ProxyMode

CONFIGURATION = """
targets:
  - {name: crm, url: "https://crm.example.com/login", protocol: tcp, family: ipv6, queries: 5, max_ttl: 20,
     timeout_s: 2}
  - {name: edged, host: 192.0.2.9, port: 8443, route: service_edge}
  - {name: hidden, host: hidden.example.com, route: private_access}
service_edge: {host: edge.example.com, port: 8080}
proxy: {mode: explicit, url: "http://proxy.example.com:3128"}
ndr: true
controls: [192.0.2.1]
severity_overrides: {CP-12: info}
"""


def settings(text: str = CONFIGURATION) -> Settings:
    return parse_configuration(text, "agent.yaml", Path(), {}).settings


def test_without_options_and_configuration_everything_is_the_default() -> None:
    request = sample_request(TraceOptions(target="crm.example.com"))
    assert (request.target.host, request.target.protocol) == ("crm.example.com", ProtocolChoice.ADAPTIVE)
    assert request.target.route is RouteKind.DIRECT
    assert request.proxy_mode is ProxyMode.ENVIRONMENT
    assert request.ndr is NdrSetting.AUTO
    assert request.sending == Sending()
    assert request.names
    trace = request.settings
    assert (trace.first_ttl, trace.max_ttl, trace.queries, trace.timeout_s) == (1, 30, 3, 1.0)


def test_a_configured_target_brings_everything_that_the_file_says() -> None:
    request = sample_request(TraceOptions(target="crm"), settings())
    assert (request.target.name, request.target.host, request.target.port) == ("crm", "crm.example.com", 443)
    assert (request.target.protocol, request.target.family) == (ProtocolChoice.TCP, Family.IPV6)
    assert (request.settings.queries, request.settings.max_ttl, request.settings.timeout_s) == (5, 20, 2.0)
    assert (request.proxy_mode, request.proxy_url) == (ProxyMode.EXPLICIT, "http://proxy.example.com:3128")
    assert (request.ndr, request.controls) == (NdrSetting.TRUE, ("192.0.2.1",))
    assert request.severity_overrides == {"CP-12": "info"}


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("configured", [True, False])
def test_the_path_mtu_is_measured_where_the_option_or_the_file_says_so(*, asked: bool, configured: bool) -> None:
    file = Settings(targets=(TargetSection(name="crm", host="crm.example.com", path_mtu=configured),))
    assert sample_request(TraceOptions(target="crm", path_mtu=asked), file).path_mtu is (asked or configured)


def test_options_count_more_than_the_file() -> None:
    options = TraceOptions(target="crm", udp=True, port=53, ipv4=True, queries=1, max_ttl=9, timeout=0.5, proxy="none")
    request = sample_request(options, settings())
    assert (request.target.protocol, request.target.port, request.target.family) == (
        ProtocolChoice.UDP,
        53,
        Family.IPV4,
    )
    assert (request.settings.queries, request.settings.max_ttl, request.settings.timeout_s) == (1, 9, 0.5)
    assert (request.proxy_mode, request.proxy_url) == (ProxyMode.NONE, None)


def test_a_target_that_the_file_does_not_name_is_taken_as_it_is() -> None:
    assert sample_request(TraceOptions(target="other.example.com"), settings()).target.host == "other.example.com"


def test_a_route_by_the_service_edge_aims_at_the_configured_one() -> None:
    target = sample_request(TraceOptions(target="edged"), settings()).target
    assert (target.route, target.edge_host, target.edge_port) == (RouteKind.SERVICE_EDGE, "edge.example.com", 8080)


@pytest.mark.parametrize(
    ("edge", "host", "port"),
    [("e.example", "e.example", 443), ("e.example:8443", "e.example", 8443), ("[::1]:1", "::1", 1)],
)
def test_an_edge_option_implies_its_route(edge: str, host: str, port: int) -> None:
    target = sample_request(TraceOptions(target="192.0.2.1", edge=edge)).target
    assert (target.route, target.edge_host, target.edge_port) == (RouteKind.SERVICE_EDGE, host, port)


def test_a_link_local_target_takes_its_zone_from_the_interface() -> None:
    request = sample_request(TraceOptions(target="fe80::1", interface="eth0"))
    assert request.target.host == "fe80::1%eth0"


@pytest.mark.parametrize(
    ("protocol", "flags"), [("tcp", {"tcp": True}), ("udp", {"udp": True}), ("icmp", {"icmp": True})]
)
def test_a_flag_and_the_option_may_say_the_same(protocol: str, flags: dict[str, Any]) -> None:
    request = sample_request(TraceOptions(target="192.0.2.1", protocol=protocol, **flags))
    assert request.target.protocol is ProtocolChoice(protocol)


PROXY = "--proxy takes a URL, `environment`, `none` or pac+URL; "


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target": "a b"}, "'a b' has a blank in it; name one host, address or URL, without blanks"),
        ({"udp": True, "tcp": True}, "tcp and udp were both asked for; choose one of -I, -u, -T and -p"),
        ({"protocol": "icmp", "tcp": True}, "icmp and tcp were both asked for; choose one of -I, -u, -T and -p"),
        ({"icmp": True, "port": 443}, "ICMP has no ports; leave -P out, or use -T or -u"),
        ({"ipv4": True, "ipv6": True}, "-4 and -6 exclude each other; give one"),
        ({"ipv6": True}, "192.0.2.1 is no IPv6 address; leave -6 out, or name a host that has one"),
        ({"target": "192.0.2.1:80", "port": 81}, "port 80 in the target and port 81 beside it; give one of the two"),
        ({"first_ttl": 31}, "-f 31 is above -m 30; the first TTL comes before the last"),
        ({"first_ttl": 5, "max_ttl": 4}, "-f 5 is above -m 4; the first TTL comes before the last"),
        ({"route": "direct", "edge": "e.example"}, "--edge and --route direct exclude each other; leave one out"),
        (
            {"route": "service_edge"},
            "--route service_edge needs --edge HOST[:PORT], or service_edge in the configuration",
        ),
        ({"edge": "e e"}, "--edge: 'e e' has a blank in it; name one host, address or URL, without blanks"),
        ({"edge": "https://e.example"}, "--edge takes a host, or host:port, and no URL"),
        (
            {"proxy": "socks5://p:1080"},
            f"{PROXY}'socks5' proxies are not supported; write it as in http://proxy.example.com:3128",
        ),
        (
            {"proxy": "proxy.example.com"},
            f"{PROXY}it needs a host and a port; write it as in http://proxy.example.com:3128",
        ),
        ({"proxy": "http://p:0"}, f"{PROXY}it needs a host and a port; write it as in http://proxy.example.com:3128"),
        ({"proxy": "http://p:99999"}, f"{PROXY}it cannot be read; write it as in http://proxy.example.com:3128"),
        ({"proxy": "http://p:1/x"}, f"{PROXY}it has a path; leave out all behind the port"),
        ({"proxy": "http://[::1"}, f"{PROXY}it cannot be read; write it as in http://proxy.example.com:3128"),
        ({"source": "eth0"}, "--source takes one of this host's IP addresses, and 'eth0' is none"),
        ({"source": "2001:db8::1"}, "--source 2001:db8::1 cannot reach 192.0.2.1: they are of different families"),
        ({"target": "fe80::1"}, "fe80::1 is on every link; say which one: fe80::1%INTERFACE, or --interface"),
    ],
)
def test_each_contradiction_has_its_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        sample_request(TraceOptions(**{"target": "192.0.2.1", **given}))
    assert str(caught.value) == message


def test_private_access_needs_no_edge_and_takes_one_that_is_known() -> None:
    by_file = sample_request(TraceOptions(target="hidden"), settings())
    assert (by_file.target.route, by_file.target.edge_host) == (RouteKind.PRIVATE_ACCESS, None)
    named = sample_request(TraceOptions(target="a.example", route="private_access", edge="pse.example:8443"))
    assert (named.target.route, named.target.edge_host, named.target.edge_port) == (
        RouteKind.PRIVATE_ACCESS,
        "pse.example",
        8443,
    )


def test_what_is_known_of_private_access_comes_from_the_file() -> None:
    text = "private_access: {synthetic_ranges: [100.70.0.0/16], interface: zcctun0}\nzpa: {file: sessions.log}\n"
    request = sample_request(TraceOptions(target="192.0.2.1"), settings(text))
    assert (request.synthetic_ranges, request.private_interface) == (("100.70.0.0/16",), "zcctun0")
    assert request.zpa is not None
    assert sample_request(TraceOptions(target="192.0.2.1")).zpa is None


def test_a_script_that_names_the_proxy(tmp_path: Path) -> None:
    script = tmp_path / "proxy.pac"
    script.write_text("")

    def source(option: str | None, text: str = "{}") -> str | None:
        request = sample_request(TraceOptions(target="192.0.2.1", proxy=option), settings(text))
        assert request.proxy_mode is ProxyMode.PAC
        return request.proxy_url

    url = "http://w.example/p.pac"
    assert source(None, f"proxy: {{mode: pac, url: '{url}'}}") == url
    assert source(None, f"proxy: {{mode: pac, file: '{script}'}}") == f"file:{script}"
    assert source(f"pac+{url}") == url
    assert source(f"pac+file:{script}") == source(f"pac+file://{script}") == f"file:{script}"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("pac+file:/nowhere/proxy.pac", "there is no file '/nowhere/proxy.pac'"),
        ("pac+", "a script is named as in"),
        ("pac+w.example", "a script is named as in"),
        ("pac+ftp://w.example/p.pac", "a script is named as in"),
    ],
)
def test_a_script_that_is_none(option: str, message: str) -> None:
    with pytest.raises(UsageProblem, match=message):
        sample_request(TraceOptions(target="192.0.2.1", proxy=option))


def test_a_script_without_what_evaluates_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.proxy_url.find_spec", lambda _: None)
    with pytest.raises(UsageProblem, match="-m pip install pypac"):
        sample_request(TraceOptions(target="192.0.2.1", proxy="pac+http://w.example/p.pac"))


@pytest.mark.parametrize(
    ("sending", "failure", "message"),
    [
        (Sending(), Failure.OTHER, None),
        (Sending(interface="eth0", source="192.0.2.1"), None, None),
        (Sending(interface="eth9"), None, "there is no interface 'eth9' on this host; there are lo, eth0"),
        (
            Sending(source="192.0.2.1"),
            Failure.ADDRESS_NOT_AVAILABLE,
            "192.0.2.1 is no address of this host; `ip address` shows those that are",
        ),
        (
            Sending(source="fe80::1%x"),
            Failure.NO_SUCH_INTERFACE,
            "fe80::1%x names an interface that is not there; there are lo, eth0",
        ),
        (
            Sending(source="::1"),
            Failure.FAMILY_UNSUPPORTED,
            "nothing can be sent from ::1 (family unsupported); leave --source out",
        ),
    ],
)
def test_what_this_host_does_not_have_is_one_line(
    sending: Sending, failure: Failure | None, message: str | None
) -> None:
    assert sending_problem(sending, ("lo", "eth0"), lambda _: failure) == message
