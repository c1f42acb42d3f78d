"""The load on an edge: its network leads where it should, and its report has every figure."""

from bench.edge import _TRACED, line_map, report
from probes.facts import Family


def test_agents_reach_the_edge_by_so_many_routers() -> None:
    network = line_map(3)
    assert len(network.path("agents", "edge", Family.IPV4)) == 4
    assert network.address("edge", Family.IPV4) == "10.1.4.2"
    assert len(network.path("edge", "far", Family.IPV4)) == 2


def test_only_traces_made_anew_count_as_such() -> None:
    log = (
        "t 10.64.1.0 POST /v1/traces 200 22 ms: reverse adaptive to 10.64.1.0\n"
        "t 10.64.1.0 POST /v1/traces 200 1 ms: forward icmp to 10.65.1.3, 4 s old\n"
        "t 10.64.1.0 POST /v1/traces 503 0 ms: this edge has enough to do\n"
    )
    assert _TRACED.findall(log) == [("22", ""), ("1", ", 4 s old")]


def test_failures_are_told_one_by_one() -> None:
    figures = {"samples": 9, "took_s": 1.0, "failed": 2, "failures": {"no answer": 2}, "anew": 7, "cached": 7}
    times = dict.fromkeys(("cpu_share", "cpu_ms", "rss_mb", "p50_ms", "p95_ms", "traced_p50_ms", "traced_p95_ms"), 0.5)
    assert report({**figures, **times}).splitlines()[:2] == ["9 samples in 1.0 s, 2 failed", "  2 x no answer"]
