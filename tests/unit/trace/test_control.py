"""Control probes: sent once, waited for no longer than they are worth."""

from probes.facts import StampSource
from probes.failure import Failure
from probes.seam import Identity, Probe, Stamp
from probes.trace.attempt import Attempt, Purpose
from probes.trace.control import Control


def issue(ttl: int, now: float) -> Attempt:
    probe = Probe(number=ttl, probe_ttl=ttl, identity=Identity(ttl, bytes(8)))
    attempt = Attempt(probe=probe, purpose=Purpose.CONTROL, issued_at=now)
    attempt.sent = Stamp(now, 0, StampSource.USER)
    return attempt


def test_all_leave_at_once_and_never_again() -> None:
    control = Control([3, 4], wait_s=0.5, issue=issue, now=10.0)
    assert (control.next_deadline(), control.waits(10.0)) == (10.0, True)
    assert [attempt.probe.probe_ttl for attempt in control.probes(10.1)] == [3, 4]
    assert control.probes(10.2) == []


def test_the_wait_counts_from_the_sending() -> None:
    control = Control([3], wait_s=0.5, issue=issue, now=10.0)
    control.probes(10.1)
    assert control.next_deadline() == 10.6
    assert control.waits(10.59)
    assert not control.waits(10.6)


def test_what_was_refused_is_not_waited_for() -> None:
    control = Control([3], wait_s=0.5, issue=issue, now=10.0)
    (attempt,) = control.probes(10.0)
    attempt.failure = Failure.NETWORK_UNREACHABLE
    assert (control.waits(10.0), control.next_deadline()) == (False, None)
