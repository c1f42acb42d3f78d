"""Carries DNS questions to resolvers and answers back: sockets of ours, one loop for all questions at once."""

from __future__ import annotations

import select
import socket
import struct
import threading
from contextlib import suppress
from typing import Protocol, assert_never

from probes.address_order import in_order_of_preference
from probes.dns_check import BOTH_FAMILIES, NameAsked, NameCheck
from probes.dns_exchange import Reply
from probes.drivers.dns_codec import Unusable, decoded, encoded
from probes.failure import Failure, Operation, failure_of
from probes.frozen import replace
from probes.name_facts import NameSource, Transport
from probes.reverse_dns import ReverseNames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final, Self

    from probes.clock import Clock
    from probes.dns_exchange import Question
    from probes.facts import Family, Role
    from probes.host_facts import Resolver, Route
    from probes.name_facts import DnsCheck
    from probes.resolv_conf import ResolvConf


_LARGEST_MESSAGE: Final = 65_535
_LENGTH: Final = struct.Struct("!H")
_LONGEST_NAP_S: Final = 0.01


class _Plan(Protocol):
    """What the loop drives."""

    def queries_to_send(self, now: float) -> Sequence[Question]: ...
    def sent(self, number: int, now: float) -> None: ...
    def replied(self, number: int, reply: Reply, now: float) -> None: ...
    def failed(self, number: int, failure: Failure, now: float) -> None: ...
    def garbled(self, number: int) -> None: ...
    def done(self, now: float) -> bool: ...
    def next_deadline(self) -> float | None: ...


def never() -> bool:
    """Return False: nobody stops."""
    return False


def check_name(
    role: Role,
    name: str,
    *,
    resolv: ResolvConf,
    hosts: str,
    clock: Clock,
    route_to: Callable[[str], Route],
    families: tuple[Family, ...] = BOTH_FAMILIES,
) -> DnsCheck:
    """Return everything asked about one name, within 2.3 s; see `check_names`."""
    asked = NameAsked(role=role, name=name, families=families)
    return check_names([asked], resolv=resolv, hosts=hosts, clock=clock, route_to=route_to)[0]


def check_names(
    asked: Sequence[NameAsked],
    *,
    resolv: ResolvConf,
    hosts: str,
    clock: Clock,
    route_to: Callable[[str], Route],
    stop: Callable[[], bool] = never,
) -> tuple[DnsCheck, ...]:
    """Return everything asked about several names, all at once, in the order asked; within 2.3 s whatever happens.

    Args:
        asked: The names.
        resolv: What resolv.conf says.
        hosts: The text of the hosts file.
        clock: The clock.
        route_to: Looks the way to an address up, for the order of preference (RFC 6724): an address without a way is
            put at the end.
        stop: Asked often; once True, what is unanswered stays so (ABORTED).
    """
    plans = [NameCheck(one, resolv, hosts) for one in asked]
    # Begun first, so that the system works while our own codec is still being loaded.
    with _Loop(clock) as loop:
        for plan in plans:
            if plan.system_name is not None:
                loop.ask_the_system(plan, plan.system_name)
        loop.run(plans, stop)
    now = clock.monotonic()
    return tuple(_ordered(plan.facts(now), route_to) for plan in plans)


def reverse_names(
    addresses: Sequence[str], resolvers: Sequence[Resolver], until: float, clock: Clock
) -> dict[str, str]:
    """Return the names of those addresses that have one, as far as resolvers tell before `until` (monotonic seconds).

    The names are the DNS's: whoever owns the address chose them. Escape them before they are shown.
    """
    plan = ReverseNames(addresses, resolvers, until)
    if not plan.done(clock.monotonic()):
        with _Loop(clock) as loop:
            loop.run([plan], never)
    return plan.names()


def _ordered(check: DnsCheck, route_to: Callable[[str], Route]) -> DnsCheck:
    if check.source is NameSource.LITERAL or len(check.addresses) < 2:  # noqa: PLR2004 - nothing to order
        return check
    sources = {address: route_to(address).source for address in check.addresses}
    return replace(check, addresses=in_order_of_preference(check.addresses, sources))


class _Conversation:
    """One question on one socket of its own, so that the kernel picks a random port and reports errors to it alone."""

    def __init__(self, plan: _Plan, question: Question, sent: bytes, opened: socket.socket) -> None:
        self.plan = plan
        self.number = question.number
        self.socket = opened
        self._sent = sent
        self._tcp = question.transport is Transport.TCP
        self._received = b""
        self._unsent = _LENGTH.pack(len(sent)) + sent if self._tcp else b""

    @property
    def interest(self) -> int:
        """Return what poll() should wait for."""
        return select.POLLOUT if self._unsent else select.POLLIN

    def advance(self) -> bytes | Failure | None:
        """Send and receive what is possible now; return one whole message or why none will come, None for not yet."""
        try:
            return self._advance_tcp() if self._tcp else self.socket.recv(_LARGEST_MESSAGE)
        except BlockingIOError:
            return None
        except OSError as error:
            return failure_of(error, Operation.RECEIVE)

    def decoded(self, message: bytes) -> Reply | Unusable:
        """Return what a message says."""
        return decoded(self._sent, message)

    def _advance_tcp(self) -> bytes | Failure | None:
        if self._unsent:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
            return None
        data = self.socket.recv(_LARGEST_MESSAGE)
        if not data:
            return Failure.CONNECTION_RESET
        self._received += data
        if len(self._received) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._received)
        if len(self._received) < _LENGTH.size + length:
            return None
        message = self._received[_LENGTH.size : _LENGTH.size + length]
        self._received = self._received[_LENGTH.size + length :]
        return message


