"""The trace's settings: every number that the engine obeys, named, with its default and its reason."""

from __future__ import annotations

from probes.frozen import frozen, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


@frozen
class TraceSettings:
    """What a person may ask of a trace, and the constants of the algorithm. Times are seconds.

    Attributes:
        first_ttl: The first probe TTL (hop limit for IPv6).
        max_ttl: The last one.
        queries: Probes to each TTL.
        timeout_s: No wait for one answer is longer; an answer that took as long is late.
        gap_s: Between two hop probes. On busy processors the RTT error's 90th percentile is 0.04 ms with this gap and
            with half as much again (`python -m bench rtt`) [measured].
        window: The first round runs this far ahead of the highest hop that answered.
        later_window: The later rounds run this far ahead: with 12, 20 hops take 1.3 times their RTT, with 10, 1.4,
            with 8, 1.5 [simulated]; each one more is two probes more than needed to a nearer target.
        gap_limit: This many silent hops in a row end a path whose target is silent too.
        retry_delays_s: How long nothing may be heard behind the last answering hop until each retry.
        rtt_factor: A hop may take this many times the RTT of the nearest hop at or behind it that answered ...
        least_wait_s: ... and never less than this; an answer after that is recorded as late.
        silence_factor: With nothing heard behind, this many times the largest RTT ...
        silence_wait_s: ... and never less than this.
        top_up_delay_s: The wait until a target with too few answers is asked again: its limiter's refill.
        burst_limit: Probes to one TTL within `burst_period_s`. Stock Linux routers answer a burst of six, then one
            a second, for each prober (icmp_ratelimit and XRLIM_BURST_FACTOR of the kernel).
        burst_period_s: See `burst_limit`; a little more than a second, for kernels count it in ticks [measured].
        series_count: Probes of the separate series to the target (ICMP and TCP).
        series_ttl: Their TTL: far beyond any target, as an application's packets.
        series_gap_s: Between two of them; they run beside the hop probes.
        scouts: So many of them leave first; the rest waits for the first round, whose answers come out of the same
            bucket where a router refuses all.
        check_delays_s: When a plain reachability check asks, after the answer before failed to come.
        catch_up: So many probes may leave at once when the loop was late.
        send_failure_limit: So many refusals by the host, and nothing sent, end the trace at once.
        clock_tolerance_s: Wall and monotonic clock may tell a round trip this far apart before the wall is distrusted.
        most_off_s: An RTT whose stamps may be off by more is no sample; the answer counts all the same.
        distance_hint: The target's distance as remembered: a hint, never truth.
        progress_interval_s: The least time between two progress reports.
    """

    first_ttl: int = 1
    max_ttl: int = 30
    queries: int = 3
    timeout_s: float = 1.0
    gap_s: float = 0.0001
    window: int = 16
    later_window: int = 10
    gap_limit: int = 5
    retry_delays_s: tuple[float, ...] = (0.1, 0.2)
    rtt_factor: float = 3.0
    least_wait_s: float = 0.05
    silence_factor: float = 4.0
    silence_wait_s: float = 0.5
    top_up_delay_s: float = 1.0
    burst_limit: int = 6
    burst_period_s: float = 1.02
    series_count: int = 10
    series_ttl: int = 64
    series_gap_s: float = 0.0001
    scouts: int = 2
    check_delays_s: tuple[float, ...] = (0.0, 0.1, 0.2)
    catch_up: int = 8
    send_failure_limit: int = 3
    clock_tolerance_s: float = 0.05
    most_off_s: float = 0.0005
    distance_hint: int | None = None
    progress_interval_s: float = 0.1

    @property
    def longest_s(self) -> float:
        """Return a bound on one plan's duration: every hop answers at the last moment, the target needs a top-up."""
        ttls = self.max_ttl - self.first_ttl + 2
        probes = ttls * (2 * self.queries + len(self.retry_delays_s)) + self.series_count
        rounds_s = max(0, self.queries - self.burst_limit + 1) * self.burst_period_s
        quiet_s = sum(self.retry_delays_s) + 2 * self.least_wait_s + self.timeout_s
        end_s = self.top_up_delay_s + 4 * self.timeout_s + 2 * self.burst_period_s
        return ttls * quiet_s + rounds_s + end_s + probes * (self.gap_s + self.series_gap_s)


# What `fast` changes: everything goes out at once for paths as long as nearly all are.
_FAST_WINDOW: Final = 24


def fast(settings: TraceSettings) -> TraceSettings:
    """Return the settings in a hurry: a far path is known in little more than its slowest round trip.

    The price: up to 40 needless probes to a near target.
    """
    return replace(settings, window=_FAST_WINDOW, later_window=_FAST_WINDOW)
