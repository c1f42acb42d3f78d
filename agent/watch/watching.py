"""A watched path, added up: rounds and checks go in, a picture comes out. Pure."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, assert_never

from agent.watch.news import Broken, Check, Doing, Moved, Round
from agent.watch.picture import Event, EventKind, FormerPath, Picture, Row
from agent.watch.place import Place
from agent.watch.tally import Tally, loss_class
from probes.facts import EndReason
from probes.frozen import replace
from rules.diagnosis import Status

if TYPE_CHECKING:
    from typing import Final

    from agent.watch.news import News
    from agent.watch.place import HopChange
    from probes.facts import Hop, Leg, Responder
    from probes.host_facts import NetworkChange

# What happens once a minute fits for an hour and a half; nobody reads more of it in a terminal.
_MOST_EVENTS: Final = 100
_MOST_FORMER: Final = 20


class Watching:
    """Adds up what is told of one target.

    Args:
        target: As a person named it.
        now_s: When it begins, in seconds since 1970.
    """

    def __init__(self, target: str, now_s: float) -> None:
        self._events: deque[Event] = deque([Event(at_s=now_s, kind=EventKind.STARTED)], maxlen=_MOST_EVENTS)
        self._former: deque[FormerPath] = deque(maxlen=_MOST_FORMER)
        self._formers = 0
        self._picture = Picture(target=target, since_s=now_s)
        self._path = _Path(now_s)

    def take(self, news: News) -> None:
        """Take in what happened.

        Raises:
            Exception: That of whoever measures, where it could not go on.
        """
        match news:
            case Round():
                self._take_leg(news.leg, news.at_s)
            case Check():
                self._take_check(news)
            case Moved():
                self._take_change(news)
            case Doing():
                self._picture = replace(self._picture, phase=news.phase, interval_s=news.interval_s)
            case Broken():
                raise news.error
            case _:
                assert_never(news)

    def reset(self, now_s: float) -> None:
        """Begin all figures anew, along the path as it is."""
        self._path = _Path(now_s)
        self._picture = replace(self._picture, rounds=0, since_s=now_s)
        self._events.append(Event(at_s=now_s, kind=EventKind.RESET))

    def picture(self) -> Picture:
        """Return everything as it is now."""
        # What the path does not rest on is told late.
        events = tuple(sorted(self._events, key=lambda event: event.at_s))
        return replace(self._picture, rows=self._path.rows(), events=events, former=tuple(self._former))

    # --- what is told -------------------------------------------------------------------------------------------------

    def _take_leg(self, leg: Leg, at_s: float) -> None:
        path = self._path
        if path.leads_elsewhere(leg):
            event = Event(at_s=at_s, kind=EventKind.TARGET, before=path.address or "", after=leg.address or "")
            self._note(replace(event, path=self._keep(at_s)))
            self._path = path = _Path(at_s)
        former = path.rows()
        hops, distance = path.take(leg)
        self._picture = replace(self._picture, rounds=self._picture.rounds + 1)
        if hops or distance:
            kept = self._keep(at_s, former)
            self._note(Event(at_s=at_s, kind=EventKind.PATH, hops=hops, distance=distance, path=kept))
            path.since_s = at_s

    def _take_check(self, check: Check) -> None:
        if check.diagnosis.status is Status.DISCARDED:
            changes = tuple(change for change in check.sample.network.changes if change.affects_sample)
            self._take_change(Moved(at_s=check.at_s, changes=changes))
            return
        before, after = self._picture.check, _codes(check)
        if before is not None and _codes(before) != after:
            self._note(Event(at_s=check.at_s, kind=EventKind.VERDICT, before=_codes(before), after=after))
        self._picture = replace(self._picture, check=check)
        leg = check.main_leg
        if leg is not None:
            self._take_leg(leg, check.at_s)

    def _take_change(self, moved: Moved) -> None:
        for change in moved.changes:
            self._note(Event(at_s=_when(change, moved.at_s), kind=EventKind.NETWORK, network=change))
        if moved.disturbed:
            self._picture = replace(self._picture, discarded_s=moved.at_s)

    def _note(self, event: Event) -> None:
        self._events.append(event)

    def _keep(self, until_s: float, rows: tuple[Row, ...] | None = None) -> int | None:
        """Keep the path as it was; return its number, None where there was none."""
        rows = self._path.rows() if rows is None else rows
        if not rows:
            return None
        self._formers += 1
        former = FormerPath(number=self._formers, since_s=self._path.since_s, until_s=until_s, rows=rows)
        self._former.append(former)
        return self._formers


def _when(change: NetworkChange, told_s: float) -> float:
    """Return when the network changed, in seconds since 1970; never later than it was told."""
    return min(datetime.fromisoformat(change.at).timestamp(), told_s)


def _codes(check: Check) -> str:
    return " ".join(error.code for error in check.diagnosis.errors)


class _Path:
    """The places of one leg and its end, and how far away that is."""

    def __init__(self, since_s: float) -> None:
        self.since_s = since_s
        self.address: str | None = None
        self._places: dict[int, Place] = {}
        self._end = Tally()
        self._end_responder: Responder | None = None
        self._distance: int | None = None
        self._number = 0

    def leads_elsewhere(self, leg: Leg) -> bool:
        return None not in {self.address, leg.address} and leg.address != self.address

    def take(self, leg: Leg) -> tuple[tuple[HopChange, ...], tuple[int, int] | None]:
        """Take in one round; return who was replaced by whom, and the end's distance before and after if it moved."""
        self._number += 1
        self.address = leg.address
        arrived = leg.hops[-1] if leg.end_reason is EndReason.REACHED and leg.hops else None
        end_lost = self._take_end(leg, arrived)
        moved = self._move(arrived)
        hops = [hop for hop in leg.hops if self._distance is None or hop.probe_ttl < self._distance]
        changes = [self._place(hop).take(hop, self._number, end_lost=end_lost) for hop in hops]
        return tuple(change for change in changes if change is not None), moved

    def rows(self) -> tuple[Row, ...]:
        """Return the path with its end; nothing before the first round."""
        if not self._number:
            return ()
        heard = [ttl for ttl, place in self._places.items() if place.address is not None]
        last = max(heard, default=0) if self._distance is None else self._distance - 1
        places = [place for ttl, place in sorted(self._places.items()) if ttl <= last]
        end = self._end.figures()
        rows = [row for place in places for row in self._rows(place, heard, end_answers=end.answered > 0)]
        return (*rows, self._end_row())

    def _take_end(self, leg: Leg, arrived: Hop | None) -> bool:
        """Add the probes to the end itself; return whether none of them was answered.

        Their loss is that of the series apart from the hops, where there is one: to ask the last hop again and again
        hides what was lost.
        """
        series, hop = leg.end_to_end, arrived
        if hop is not None and hop.responders:
            self._end_responder = hop.responders[0]
        if series is not None and series.sent:
            rtts_us = [] if series.rtt_us is None else [series.rtt_us.avg]
            return self._add_to_end(series.sent, series.received + series.late, rtts_us)
        if hop is not None:
            rtts_us = [rtt_us for responder in hop.responders for rtt_us in responder.rtt_us]
            return self._add_to_end(hop.sent, hop.received + hop.late, rtts_us)
        # Nobody was asked if nothing could be sent; else the end was, behind the last hop that answered.
        return self._add_to_end(1 if leg.hops else 0, 0, [])

    def _add_to_end(self, sent: int, answered: int, rtts_us: list[int]) -> bool:
        self._end.add(sent, answered, rtts_us, end_lost=not answered)
        return not answered

    def _move(self, arrived: Hop | None) -> tuple[int, int] | None:
        before, after = self._distance, None if arrived is None else arrived.probe_ttl
        if after is None or after == before:
            return None
        self._distance = after
        return None if before is None else (before, after)

    def _place(self, hop: Hop) -> Place:
        return self._places.setdefault(hop.probe_ttl, Place(hop.probe_ttl))

    def _rows(self, place: Place, heard: list[int], *, end_answers: bool) -> list[Row]:
        """Return one row, or one for each router that takes turns here."""
        behind = end_answers or any(ttl > place.probe_ttl for ttl in heard)
        rows = []
        for address, tenant in place.tenants():
            figures = tenant.tally.figures()
            meaning = loss_class(figures, behind_answers=behind, end_answers=end_answers)
            rows.append(
                Row(
                    probe_ttl=place.probe_ttl,
                    address=address,
                    responder=tenant.responder,
                    shared=place.shared,
                    figures=figures,
                    loss_class=meaning,
                )
            )
        return rows

    def _end_row(self) -> Row:
        figures = self._end.figures()
        answers = figures.answered > 0
        return Row(
            probe_ttl=self._distance,
            address=self.address,
            responder=self._end_responder,
            shared=(),
            figures=figures,
            loss_class=loss_class(figures, behind_answers=answers, end_answers=answers),
            is_end=True,
        )
