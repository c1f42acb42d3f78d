"""A row by hand: anybody may watch one, and enter it, without root where user namespaces are allowed."""

import subprocess
import sys
from typing import Final

import pytest

from tests.lab.builder import Lab, User
from tests.lab.network_map import parse_map

pytestmark = pytest.mark.lab

ROW: Final = "cp-03/the-name-does-not-exist"
_ALONE: Final = "nodes: {here: , there: }\nlinks: {here -- there: {ipv4: 192.0.2.0/30}}"


def by_hand(*words: str, typed: str = "", user: User = User.NOBODY) -> subprocess.CompletedProcess[str]:
    """Run the lab's command as a user, on a machine of its own so that a closed checkout is open to him."""
    with Lab(parse_map("alone", _ALONE)) as lab:
        command = (*lab.command("here", (), user=user), "env", "HOME=/tmp", sys.executable, "-m", "tests.lab", *words)
        return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("user", User)
def test_a_row_is_watched(user: User) -> None:
    done = by_hand("watch", ROW, user=user)
    assert done.returncode == 1, done.stderr
    assert "$ cloudpath trace -n nosuch.example.test" in done.stdout
    assert "✘ CP-03" in done.stdout


@pytest.mark.parametrize("user", User)
def test_a_row_is_entered_on_any_of_its_nodes(user: User) -> None:
    done = by_hand("enter", ROW, "resolver1", typed="cat /etc/resolv.conf; ip -brief -4 address; exit 7", user=user)
    assert done.returncode == 7, done.stderr
    assert "203.0.113.34/29" in done.stdout


def test_a_row_that_there_is_not_is_named_with_those_that_there_are() -> None:
    done = by_hand("watch", "nonsense", user=User.ROOT)
    assert done.returncode == 2
    assert "no row is called nonsense" in done.stderr
    assert ROW in done.stderr
    assert "Traceback" not in done.stderr


def test_a_node_that_there_is_not_is_named_with_those_that_there_are() -> None:
    done = by_hand("enter", ROW, "tower", user=User.ROOT)
    assert done.returncode == 2
    assert "cloud has no node tower; there are client, gateway" in done.stderr
