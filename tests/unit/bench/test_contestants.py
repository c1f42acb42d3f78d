"""The contestants: what is asked of them, and how what they say is read."""

import json

import pytest

from bench.contestants import (
    CONTESTANTS,
    Ask,
    Contestant,
    read_engine,
    read_hops,
    read_mtr,
    read_record,
    read_scamper,
    read_tracepath,
    read_traceroute,
)
from bench.figures import SITUATIONS
from tests.lab.builder import User
from tests.unit.bench.samples import ICMP, UDP

ASK = Ask(source="10.99.0.10", destination="198.51.100.2", situation=ICMP)


@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda each: each.name)
def test_every_command_names_the_destination_and_its_source(contestant: Contestant) -> None:
    words = " ".join(contestant.command(Ask(source="10.99.0.10", destination="198.51.100.2", situation=UDP)))
    assert words.endswith("198.51.100.2")
    assert ("10.99.0.10" in words) is contestant.own_source


def test_names_are_unique() -> None:
    names = [each.name for each in CONTESTANTS]
    assert len(names) == len(set(names))


def test_ours_run_in_every_situation() -> None:
    for contestant in CONTESTANTS[:3]:
        assert all(contestant.takes_part(situation) for situation in SITUATIONS)


def test_nobody_runs_only_what_needs_no_privilege() -> None:
    able = {each.name for each in CONTESTANTS for how in SITUATIONS if how.user is User.NOBODY and each.takes_part(how)}
    assert not able & {"scapy sr()", "icmplib", "scamper -q 1", "mtr -c 3"}


def test_a_name_for_traceroute_is_its_command_line() -> None:
    (contestant,) = (each for each in CONTESTANTS if each.name == "traceroute -N 90 -w 1")
    assert " ".join(contestant.command(ASK)) == "traceroute -n -I -N 90 -w 1 -s 10.99.0.10 198.51.100.2"


def test_the_engine_tells_hops_and_its_own_time() -> None:
    answer = read_engine('{"hops": ["10.0.0.1", null, "10.0.0.3", null], "duration_us": 41500}')
    assert (answer.hops, answer.in_process_ms) == (("10.0.0.1", None, "10.0.0.3"), 41.5)


def test_a_record_tells_the_targets_round_trip() -> None:
    hops = [
        {"probe_ttl": 1, "responders": []},
        {"probe_ttl": 2, "responders": [{"address": "10.0.0.2", "rtt_us": [40_100, 40_300, 40_200]}]},
    ]
    record = {"legs": [{"hops": hops, "reached": True, "duration_us": 42_000}]}
    answer = read_record(json.dumps(record))
    assert (answer.hops, answer.target_rtt_ms, answer.in_process_ms) == ((None, "10.0.0.2"), 40.2, 42.0)


def test_traceroute_tells_the_targets_median() -> None:
    text = (
        "traceroute to 10.0.0.2 (10.0.0.2), 30 hops max, 60 byte packets\n"
        " 1  * * *\n 2  10.0.0.2  40.361 ms *  40.607 ms\n"
    )
    answer = read_traceroute(text)
    assert answer.hops == (None, "10.0.0.2")
    assert answer.target_rtt_ms == pytest.approx(40.484)


def test_mtr_tells_a_mean() -> None:
    hubs = [{"count": 1, "host": "???", "Avg": 0.0}, {"count": 2, "host": "10.0.0.2", "Avg": 40.5}]
    answer = read_mtr(json.dumps({"report": {"hubs": hubs}}))
    assert (answer.hops, answer.target_rtt_ms) == ((None, "10.0.0.2"), 40.5)


def test_scamper_tells_the_targets_replies() -> None:
    hops = [{"addr": "10.0.0.1", "probe_ttl": 1, "rtt": 0.1}, {"addr": "10.0.0.2", "probe_ttl": 2, "rtt": 40.2}]
    lines = [{"type": "cycle-start"}, {"type": "trace", "dst": "10.0.0.2", "hops": hops}, {"type": "cycle-stop"}]
    answer = read_scamper("\n".join(map(json.dumps, lines)))
    assert (answer.hops, answer.target_rtt_ms) == (("10.0.0.1", "10.0.0.2"), 40.2)


def test_tracepath_tells_itself_first_and_silence_in_words() -> None:
    text = (
        " 1?: [LOCALHOST]                      pmtu 1500\n"
        " 1:  10.0.0.1                                              0.066ms\n"
        " 1:  10.0.0.1                                              0.010ms\n"
        " 2:  no reply\n"
        " 3:  10.0.0.3                                             40.337ms reached\n"
        "     Resume: pmtu 1500 hops 3 back 3\n"
    )
    answer = read_tracepath(text)
    assert (answer.hops, answer.target_rtt_ms) == (("10.0.0.1", None, "10.0.0.3"), 40.337)


def test_the_libraries_scripts_tell_hops_and_a_round_trip() -> None:
    answer = read_hops('{"hops": ["10.0.0.1", null], "target_rtt_ms": null}')
    assert (answer.hops, answer.target_rtt_ms) == (("10.0.0.1",), None)
