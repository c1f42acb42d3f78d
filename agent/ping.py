"""A series of echo requests at an interval: one request at a time, put together to one fact."""

from collections.abc import Callable, Iterable

from probes.facts import Reachability
from probes.frozen import replace


def ping(
    ask: Callable[[], Reachability],
    *,
    count: int,
    interval_s: float,
    now: Callable[[], float],
    sleep: Callable[[float], None],
    interrupted: Callable[[], bool],
) -> Reachability | None:
    """Return what came of `count` requests, each sent `interval_s` after the one before or as soon as that is over.

    Args:
        ask: Sends one request and waits for its answer.
        count: How many, at least 1.
        interval_s: Seconds between two requests.
        now: Monotonic seconds.
        sleep: Waits for some seconds, none too long for `interrupted` to be asked often.
        interrupted: Once True, no further request is sent.

    Returns:
        The sum of all requests, None if not one was made. A host that cannot ask is asked once only.
    """
    checks: list[Reachability] = []
    for number in range(count):
        due = now() + interval_s
        if interrupted():
            break
        checks.append(ask())
        if checks[-1].answered is None:
            break
        while number + 1 < count and (left_s := due - now()) > 0 and not interrupted():
            sleep(left_s)
    return summed(checks) if checks else None


def summed(checks: Iterable[Reachability]) -> Reachability:
    """Return one fact for several checks of one address: an answer counts more than the reason for a silence."""
    first, *rest = checks
    total = first
    for check in rest:
        telling = check if check.answered and not total.answered else total
        total = replace(
            telling,
            sent=total.sent + check.sent,
            received=total.received + check.received,
            rtt_us=total.rtt_us + check.rtt_us,
        )
    return total
