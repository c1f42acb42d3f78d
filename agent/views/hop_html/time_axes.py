"""The axes of a picture over time: where an instant and a value stand, and what is written there."""

from collections.abc import Callable, Iterable, Iterator
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Final

from probes.frozen import frozen

# Both axes of a drawing are so long; what draws it stretches them.
WIDTH: Final = 1000
HEIGHT: Final = 100

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400
# Steps between ticks that a clock or a calendar knows; months follow where these end.
_STEPS_S: Final = tuple(
    [1, 2, 5, 10, 15, 30]
    + [count * _MINUTE for count in (1, 2, 5, 10, 15, 30)]
    + [count * _HOUR for count in (1, 2, 3, 6, 12)]
    + [count * _DAY for count in (1, 2, 7, 14)]
)
# Clocks may be set to anything: the last one cuts all years that there are into a dozen.
_STEPS_MONTHS: Final = (1, 2, 3, 6, *(12 * years for years in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)))
_MONTH_S: Final = 30.44 * _DAY
_MOST_TICKS: Final = 12
# A year has its months, and days to spare.
_MOST_MONTHS: Final = 13
# A wide picture shows every tick, a narrower one each third, the narrowest each sixth.
_LEVELS: Final = ((6, 0), (3, 1), (1, 2))
_FEWEST_DAYS: Final = 2
# Nearer to an end than this (in units of the width) a label hangs inward.
_NEAR_END: Final = 60
# What the top of a scale is rounded up to, times a power of ten, and into how many parts it is cut.
_TOPS: Final = ((1, 4), (1.2, 4), (1.6, 4), (2, 4), (2.4, 4), (3, 3), (4, 4), (5, 5), (6, 3), (8, 4), (10, 4))
# Some values stand so far above the rest that nothing else could be seen beside them: they leave the scale.
_FAR_ABOVE: Final = 3.0
_USUAL_SHARE: Final = 0.97
_ROOM: Final = 1.35


@frozen
class Tick:
    """A line across the picture, with words.

    Attributes:
        at: Where, in per cent of the axis, from the left or from the top.
        level: 0 where every picture has room for its words, 1 and 2 where only a wider one has.
        anchor: How the words hang on it, as in SVG's `text-anchor`.
    """

    at: float
    label: str
    level: int = 0
    anchor: str = "middle"


@frozen
class Scale:
    """What values mean in height: 0 at the bottom, `top` at the top."""

    top: float
    ticks: tuple[Tick, ...]

    def y(self, value: float) -> float:
        """Return how far from the top a value stands, in units; what is above the scale stands at its top."""
        return round(HEIGHT * (1 - min(value, self.top) / self.top), 1)


@frozen
class Span:
    """A stretch of time as the horizontal axis; both ends in seconds since 1970."""

    since: float
    until: float

    def x(self, at: float) -> float:
        """Return how far from the left an instant stands, in units, never outside."""
        return round(WIDTH * min(max((at - self.since) / (self.until - self.since), 0), 1), 1)


def seconds_of(instant: str) -> float:
    """Return an instant (RFC 3339) in seconds since 1970; raises ValueError for another text."""
    return datetime.fromisoformat(instant).timestamp()


def span_of(since: str, until: str) -> Span:
    """Return the axis between two instants (RFC 3339); one without any length gets a second."""
    start = seconds_of(since)
    return Span(since=start, until=max(seconds_of(until), start + 1))


# --- time -------------------------------------------------------------------------------------------------------------


def time_ticks(span: Span) -> tuple[Tick, ...]:
    """Return ticks at round times in UTC, at most a dozen, with days named where they begin."""
    length = span.until - span.since
    step = next((step for step in _STEPS_S if length / step <= _MOST_TICKS), None)
    if step is not None:
        return tuple(_placed(span, _regular(span, step), lambda at: _clock_words(at, step)))
    return tuple(_placed(span, _months(span, length), _month_words))


def _placed(span: Span, instants: Iterable[datetime], words: Callable[[datetime], str]) -> Iterator[Tick]:
    all_of_them = list(instants)
    # Times of day without their days would be a riddle where days are many.
    days = {at for at in all_of_them if not _time_of_day(at)}
    first = days if _FEWEST_DAYS <= len(days) < len(all_of_them) else set(all_of_them[:: _LEVELS[0][0]])
    for number, at in enumerate(all_of_them):
        x = span.x(at.timestamp())
        yield Tick(
            at=round(100 * x / WIDTH, 2),
            label=words(at),
            level=0 if at in first else next(level for every, level in _LEVELS[1:] if number % every == 0),
            anchor="start" if x < _NEAR_END else "end" if x > WIDTH - _NEAR_END else "middle",
        )


