"""An empty module stands in for a heavy one, once at a time, and leaves no trace."""

import subprocess
import sys
import threading
import time

import pytest

from probes.drivers.stand_in import StandIn


def test_it_stands_there_as_long_as_its_context_lasts() -> None:
    with StandIn("no_such_module_at_all"):
        import no_such_module_at_all  # type: ignore[import-not-found] # noqa: PLC0415

        assert [name for name in vars(no_such_module_at_all) if not name.startswith("__")] == []
    assert "no_such_module_at_all" not in sys.modules


def test_what_is_loaded_stays_itself() -> None:
    before = sys.modules["threading"]
    with StandIn("threading"):
        assert sys.modules["threading"] is before
    assert sys.modules["threading"] is before


def test_it_goes_after_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), StandIn("no_such_module_at_all"):
        raise ZeroDivisionError
    with StandIn("no_such_module_at_all"):
        pass
    assert "no_such_module_at_all" not in sys.modules


def test_samples_beside_each_other_take_turns() -> None:
    seen: list[bool] = []

    def take_turn() -> None:
        with StandIn("no_such_module_at_all"):
            time.sleep(0.01)
            seen.append("no_such_module_at_all" in sys.modules)

    threads = [threading.Thread(target=take_turn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 4
    assert "no_such_module_at_all" not in sys.modules


ECHO = """
from probes.clock import SystemClock
from probes.drivers.icmp_echo import echo
from probes.facts import Role
assert echo(Role.CONTROL, "127.0.0.1", count=1, timeout_s=1, clock=SystemClock()).sent == 1
"""
DNS = """
from probes.drivers.dns_codec import load_dnspython
load_dnspython()
import dns.message
"""


@pytest.mark.parametrize(
    ("work", "package", "heavy"), [(ECHO, "icmplib", "asyncio"), (DNS, "dns", "importlib.metadata")]
)
def test_packages_are_loaded_without_what_is_heavy(work: str, package: str, heavy: str) -> None:
    program = f"{work}\nimport sys\nassert {package!r} in sys.modules\nassert {heavy!r} not in sys.modules"
    subprocess.run((sys.executable, "-c", program), check=True)
