"""What the wide engine makes of the kernel's stamps while the wall clock is set."""

import socket

import pytest

from probes.drivers.linux import SO_TIMESTAMPNS
from probes.drivers.many_echo import TIMESPEC, EchoCarrier

NOW_S = 1000.0
OFFSET_NS = 1_700_000_000_000_000_000


def arrival(stamp_ns: int) -> float:
    carrier = EchoCarrier.__new__(EchoCarrier)
    carrier._monotonic = lambda: NOW_S
    carrier._offset_ns = OFFSET_NS
    control = [(socket.SOL_SOCKET, SO_TIMESTAMPNS, TIMESPEC.pack(*divmod(stamp_ns, 1_000_000_000)))]
    return carrier._arrival(control)


def test_a_stamp_is_told_in_monotonic_time() -> None:
    assert arrival(OFFSET_NS + 999_500_000_000) == pytest.approx(999.5)


@pytest.mark.parametrize("hours", [-24, -1, 1, 24])
def test_a_stamp_of_a_clock_that_was_set_meanwhile_is_the_present(hours: int) -> None:
    assert arrival(OFFSET_NS + 999_500_000_000 + hours * 3_600_000_000_000) == NOW_S