def _begin(plan: _Plan, question: Question) -> _Conversation | Failure:
    """Return a conversation whose question is sent, or by TCP on its way; else why that was refused."""
    sent = encoded(question)
    tcp = question.transport is Transport.TCP
    operation = Operation.OPEN
    opened: socket.socket | None = None
    try:
        family, address = _socket_address(question.resolver)
        opened = socket.socket(family, (socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) | socket.SOCK_NONBLOCK)
        operation = Operation.CONNECT
        # By UDP too, so that the kernel drops what comes from anywhere else.
        with suppress(BlockingIOError):
            opened.connect(address)
        operation = Operation.SEND
        if not tcp:
            opened.send(sent)
    except OSError as error:
        if opened is not None:
            opened.close()
        return failure_of(error, operation)
    return _Conversation(plan, question, sent, opened)


class _Loop:
    """Drives plans until each is done: sends what they ask, hands them what comes, sleeps in between."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._poll = select.poll()
        self._conversations: dict[int, _Conversation] = {}
        self._look_ups: dict[int, _SystemLookUp] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for conversation in self._conversations.values():
            conversation.socket.close()
        for look_up in self._look_ups.values():
            look_up.close()

    def ask_the_system(self, plan: NameCheck, name: str) -> None:
        """Begin the system's own look-up of a plan's name beside all else."""
        look_up = _SystemLookUp(plan, name)
        if look_up.start():
            self._look_ups[look_up.fileno()] = look_up
            self._poll.register(look_up.fileno(), select.POLLIN)

    def run(self, plans: Sequence[_Plan], stop: Callable[[], bool]) -> None:
        """Return when every plan is done, or somebody says that it is enough."""
        while not stop():
            for plan in plans:
                self._send(plan)
            now = self._clock.monotonic()
            waiting = [plan for plan in plans if not plan.done(now)]
            if not waiting:
                return
            deadlines = [at for at in (plan.next_deadline() for plan in waiting) if at is not None]
            self._wait(min(min(deadlines, default=now) - now, _LONGEST_NAP_S))

    def _send(self, plan: _Plan) -> None:
        for question in plan.queries_to_send(self._clock.monotonic()):
            begun = _begin(plan, question)
            if isinstance(begun, Failure):
                plan.failed(question.number, begun, self._clock.monotonic())
                continue
            plan.sent(question.number, self._clock.monotonic())
            self._conversations[begun.socket.fileno()] = begun
            self._poll.register(begun.socket, begun.interest)

    def _wait(self, seconds: float) -> None:
        # Rounded up to the millisecond that poll() knows: waking early would turn the loop into a spin.
        for descriptor, _ in self._poll.poll(max(0, int(seconds * 1000) + 1) if seconds > 0 else 0):
            look_up = self._look_ups.get(descriptor)
            if look_up is None:
                self._advance(descriptor, self._conversations[descriptor])
            else:
                self._poll.unregister(descriptor)
                look_up.plan.system_answered(look_up.addresses)

    def _advance(self, descriptor: int, conversation: _Conversation) -> None:
        plan, number = conversation.plan, conversation.number
        heard = conversation.advance()
        # Read before the message is parsed: that takes longer than a resolver on the same host.
        now = self._clock.monotonic()
        if heard is None:
            self._poll.modify(descriptor, conversation.interest)
            return
        outcome = heard if isinstance(heard, Failure) else conversation.decoded(heard)
        match outcome:
            case Unusable.FOREIGN:
                plan.garbled(number)
                return
            case Unusable.MALFORMED:
                plan.failed(number, Failure.MALFORMED_REPLY, now)
            case Reply():
                plan.replied(number, outcome, now)
            case Failure():
                plan.failed(number, outcome, now)
            case _:
                assert_never(outcome)
        self._poll.unregister(descriptor)
        self._conversations.pop(descriptor).socket.close()


class _SystemLookUp:
    """The system's own look-up, on a thread that nobody waits for: getaddrinfo cannot be interrupted."""

    def __init__(self, plan: NameCheck, name: str) -> None:
        self.plan = plan
        self.addresses: tuple[str, ...] = ()
        self._name = name
        self._ours, self._theirs = socket.socketpair()

    def start(self) -> bool:
        """Begin; return whether a thread could be had."""
        try:
            # A daemon, so that a resolver that takes thirty seconds does not keep the program from ending.
            threading.Thread(target=self._run, name="getaddrinfo", daemon=True).start()
        except RuntimeError:
            self.close()
            self._theirs.close()
            return False
        return True

    def fileno(self) -> int:
        return self._ours.fileno()

    def close(self) -> None:
        self._ours.close()

    def _run(self) -> None:
        try:
            # As bytes: text would load the codec for international names, which this name has behind it.
            found = socket.getaddrinfo(self._name.encode("ascii"), None, type=socket.SOCK_STREAM)
            self.addresses = tuple(dict.fromkeys(str(one[4][0]) for one in found))
        except OSError:
            self.addresses = ()
        try:
            self._theirs.send(b"\0")
        except OSError:
            return  # nobody waits any more
        finally:
            self._theirs.close()


def _socket_address(resolver: Resolver) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]:
    if ":" not in resolver.address:
        return socket.AF_INET, (resolver.address, resolver.port)
    bare, _, zone = resolver.address.partition("%")
    index = 0 if not zone else int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
    return socket.AF_INET6, (bare, resolver.port, 0, index)