def _time_of_day(at: datetime) -> int:
    return at.hour * _HOUR + at.minute * _MINUTE + at.second


def _regular(span: Span, step_s: int) -> Iterator[datetime]:
    # 1970 began on a Thursday: weeks begin on Mondays.
    offset = 4 * _DAY if step_s % (7 * _DAY) == 0 else 0
    at = -(-(span.since - offset) // step_s) * step_s + offset
    while at <= span.until:
        yield datetime.fromtimestamp(at, UTC)
        at += step_s


def _months(span: Span, length_s: float) -> Iterator[datetime]:
    fitting = (each for each in _STEPS_MONTHS if length_s / (each * _MONTH_S) <= _MOST_MONTHS)
    step = next(fitting, _STEPS_MONTHS[-1])
    first = datetime.fromtimestamp(span.since, UTC)
    month = -(-(first.year * 12 + first.month - 1) // step) * step
    while MINYEAR <= month // 12 <= MAXYEAR:
        at = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        if at.timestamp() > span.until:
            return
        if at.timestamp() >= span.since:
            yield at
        month += step


def _clock_words(at: datetime, step_s: int) -> str:
    if step_s >= _DAY or not _time_of_day(at):
        return day_words(at)
    return f"{at:%H:%M}" if step_s >= _MINUTE else f"{at:%H:%M:%S}"


def _month_words(at: datetime) -> str:
    return f"{at:%Y}" if at.month == 1 else f"{at:%b}"


def day_words(at: datetime) -> str:
    """Return `24 Nov`."""
    return f"{at.day} {at:%b}"


def moment_words(instant: str) -> str:
    """Return an instant as `24 Nov 2026, 10:05`, with seconds where it is not on the minute."""
    at = datetime.fromisoformat(instant).astimezone(UTC)
    return f"{day_words(at)} {at:%Y}, {at:%H:%M}" + (f":{at:%S}" if at.second else "")


def stretch_words(seconds: float) -> str:
    """Return how long something is in one unit or two: `5 min`, `12 h 10 min`, `3 days`."""
    whole = timedelta(seconds=round(seconds))
    days, rest = whole.days, whole.seconds
    parts = [
        ("1 day" if days == 1 else f"{days} days", days),
        (f"{rest // _HOUR} h", rest // _HOUR),
        (f"{rest % _HOUR // _MINUTE} min", rest % _HOUR // _MINUTE),
        (f"{rest % _MINUTE} s", rest % _MINUTE),
    ]
    said = [words for words, count in parts if count]
    return " ".join(said[:2]) or "0 s"


# --- values -----------------------------------------------------------------------------------------------------------


def latency_scale(highs_us: Iterable[int]) -> Scale:
    """Return the scale of delays in microseconds: from 0 to a round number of milliseconds above all, or above most.

    Where a few stand far above all others, as after one lost packet in a year, the scale ends above the others.
    """
    ordered = sorted(highs_us) or [1000]
    usual = ordered[min(len(ordered) - 1, int(len(ordered) * _USUAL_SHARE))]
    highest = ordered[-1] if ordered[-1] <= _FAR_ABOVE * usual else usual * _ROOM
    top, parts = _round_top(max(highest, 1))
    return Scale(top=top, ticks=tuple(_value_ticks(top, parts, lambda us: f"{us / 1000:g}")))


def loss_scale(worst: float) -> Scale:
    """Return the scale of a share that is lost (0 to 1): up to 10, 25, 50 or 100 per cent."""
    top = next(each for each in (0.1, 0.25, 0.5, 1.0) if worst <= each)
    return Scale(top=top, ticks=tuple(_value_ticks(top, 1, lambda share: f"{share * 100:.0f}%")))


def _round_top(value: float) -> tuple[float, int]:
    magnitude = 10.0 ** (len(str(int(value))) - 1)
    return next((step * magnitude, parts) for step, parts in _TOPS if step * magnitude >= value)


def _value_ticks(top: float, parts: int, words: Callable[[float], str]) -> Iterator[Tick]:
    for part in range(parts + 1):
        value = top * part / parts
        yield Tick(at=round(100 - 100 * part / parts, 2), label=words(value))
