"""The real clock and its text."""

from probes.clock import SystemClock, utc_text


def test_instants_are_rfc_3339_with_milliseconds() -> None:
    assert utc_text(0) == "1970-01-01T00:00:00.000Z"
    assert utc_text(1_795_395_661_999_999_999) == "2026-11-23T01:01:01.999Z"


def test_monotonic_time_never_runs_back_and_boot_time_is_never_behind_it() -> None:
    clock = SystemClock()
    first = clock.monotonic()
    boot = clock.boottime()
    assert clock.monotonic() >= first
    assert boot >= first
