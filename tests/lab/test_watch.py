"""`cloudpath watch` on real networks: changes of path and network meanwhile, loss that is none, a target that dies."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import pytest

from probes.facts import Family
from tests.lab.builder import Lab, User
from tests.lab.network_map import read_map
from tests.lab.ours import COMMAND
from tests.unit.terminal.pty_run import Terminal

pytestmark = pytest.mark.lab

TARGET: Final = "198.51.100.2"
# From a change to what is seen of it: a round, a check, and a processor that has other work.
SEEN_WITHIN_S: Final = 10.0
DEAF: Final = "table inet dead { chain input { type filter hook input priority filter; policy drop; }; }"


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@contextmanager
def watching(lab: Lab, *arguments: str, user: User = User.ROOT) -> Iterator[Terminal]:
    """Run the command on the client, until its first verdict is there."""
    command = lab.command("client", (*COMMAND, "watch", "--proxy", "none", "-n", "--fresh", *arguments), user=user)
    with Terminal(command, columns=100, lines=30) as terminal:
        terminal.wait_for("checked ")
        yield terminal


def row(terminal: Terminal, hop: str) -> list[str]:
    """Return the cells of the row of one hop: TTL, address, loss, sent and so on; none where it is not shown."""
    cells = [line.split() for line in terminal.shown]
    return next((each for each in cells if each[:1] == [hop] and len(each) > 4), [])


def wait_for_rounds(terminal: Terminal, hop: str, number: int) -> None:
    terminal.wait_until(lambda: sent(terminal, hop) >= number, f"hop {hop} was not asked {number} times")


def sent(terminal: Terminal, hop: str) -> int:
    cells = row(terminal, hop)
    return int(cells[3]) if cells else 0


def loss(terminal: Terminal) -> dict[str, str]:
    """Return the loss of every row by its TTL."""
    cells = [line.split() for line in terminal.shown]
    return {each[0]: each[2] for each in cells if len(each) > 4 and each[2:3] and each[2].endswith("%")}


def quit_with(terminal: Terminal) -> int:
    terminal.send("q")
    return terminal.end()


def test_stock_routers_miss_nothing_at_the_usual_interval(network: Callable[[str], Lab]) -> None:
    """A burst of six, then one a second, is what each of them answers: two checks and the rounds between stay below."""
    lab = network("chain")
    with watching(lab, "--source", lab.fresh_source("client", Family.IPV4), TARGET) as terminal:
        wait_for_rounds(terminal, "5", 13)
        assert loss(terminal) == {str(ttl): "0%" for ttl in range(1, 7)}
        assert quit_with(terminal) == 0


def test_a_router_that_spares_itself_loses_nothing(network: Callable[[str], Lab]) -> None:
    lab = network("limited")
    with watching(lab, "--source", lab.fresh_source("client", Family.IPV4), TARGET) as terminal:
        wait_for_rounds(terminal, "3", 5)
        terminal.send("jj")
        terminal.wait_for("Hop 2 answers only now and then")
        assert terminal.shown[1].startswith("✔ No errors")
        assert loss(terminal)["5"] == "0%"
        assert float(loss(terminal)["2"].rstrip("%")) > 0
        assert quit_with(terminal) == 0


def test_a_path_that_changes_is_told_and_keeps_figures_of_its_own() -> None:
    with Lab(read_map("balanced")) as lab:
        lab.tell("r1", "ip route replace 198.51.100.0/24 via 10.1.1.2")
        lab.tell("r4", "ip route replace 192.0.2.0/24 via 10.4.1.1")
        with watching(lab, TARGET) as terminal:
            wait_for_rounds(terminal, "2", 4)
            lab.tell("r1", "ip route replace 198.51.100.0/24 via 10.1.2.2")
            terminal.wait_for("path changed (hop 2: 10.1.1.2 → 10.1.2.2)", SEEN_WITHIN_S)
            terminal.wait_until(lambda: row(terminal, "2")[1:2] == ["10.1.2.2"], "the new router has no row")
            assert sent(terminal, "2") < sent(terminal, "1"), "the old router's probes are not the new one's"
            terminal.send("c")
            terminal.wait_for("The path from")
            assert row(terminal, "2")[1] == "10.1.1.2"
            assert quit_with(terminal) == 0


def test_rounds_of_one_flow_keep_to_one_path_where_load_is_shared(network: Callable[[str], Lab]) -> None:
    with watching(network("balanced"), "-u", TARGET) as terminal:
        wait_for_rounds(terminal, "2", 12)
        assert "path changed" not in "\n".join(terminal.shown)
        assert sent(terminal, "2") == sent(terminal, "1"), "one router answers there, all the time"
        assert quit_with(terminal) == 0


def test_a_link_that_flaps_is_told_at_once_and_is_nobody_s_loss() -> None:
    with Lab(read_map("watched")) as lab, watching(lab, TARGET) as terminal:
        wait_for_rounds(terminal, "1", 3)
        lab.tell("client", "ip link add apart type veth peer name apart1")
        terminal.send("xc")
        terminal.wait_for("apart interface added", SEEN_WITHIN_S)
        terminal.send("c")
        terminal.wait_until(lambda: "apart" not in "".join(terminal.shown), "what touches nothing is no news")
        began = time.monotonic()
        lab.tell("client", "ip link set to-r1 down")
        terminal.wait_for("no errors → CP-02", SEEN_WITHIN_S)
        assert terminal.shown[1].startswith("✘ It is this machine's network settings"), terminal.shown
        took_s = time.monotonic() - began
        lab.tell("client", "ip link set to-r1 up", "ip route replace default via 192.0.2.2")
        terminal.wait_for("CP-02 → no errors", SEEN_WITHIN_S)
        before = sent(terminal, "1")
        wait_for_rounds(terminal, "1", before + 2)
        assert loss(terminal) == {"1": "0%", "2": "0%"}, "what a changed network lost counts for nothing"
        terminal.send("c")
        terminal.wait_for("to-r1 link changed: up → down")
        assert quit_with(terminal) == 0
        assert took_s < SEEN_WITHIN_S


def test_a_target_that_dies_and_comes_back_changes_the_verdict() -> None:
    with Lab(read_map("chain")) as lab:
        source = lab.fresh_source("client", Family.IPV4)
        with watching(lab, "-w", "0.5", "--source", source, TARGET) as terminal:
            wait_for_rounds(terminal, "6", 3)
            lab.tell("server", f"echo '{DEAF}' | nft -f -")
            terminal.wait_until(
                lambda: "does not answer" in " ".join(terminal.shown[1:4]), "nobody says that it is dead", 20
            )
            assert {loss(terminal)[str(ttl)] for ttl in range(1, 6)} == {"0%"}, (
                "the routers before it answer as they did"
            )
            lab.tell("server", "nft flush ruleset")
            terminal.wait_until(lambda: "reached in 6 hops" in terminal.shown[1], "nobody says that it is back", 20)
            assert float(loss(terminal)["6"].rstrip("%")) > 0, "the time that it was away is not forgotten"
            assert quit_with(terminal) == 0


def test_it_needs_no_rights(network: Callable[[str], Lab]) -> None:
    lab = network("chain")
    source = lab.fresh_source("client", Family.IPV4)
    with watching(lab, "--source", source, TARGET, user=User.NOBODY) as terminal:
        wait_for_rounds(terminal, "5", 3)
        assert set(loss(terminal).values()) == {"0%"}
        assert quit_with(terminal) == 0


def test_records_tell_of_a_change_without_waiting_for_their_turn() -> None:
    with Lab(read_map("watched")) as lab:
        arguments = ("watch", "--proxy", "none", "-n", "--json", "--checks", "60", TARGET)
        with lab.start("client", (*COMMAND, *arguments)) as running:
            assert running.stdout is not None
            first = json.loads(running.stdout.readline())
            lab.tell("client", "ip link set to-r1 down")
            second = json.loads(running.stdout.readline())
            os.kill(running.pid, signal.SIGTERM)
            running.communicate(timeout=10)
        assert first["status"] == "ok"
        assert [error["code"] for error in second["errors"]] == ["CP-02"]
        apart = datetime.fromisoformat(second["started_at"]) - datetime.fromisoformat(first["started_at"])
        assert apart.total_seconds() < SEEN_WITHIN_S
