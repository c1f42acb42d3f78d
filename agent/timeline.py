"""A target's samples over time, thinned for a picture: pure, and no outlier is ever lost by it.

A bucket tells the least, the median and the most of what is in it, its worst status and every error's code, so that a
single bad sample in a year still shows, and names a sample to look at.
"""

from __future__ import annotations

from probes.frozen import frozen


@frozen
class Moment:
    """One sample, as a point in time.

    Attributes:
        at: When it began, RFC 3339 UTC with milliseconds.
        status: As in the record.
        codes: Of its errors, the gravest first.
        latency_us: The average round-trip time to the destination, None where nothing answered or nothing was asked.
        loss_ratio: Lost of what was asked of the destination, None where nothing was asked.
        path: The same for samples whose packets took the same way, None where no hop is known.
    """

    seq: int
    at: str
    status: str
    codes: tuple[str, ...] = ()
    latency_us: int | None = None
    loss_ratio: float | None = None
    path: str | None = None


@frozen
class Bucket:
    """The samples of one stretch of time, at least one.

    Attributes:
        since: When the stretch begins, RFC 3339 UTC with milliseconds; it ends before `until`.
        samples: How many.
        low_us: The least latency, with `median_us` and `high_us`; None where none was measured.
        loss_ratio: The mean of those known; `worst_loss_ratio` is the most.
        status: The worst.
        codes: Of all of them, each once.
        paths: How many different ways there are.
        shown: The sample to open for it: the first of the worst status, and of those the slowest.
    """

    since: str
    until: str
    samples: int
    low_us: int | None
    median_us: int | None
    high_us: int | None
    loss_ratio: float | None
    worst_loss_ratio: float | None
    status: str
    codes: tuple[str, ...]
    paths: int
    shown: Moment


@frozen
class Happening:
    """What happened to the network or to the store between samples; `kind` is `change` or `gap`."""

    seq: int
    at: str
    kind: str
    title: str
    text: str


@frozen
class Timeline:
    """One target's samples from `since` until before `until`, and what happened meanwhile.

    Attributes:
        buckets: In the order of time; stretches without samples are left out, and a picture shows them as gaps.
        bucket_s: How long each stretch is; 0 where every bucket is one sample.
        samples: How many there are in all buckets.
    """

    target: str
    since: str
    until: str
    bucket_s: int
    samples: int
    buckets: tuple[Bucket, ...]
    happenings: tuple[Happening, ...]
