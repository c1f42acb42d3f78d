"""The path MTU: which size goes next, at which TTL, when to stop, and what it adds up to; no clock, no socket.

Large packets go beside small ones that must come back, so that silence means something. Who reports a narrower link is
asked to prove it: the size that he names, and one octet more, go next (RFC 1191, RFC 8201). Where nobody says anything
the largest size that passes is searched for, many sizes at once (RFC 4821, RFC 8899), and the place where larger ones
vanish is the last hop that still answers "time exceeded" to one.
"""

from __future__ import annotations

from math import inf

from probes.facts import Answer, MtuCertainty, PathMtu, RejectReason
from probes.failure import Failure
from probes.seam import Unreadable
from probes.trace.attempt import Ending
from probes.trace.ending import ending_of
from probes.trace.ledger import Ledger
from probes.trace.match import Match, from_target, match
from probes.trace.mtu_evidence import Evidence, Refusal, between
from probes.trace.mtu_place import Places
from probes.trace.mtu_settings import LEAST_LINK_MTU, MOST_OCTETS, MtuSettings
from probes.trace.mtu_shots import Shots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final

    from probes.facts import Method
    from probes.seam import Flow, Probe, Received, Stamp
    from probes.trace.mtu_evidence import Gap
    from probes.trace.mtu_settings import KnownPath
    from probes.trace.mtu_shots import Shot

# So many small packets without an answer end the search.
_OPENINGS: Final = 4
# What passes nearly everywhere: Ethernet, and IPv6's minimum.
_USUAL: Final = (1500, 1280)
_NO_ANSWER: Final = "the target did not answer any more"
_NOT_FINISHED: Final = "not finished: answers get lost too often, or too many places are narrow"
_LAST_LINK: Final = (
    "only the last hop answers no packet larger than that: its own limit for echo requests, or the loss of its equally "
    "large replies, would look the same"
)


