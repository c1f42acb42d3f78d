"""What all tiers share: how laws are tried, and that a lab test fails, rather than disappears, where it cannot run."""

import os
import shutil
from collections.abc import Callable, Mapping
from typing import Final

import pytest
from hypothesis import settings

# Examples are drawn anew in each run, but in CI always the same ones, so that a change is judged by what it changed. No
# example has a deadline: the machines are shared.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# No run learns from another one: what is remembered of paths goes where nothing can be kept, unless a test says where.
os.environ["XDG_STATE_HOME"] = f"{os.devnull}/nothing"

LAB_TOOLS: Final = (
    "ip",
    "nft",
    "sysctl",
    "setpriv",
    "nsenter",
    "ping",
    "traceroute",
    "tracepath",
    "mtr",
    "scamper",
    "dnsmasq",
    "tinyproxy",
    "unbound",
    "squid",
    "nginx",
    "openssl",
    "tcpdump",
    "rsyslogd",
    "logrotate",
    "journalctl",
    "debootstrap",
    "systemd-nspawn",
    "rpm",
)


def what_the_lab_lacks(user_id: int, which: Callable[[str], str | None]) -> tuple[str, ...]:
    """Return what a lab test needs and this machine does not give, in words."""
    rights = () if user_id == 0 else ("root",)
    return (*rights, *(tool for tool in LAB_TOOLS if which(tool) is None))


def lab_is_required(environment: Mapping[str, str]) -> bool:
    """Return whether a lab test that cannot run is a failure: in CI, and where it is asked for."""
    return environment.get("CI", "").lower() in {"true", "1"} or environment.get("CLOUDPATH_REQUIRE_LAB") == "1"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail or skip a lab test that cannot run here, saying what is missing."""
    if item.get_closest_marker("lab") is None:
        return
    lacking = what_the_lab_lacks(os.geteuid(), shutil.which)
    if not lacking:
        return
    message = f"the lab lacks {', '.join(lacking)}; as root on Debian, scripts/test installs the tools"
    if lab_is_required(os.environ):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
