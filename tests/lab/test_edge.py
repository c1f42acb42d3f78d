"""The edge on real networks: what it tells callers of themselves, what it traces, and what it refuses to."""

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from probes.facts import Family
from tests.lab.builder import Lab, User
from tests.lab.edge_caller import PORT
from tests.lab.edge_run import OTHER_TOKEN, TCP_PORT, UDP_PORT, Edge, ask, running_edge, write_configuration
from tests.lab.network_map import read_map

pytestmark = pytest.mark.lab

OFFICE = "203.0.113.1"
REVERSE = {"direction": "reverse"}


@pytest.fixture(scope="module")
def lab(network: Callable[[str], Lab]) -> Lab:
    return network("far_end")


@pytest.fixture(scope="module")
def edge(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    tunnel = {"inner": "192.0.2.32/27", "egress": "203.0.113.1", "type": "gre"}
    wide = {"inner": "192.0.2.32/28", "egress": None, "type": "other"}
    limits = {"traces_per_minute": 1000, "concurrent": 64, "cache_s": 0}
    with running_edge(lab, tmp_path_factory.mktemp("edge"), tunnels=[tunnel, wide], limits=limits) as running:
        yield running


@pytest.fixture
def open_path() -> Iterator[Path]:
    """Give a directory that nobody may enter, too: those of pytest are its user's own."""
    with tempfile.TemporaryDirectory(dir="/run") as path:
        yield Path(path)


def call(lab: Lab, node: str, *calls: dict[str, object], family: Family = Family.IPV4) -> list[dict[str, Any]]:
    return ask(lab, node, lab.address("edge", family), *calls)


def post(body: object, **more: object) -> dict[str, object]:
    return {"do": "http", "path": "/v1/traces", "body": body, **more}


def get(path: str, **more: object) -> dict[str, object]:
    return {"do": "http", "path": path, **more}


def hops_of(leg: dict[str, Any]) -> list[list[str]]:
    return [[responder["address"] for responder in hop["responders"]] for hop in leg["hops"]]


# --- what it saw ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("edge")
def test_service_data_tells_the_address_that_the_translator_shows(lab: Lab) -> None:
    (answer,) = call(lab, "client", get("/v1/service-data"))
    told = answer["json"]
    assert told["schema"] == "cloudpath.edge/1"
    assert told["client"]["address"] == OFFICE
    assert told["client"]["tunnel"] is None
    assert (told["stun"], told["icmp"]) == ({"udp_port": UDP_PORT, "tcp_port": TCP_PORT}, True)


@pytest.mark.usefixtures("edge")
@pytest.mark.parametrize("family", Family)
def test_packets_of_each_protocol_show_their_source(lab: Lab, family: Family) -> None:
    source = lab.fresh_source("roamer", family)
    nonce = os.urandom(16).hex()
    answers = call(
        lab,
        "roamer",
        {"do": "stun_udp", "port": UDP_PORT, "source": source},
        {"do": "stun_tcp", "port": TCP_PORT, "source": source},
        {"do": "echo", "nonce": nonce, "source": source},
        get(f"/v1/seen/icmp/{nonce}", source=source),
        get(f"/v1/seen/icmp/{'0' * 32}", source=source),
        family=family,
    )
    for told in answers[:2]:
        assert told["address"] == source
        assert told["port"] == told["own_port"]
    assert answers[3]["json"]["address"] == source
    assert answers[4]["status"] == 404


@pytest.mark.usefixtures("edge")
def test_an_echo_through_a_translator_shows_the_translator(lab: Lab) -> None:
    nonce = os.urandom(16).hex()
    _, seen, udp = call(
        lab,
        "client",
        {"do": "echo", "nonce": nonce},
        get(f"/v1/seen/icmp/{nonce}"),
        {"do": "stun_udp", "port": UDP_PORT},
    )
    assert seen["json"]["address"] == udp["address"] == OFFICE


@pytest.mark.usefixtures("edge")
def test_noise_gets_no_answer(lab: Lab) -> None:
    noise = "GET / HTTP/1.1\r\nHost: nobody\r\n\r\n"
    udp, tcp = call(
        lab,
        "roamer",
        {"do": "stun_udp", "port": UDP_PORT, "raw": noise, "timeout_s": 0.3},
        {"do": "stun_tcp", "port": TCP_PORT, "raw": noise},
    )
    assert udp == {"error": "TimeoutError"}
    assert tcp["error"] in {"ConnectionResetError", ""}


@pytest.mark.usefixtures("edge")
def test_a_tunnels_callers_sit_behind_its_egress_and_the_narrowest_tunnel_counts(lab: Lab) -> None:
    inside, inner = "192.0.2.60", "192.0.2.40"
    wide, narrow, back = call(
        lab,
        "roamer",
        get("/v1/service-data", source=inside),
        get("/v1/service-data", source=inner),
        post(REVERSE, source=inside),
    )
    assert wide["json"]["client"]["tunnel"] == {"kind": "gre", "inner": "192.0.2.32/27", "egress": OFFICE}
    assert narrow["json"]["client"]["tunnel"] == {"kind": "other", "inner": "192.0.2.32/28", "egress": None}
    assert back["json"]["leg"]["address"] == OFFICE


# --- traces -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("edge")
@pytest.mark.parametrize("protocol", ["adaptive", "icmp", "udp", "tcp"])
def test_a_reverse_trace_runs_back_to_the_caller(lab: Lab, protocol: str) -> None:
    (answer,) = call(lab, "client", post({**REVERSE, "protocol": protocol}))
    leg = answer["json"]["leg"]
    assert (leg["from"], leg["to"]) == ("service_edge", "egress")
    assert (leg["direction"], leg["probed_by"]) == ("reverse", "edge")
    assert (leg["address"], leg["reached"]) == (OFFICE, True)
    assert hops_of(leg)[-2:] == [["203.0.113.9"], [OFFICE]]
    assert leg["protocol"] == (protocol if protocol != "adaptive" else "icmp")
    assert answer["json"]["dns"] is None


@pytest.mark.usefixtures("edge")
def test_a_forward_trace_resolves_with_the_edges_own_resolver(lab: Lab) -> None:
    (answer,) = call(lab, "client", post({"direction": "forward", "host": "app.example.test", "port": 443}))
    leg, dns = answer["json"]["leg"], answer["json"]["dns"]
    assert dns["addresses"] == ["198.51.100.2"]
    assert (leg["from"], leg["to"], leg["probed_by"]) == ("service_edge", "destination", "edge")
    assert (leg["protocol"], leg["port"], leg["reached"]) == ("tcp", 443, True)
    assert hops_of(leg)[-1] == ["198.51.100.2"]


@pytest.mark.usefixtures("edge")
def test_both_families_are_traced(lab: Lab) -> None:
    source = lab.fresh_source("roamer", Family.IPV6)
    back, on = call(
        lab,
        "roamer",
        post(REVERSE, source=source),
        post({"direction": "forward", "host": "2001:db8:5::2"}, source=source),
        family=Family.IPV6,
    )
    assert (back["json"]["leg"]["address"], back["json"]["leg"]["reached"]) == (source, True)
    assert on["json"]["leg"]["reached"] is True


@pytest.mark.usefixtures("edge")
@pytest.mark.parametrize(
    "host",
    ["rebound.example.test", "resolver.example.test", "203.0.113.74", "127.0.0.1", "10.1.0.2", "::1", "fe80::1%lo"],
)
def test_nobody_is_traced_to_who_is_not_listed(lab: Lab, host: str) -> None:
    (answer,) = call(lab, "client", post({"direction": "forward", "host": host}))
    assert answer["status"] == 403


def test_a_silent_egress_shows_the_router_before_it_and_two_rounds_of_silence(
    tmp_path: Path, network: Callable[[str], Lab]
) -> None:
    """What CP-20 rests on: the provider answers, the office's own address does not, though it was asked again."""
    del network
    with Lab(read_map("far_end")) as lab, running_edge(lab, tmp_path):
        office = lab.address("office", Family.IPV4)
        lab.tell(
            "office", "nft add table ip mute", "nft 'add chain ip mute input { type filter hook input priority 0; }'"
        )
        lab.tell("office", 'nft add rule ip mute input iifname "to-provider" ip protocol { icmp, udp } drop')
        lab.tell("office", 'nft add rule ip mute input iifname "to-provider" tcp flags syn drop')
        (answer,) = call(lab, "client", post({**REVERSE, "queries": 1}))
        leg = answer["json"]["leg"]
    assert office == "10.1.0.2"
    assert (leg["address"], leg["reached"]) == (OFFICE, False)
    by_ttl = {hop["probe_ttl"]: hop for hop in leg["hops"]}
    assert [responder["address"] for responder in by_ttl[2]["responders"]] == ["203.0.113.9"]
    assert by_ttl[3]["sent"] >= 2
    assert by_ttl[3]["received"] == 0


def test_equal_requests_share_one_trace_and_young_results_say_their_age(lab: Lab, tmp_path: Path) -> None:
    with running_edge(lab, tmp_path, listen="[::]:9443", tcp_port=None, udp_port=None, limits={"cache_s": 2}):
        first, second, other = call(
            lab,
            "client",
            post(REVERSE, port=9443),
            post(REVERSE, port=9443),
            post({**REVERSE, "protocol": "tcp"}, port=9443),
        )
        time.sleep(2.1)
        (late,) = call(lab, "client", post(REVERSE, port=9443))
    assert [answer["json"]["cached"] for answer in (first, second, other, late)] == [False, True, False, False]
    assert second["json"]["leg"] == first["json"]["leg"]
    assert late["json"]["leg"] != first["json"]["leg"]


def test_limits_hold_for_a_token_and_for_an_address(lab: Lab, tmp_path: Path) -> None:
    limits = {"traces_per_minute": 3, "cache_s": 0, "token_traces_per_minute": 5}
    one, two, three = (lab.fresh_source("roamer", Family.IPV4) for _ in range(3))
    with running_edge(lab, tmp_path, listen="[::]:9443", tcp_port=None, udp_port=None, limits=limits):
        answers = call(lab, "roamer", *(post(REVERSE, port=9443, source=source) for source in [one] * 4 + [two] * 3))
        fresh = call(lab, "roamer", post(REVERSE, port=9443, source=three, token=OTHER_TOKEN))
    statuses = [answer["status"] for answer in answers]
    # Three for an address; two more for the token; then neither the first address nor another has any left.
    assert statuses == [200, 200, 200, 429, 200, 200, 429]
    assert 50 <= int(answers[3]["headers"]["Retry-After"]) <= 60
    assert fresh[0]["status"] == 200


# --- the process ------------------------------------------------------------------------------------------------------


def test_without_rights_it_serves_and_says_what_it_cannot(lab: Lab, open_path: Path) -> None:
    with running_edge(lab, open_path, user=User.NOBODY, listen="[::]:9443", tcp_port=None, udp_port=None) as running:
        told, back = call(lab, "client", get("/v1/service-data", port=9443), post(REVERSE, port=9443))
        assert "sees no echo requests" in running.log
    assert told["json"]["icmp"] is False
    assert back["json"]["leg"]["reached"] is True


@pytest.mark.parametrize(
    ("changes", "user", "code", "words"),
    [
        ({"listen": "192.0.2.77:8443"}, User.ROOT, 75, "no such address"),
        ({"listen": "[::]:443"}, User.NOBODY, 77, "CAP_NET_BIND_SERVICE"),
        ({"listen": f"[::]:{PORT}"}, User.ROOT, 75, "listens there already"),
        ({"insecure": False}, User.ROOT, 78, "edge.yaml:2:3: edge: give tls"),
    ],
)
def test_who_cannot_start_says_why(
    lab: Lab, edge: Edge, open_path: Path, changes: dict[str, object], user: User, code: int, words: str
) -> None:
    assert edge.process.poll() is None
    file = write_configuration(open_path, tcp_port=None, udp_port=None, **changes)
    done = lab.run("edge", [sys.executable, "-m", "agent", "edge", "-c", str(file)], user=user)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_it_stops_within_five_seconds_though_a_trace_is_under_way(lab: Lab, tmp_path: Path) -> None:
    with running_edge(lab, tmp_path, listen="[::]:9443", tcp_port=None, udp_port=None) as running:
        # Nobody has this address: its path is silent to the end.
        body = {"direction": "forward", "host": "198.51.100.77", "timeout_s": 2.0}
        asking = lab.start("client", caller_command(lab, post(body, port=9443)))
        running.await_line("serves")
        time.sleep(1.0)
        begun = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(6) == 0
        took_s = time.monotonic() - begun
        asking.communicate(timeout=20)
    assert took_s < 5.0
    assert "Traceback" not in running.log


def caller_command(lab: Lab, body: dict[str, object]) -> list[str]:
    script = str(Path(__file__).parent / "edge_caller.py")
    return [sys.executable, "-I", "-S", script, lab.address("edge", Family.IPV4), json.dumps([body])]


def test_a_hangup_reads_tokens_and_destinations_again_and_keeps_the_old_ones_on_a_mistake(
    lab: Lab, tmp_path: Path
) -> None:
    new = "a-token-that-came-later-on"
    forward = {"direction": "forward", "host": "198.51.100.2"}
    with running_edge(lab, tmp_path, listen="[::]:9443", tcp_port=None, udp_port=None) as running:
        (before,) = call(lab, "client", post(forward, port=9443, token=new))
        write_configuration(tmp_path, listen="[::]:9443", tcp_port=None, udp_port=None, allow_destinations=[])
        (tmp_path / "tokens").write_text(f"{new}\n")
        running.process.send_signal(signal.SIGHUP)
        running.await_line("was read again: 1 tokens")
        after, old, data = call(
            lab,
            "client",
            post(forward, port=9443, token=new),
            get("/v1/service-data", port=9443),
            get("/v1/service-data", port=9443, token=new),
        )
        (tmp_path / "edge.yaml").write_text("edge: {name: 7}\n")
        running.process.send_signal(signal.SIGHUP)
        running.await_line("stays, for the new one is wrong")
        (kept,) = call(lab, "client", get("/v1/service-data", port=9443, token=new))
        assert "edge.yaml:1:14: edge.name" in running.log
        assert new not in running.log
    assert [before["status"], after["status"], old["status"]] == [401, 403, 401]
    assert [data["status"], kept["status"]] == [200, 200]


# --- who means no good ------------------------------------------------------------------------------------------------

# Whatever a trace could send: echoes, datagrams but STUN's own answers, openings of connections.
COUNTERS = """
table inet counted {
    chain output {
        type filter hook output priority 0;
        icmp type echo-request counter
        icmpv6 type echo-request counter
        udp sport != 33500 counter
        tcp flags & (syn | ack) == syn counter
    }
}
"""


def probes_sent(lab: Lab) -> int:
    """Return how many packets left the edge that a trace, or a look-up for one, sends."""
    listed = json.loads(lab.run("edge", ["nft", "-j", "list", "table", "inet", "counted"]).stdout)
    rules = (each["rule"]["expr"] for each in listed["nftables"] if "rule" in each)
    return sum(part["counter"]["packets"] for rule in rules for part in rule if "counter" in part)


def attack(lab: Lab, count: int) -> dict[str, dict[str, int]]:
    script = str(Path(__file__).parent / "edge_attack.py")
    command = [sys.executable, "-I", "-S", script, lab.address("edge", Family.IPV4), str(count)]
    done = lab.run("roamer", command, timeout_s=110)
    assert done.returncode == 0, done.stderr
    results: dict[str, dict[str, int]] = json.loads(done.stdout)
    return results


def test_ten_thousand_hostile_requests_cause_no_probe_no_crash_and_no_growth(tmp_path: Path) -> None:
    with Lab(read_map("far_end")) as own, running_edge(own, tmp_path) as running:
        (tmp_path / "rules").write_text(COUNTERS)
        own.tell("edge", f"nft -f {tmp_path / 'rules'}")
        attack(own, 1_000)
        before_kb = running.memory_kb()
        results = attack(own, 10_000)
        grown_kb = running.memory_kb() - before_kb
        assert probes_sent(own) == 0
        told, back = call(own, "client", get("/v1/service-data"), post(REVERSE))
        assert probes_sent(own) > 0
        assert "Traceback" not in running.log
    assert sum(sum(outcomes.values()) for outcomes in results.values()) == 10_000 + 40
    assert results["unknown"] == {"401": 2_000}
    assert results["elsewhere"] == {"403": 2_000}
    assert results["oversized"].keys() <= {"413", "431"}
    # What looks like the start of something longer is waited for, and then no more.
    assert results["malformed"].keys() <= {"400", "401", "403", "404", "408", "422"}
    assert results["packets"] == {"sent": 2_000}
    assert results["slow"] == {"408": 40}
    assert (told["status"], back["json"]["leg"]["reached"]) == (200, True)
    assert grown_kb < 2_048, f"{grown_kb} KB more than after the first thousand"
