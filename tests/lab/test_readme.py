"""The pictures in the README are what the command draws today, figures of time aside."""

import re
import shlex
from pathlib import Path
from typing import Final

import pytest

from tests.lab import ours
from tests.lab.builder import Lab
from tests.lab.network_map import read_map

pytestmark = pytest.mark.lab

_ROOT: Final = Path(__file__).parents[2]
_PICTURE: Final = re.compile(r"^```\n\$ cloudpath (trace [^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PICTURES: Final = dict(_PICTURE.findall((_ROOT / "README.md").read_text(encoding="utf-8")))

# What each picture shows: its map, and what is broken on which node.
_SCENES: Final = {
    "trace -P 443 198.51.100.2": ("office", {"provider": "nft -f tests/lab/provider_down.nft"}),
    "trace --mtu 203.0.113.2": ("narrow", {}),
}


def drawn(lab: Lab, arguments: str, state: Path) -> str:
    """Return what the command draws on a terminal of 80 columns."""
    # Progress goes to standard error, and would come and go with the machine's speed.
    settings = f"env COLUMNS=80 LC_ALL=C.UTF-8 TERM=dumb XDG_STATE_HOME={shlex.quote(str(state))}"
    command = f"{settings} {shlex.join(ours.COMMAND)} {arguments} 2>/dev/null"
    done = lab.run("client", ("script", "--quiet", "--command", command, "/dev/null"))
    return done.stdout.replace("\r\n", "\n")


def without_times(text: str) -> str:
    """Return a drawing without its times, and without the blanks that depend on how wide they are."""
    lines = (re.sub(r"(?<![\d.])\d+\.\d+(?![\d.])", "#", line) for line in text.strip().splitlines())
    return "\n".join(re.sub(r" +", " ", line) for line in lines)


def test_each_picture_has_its_scene() -> None:
    assert set(_PICTURES) == set(_SCENES)


@pytest.mark.parametrize("arguments", _SCENES)
def test_a_picture_is_what_is_drawn_today(arguments: str, tmp_path: Path) -> None:
    map_, broken = _SCENES[arguments]
    with Lab(read_map(map_)) as lab:
        for node, step in broken.items():
            assert lab.run(node, ("bash", "-c", step)).returncode == 0
        text = drawn(lab, arguments, tmp_path)
    assert max(map(len, text.splitlines())) <= 80
    assert without_times(text) == without_times(_PICTURES[arguments])