class PathMtuPlan:
    """Measures the path MTU of one flow.

    Args:
        flow: What all probes share; ICMP or UDP.
        path: What is known of the path.
        random_bytes: Returns so many unguessable bytes.
        now: When it starts, in monotonic seconds.
        settings: The numbers to obey.
    """

    def __init__(
        self,
        *,
        flow: Flow,
        path: KnownPath,
        random_bytes: Callable[[int], bytes],
        now: float,
        settings: MtuSettings | None = None,
    ) -> None:
        self._flow = flow
        self._path = path
        self._settings = settings or MtuSettings()
        self._ledger = Ledger(flow, random_bytes)
        self._started_at = now
        self._link_mtu = min(path.link_mtu or MOST_OCTETS, MOST_OCTETS)
        self._evidence = Evidence(LEAST_LINK_MTU[flow.family])
        self._places = Places(path.hops, distance=path.distance, settings=self._settings)
        self._end_ttl = None if path.answers or not path.hops else path.hops[-1].probe_ttl
        paced = path.limited or self._end_ttl is not None
        self._shots = Shots(self._ledger, self._settings, rtt_s=path.rtt_s, paced=paced)
        self._refused: dict[Failure, int] = {}
        self._openings = 0
        self._wake_at = -inf
        self._ended: MtuCertainty | None = None
        self._reason: str | None = None
        if not path.answers and self._end_ttl is None:
            self._end(MtuCertainty.UNKNOWN, "neither the target nor any hop answers")

    # --- the calls of a plan ------------------------------------------------------------------------------------------

    def probes_to_send(self, now: float) -> list[Probe]:
        """Return the probes that leave now, in order; close whatever waited long enough."""
        self._wake_at = inf
        for shot in self._shots.expired(now):
            self._miss(shot, now)
        if not self.over:
            self._think(now)
        return [] if self.over else [attempt.probe for attempt in self._shots.leaving(now)]

    def sent(self, probe: Probe, stamp: Stamp) -> None:
        """Take in that a probe left."""
        self._ledger.attempts[probe.number].sent = stamp

    def failed(
        self, number: int | None, failure: Failure, now: float, offender: str | None = None, mtu: int | None = None
    ) -> None:
        """Take in that the host refused a probe, or what it says of the flow; `mtu` is what its link takes.

        A packet that it refuses for any other reason than its size counts as lost: a full queue, or a device that drops
        it (IPv6 tells so with ENOBUFS [measured]), says it of large ones only where those vanish again and again.
        """
        if self.over or not self._ledger.attempts:
            # About packets of another plan, which the same driver carried before.
            return
        self._wake_at = now
        shot = None if number is None else self._shots.by_number.get(number)
        if failure is Failure.MESSAGE_TOO_LONG:
            self._too_big_for_host(shot, offender, mtu)
            if shot is not None:
                self._shots.refused(shot, failure)
        else:
            self._refused[failure] = self._refused.get(failure, 0) + 1
        if sum(self._refused.values()) >= len(self._ledger.attempts):
            self._end(MtuCertainty.UNKNOWN, f"the host refused to send: {', '.join(self._refused)}")

    def reply_received(self, event: Received | Unreadable, now: float) -> None:
        """Take in what arrived, if it answers one of the probes; the end's own word outweighs every other."""
        self._wake_at = now
        if isinstance(event, Unreadable):
            return
        verdict = match(self._ledger, event)
        if isinstance(verdict, Match):
            shot = self._shots.by_number[verdict.attempt.probe.number]
            self._shots.answered(shot, event)
            self._take(shot, event)
        elif verdict.reason is RejectReason.SHORT_QUOTE:
            self._shots.own_ports = True
        elif verdict.reason is RejectReason.DUPLICATE and verdict.attempt is not None:
            # The second answer may be the target's, and the first a liar's.
            shot = self._shots.by_number[verdict.attempt.probe.number]
            if self._is_end(shot, event):
                self._take(shot, event)

    def next_deadline(self) -> float | None:
        """Return the instant at which `probes_to_send` has something to do, None when the plan is over."""
        if self.over:
            return None
        latest = self._started_at + self._settings.longest_s
        return min(self._shots.next_deadline(), self._wake_at, latest)

    def facts(self, *, method: Method | None, now: float) -> PathMtu:
        """Return everything found so far; how sure it is can still grow until the plan is over."""
        arrived = self._evidence.arrived
        certainty = self._ended or MtuCertainty.UNKNOWN
        if arrived and certainty is MtuCertainty.UNKNOWN:
            certainty = MtuCertainty.AT_LEAST
        steps = self._evidence.steps(self._places.behind) if arrived else ()
        link_mtu = self._path.link_mtu
        if link_mtu is None and steps and steps[0].probe_ttl == 0 and steps[0].reported_by is None:
            # Nobody knew the first interface: what the host refuses is what it takes.
            link_mtu, steps = steps[0].mtu, steps[1:]
        return PathMtu(
            protocol=self._flow.protocol,
            method=method,
            link_mtu=link_mtu,
            steps=steps,
            certainty=certainty,
            at_least=arrived or None,
            up_to_ttl=self._end_ttl,
            sent=sum(attempt.left for attempt in self._ledger.attempts),
            duration_us=round((now - self._started_at) * 1e6),
            reason=self._reason,
        )

    def stop(self) -> None:
        """End the plan now, with what it has."""
        if not self.over:
            self._end(MtuCertainty.UNKNOWN, "interrupted")

    @property
    def over(self) -> bool:
        """Return whether the plan wants nothing more."""
        return self._ended is not None

    @property
    def nearer_hole(self) -> int | None:
        """Return the hop before which a second black hole takes the largest packets, None where there is none.

        All that is known of it is that it is nearer than the one whose size was found.
        """
        for gap in self._evidence.gaps():
            smallest = None if gap.said_above else self._places.behind(gap.above, None)
            largest = None if gap.said_above else self._places.behind(gap.top, None)
            if smallest is not None and largest is not None and largest < smallest:
                return smallest
        return None

    # --- what became of a packet --------------------------------------------------------------------------------------

    def _take(self, shot: Shot, event: Received) -> None:
        if self._is_end(shot, event):
            self._evidence.arrives(shot.size)
            self._shots.witness(shot, None)
        elif event.answer is Answer.TIME_EXCEEDED:
            self._places.answered(shot.size, shot.probe_ttl)
        elif self._is_refusal(event):
            quoted = event.quote.quoted_ttl
            hop = None if quoted is None or quoted > shot.probe_ttl else shot.probe_ttl - quoted + 1
            self._evidence.refuse(shot.size, Refusal(by=event.sender, claim=event.next_hop_mtu, quoted_hop=hop))
            self._shots.witness(shot, event.sender)
            self._places.refused(shot.size, shot.probe_ttl)

    def _is_end(self, shot: Shot, event: Received) -> bool:
        """Return whether an answer proves that the packet got to the end: the target, or the last hop that answers."""
        if shot.to_end and self._end_ttl is not None and event.answer is Answer.TIME_EXCEEDED:
            return True
        theirs = from_target(self._flow, event.sender)
        return ending_of(event.answer, event.icmp, from_target=theirs) is Ending.REACHED

    def _is_refusal(self, event: Received) -> bool:
        """Return whether somebody says that he does not pass this packet on.

        A firewall that lets small packets by and refuses large ones may say it in other words than "too big".
        """
        return event.answer in {Answer.PACKET_TOO_BIG, Answer.DESTINATION_UNREACHABLE}

    def _too_big_for_host(self, shot: Shot | None, offender: str | None, mtu: int | None) -> None:
        """Note the host's own refusal of one packet, or of all under way that are larger than it says."""
        if shot is not None:
            self._evidence.refuse(shot.size, Refusal(by=offender, local=True, claim=mtu))
        elif mtu is not None:
            for size in {each.size for each in self._shots.under_way if each.size > mtu}:
                self._evidence.refuse(size, Refusal(by=offender, local=True, claim=mtu))
            self._evidence.host_claims(mtu)

    def _miss(self, shot: Shot, now: float) -> None:
        """Note that nobody answered a packet, which tells something where all others were answered meanwhile."""
        if not shot.to_end:
            self._places.missed(shot.size, shot.probe_ttl, now)
        elif shot.size <= self._evidence.arrived:
            self._shots.end_missed()
        elif shot.size not in self._evidence.refusals:
            told = self._shots.witnessed(shot, self._evidence.reporters_below(shot.size))
            self._shots.give_time(told=told, now=now)
            if told:
                self._evidence.vanish(shot.size)

    # --- what to ask next ---------------------------------------------------------------------------------------------

    def _think(self, now: float) -> None:
        settings = self._settings
        if now >= self._started_at + settings.longest_s or (self._shots.spent and not self._shots.waiting):
            self._end(MtuCertainty.UNKNOWN, _NOT_FINISHED if self._evidence.arrived else _NO_ANSWER)
        elif not self._evidence.arrived:
            self._open()
        elif self._link_mtu > self._evidence.arrived and not self._evidence.tried(self._link_mtu):
            self._ask_end({self._link_mtu} - self._shots.aimed_at_end())
        else:
            # Every gap asks its question, also behind one that is not settled yet.
            settled = [self._settled(gap, now) for gap in self._evidence.gaps()]
            if all(settled):
                self._conclude()

    def _open(self) -> None:
        """Send the largest packet, some that usually pass, and a small one; again where nothing came back."""
        if self._shots.under_way:
            return
        if self._openings >= _OPENINGS:
            self._end(MtuCertainty.UNKNOWN, _NO_ANSWER)
            return
        self._openings += 1
        suspected = self._path.suspected
        usual = () if self._shots.paced else _USUAL
        usual = usual if suspected is None else (suspected, suspected + 1)
        self._ask_end({self._link_mtu, *(size for size in usual if size < self._link_mtu)})

    def _settled(self, gap: Gap, now: float) -> bool:
        """Ask what narrows a gap, then what confirms it and where it is; return whether all of that is known."""
        silent = gap.said_above is None
        if silent and self._doubtful(gap) and not self._confirmed(gap):
            return False
        if not gap.tight:
            self._narrow(gap)
            return False
        if not silent:
            return self._placed(gap.above, gap.said_above, now)
        confirmed = self._confirmed(gap)
        # The largest may vanish nearer than the smallest: then there is another black hole.
        return self._placed(gap.above, None, now) and self._placed(gap.top, None, now) and confirmed

    def _doubtful(self, gap: Gap) -> bool:
        """Return whether silence may well be loss: somebody spoke of a smaller packet, or said that this one passes."""
        if gap.said_below is not None:
            return True
        return self._evidence.claimed(gap.above) and self._evidence.vanished[gap.above] < self._settings.repeats

    def _narrow(self, gap: Gap) -> None:
        """Ask for the size that somebody named and one octet more, or for several where nobody named one."""
        under_way = self._shots.aimed_at_end()
        if gap.claim is not None:
            self._ask_end({size for size in (gap.claim, gap.claim + 1) if gap.below < size < gap.above} - under_way)
        elif not any(gap.below < size < gap.above for size in under_way):
            again = {gap.above} if gap.said_above is None and gap.above == self._link_mtu else set()
            self._ask_end({*between(gap.below, gap.above, self._settings.width), *again})

    def _confirmed(self, gap: Gap) -> bool:
        """Return whether a size vanished often enough; else ask for it again."""
        size, had = gap.above, self._evidence.vanished.get(gap.above, 0)
        needed = self._shots.silences_needed()
        if had >= needed:
            return True
        if size in self._shots.aimed_at_end():
            return False
        self._ask_end([size] * (needed - had), deciding=gap.tight)
        return False

    def _placed(self, size: int, said: Refusal | None, now: float) -> bool:
        questions = self._places.questions(size, said, now)
        if questions is None:
            return True
        if not questions:
            self._wake_at = min(self._wake_at, self._places.due_at(size))
        for each, probe_ttl in questions:
            self._shots.ask([each], probe_ttl, to_end=False)
        return False

    def _ask_end(self, sizes: Iterable[int], *, deciding: bool = False) -> None:
        """Send packets to the end, the largest first, and behind them those that must be answered.

        The order makes a limiter's last token go to the largest one that it lets by, and the answers to the last ones
        say that everybody was awake all the time.
        """
        wanted = sorted(sizes, reverse=True)
        if wanted:
            refused = sorted({*self._evidence.reporters_below(wanted[0]).values()}.difference(wanted), reverse=True)
            control = max(self._evidence.arrived, self._settings.small)
            end_ttl = self._settings.far_ttl if self._end_ttl is None else self._end_ttl
            self._shots.ask([*wanted, *refused, control], end_ttl, to_end=True, deciding=deciding)

    # --- the end ------------------------------------------------------------------------------------------------------

    def _conclude(self) -> None:
        gaps = self._evidence.gaps()
        if not gaps or gaps[0].said_above is not None:
            self._end(MtuCertainty.EXACT, None)
            return
        behind = self._places.behind(gaps[0].above, None)
        last = self._path.distance is not None and behind == self._path.distance - 1
        self._end(MtuCertainty.SEARCHED, _LAST_LINK if last else None)

    def _end(self, certainty: MtuCertainty, reason: str | None) -> None:
        self._ended = certainty
        self._reason = reason
