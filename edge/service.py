"""The edge as a process: starts, serves, reads its configuration again, stops."""

import asyncio
import gc
import resource
import signal
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.config.reading import ConfigurationError
from agent.daemon.notify import notifier
from agent.exit_codes import ServiceExit
from agent.views.escape import TEXT_LIMIT, escape
from edge.api import Api, InBand
from edge.composition import Engine, open_echo_watches
from edge.config import EdgeSettings, read_edge_settings
from edge.doors import Doors
from edge.http import App, Connection
from edge.in_band import Echoes, UdpStun, stream_maker
from edge.log import stderr_log
from edge.messages import Head, Peer, Response
from edge.sockets import StartError, listening, receiving, split_address, tls_context
from edge.traces import Traces
from probes.clock import SystemClock
from probes.facts import Family

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_HANDSHAKE_S: Final = 5.0
_TLS_CLOSE_S: Final = 1.0
# SIGTERM to the end: answers that are under way get this long, the rest is cut off.
_LAST_ANSWERS_S: Final = 3.0
_NO_ROOM_S: Final = 0.1
_REFUSALS_EVERY_S: Final = 10.0
_MOST_THREADS: Final = 256
# What cannot change while the sockets are open.
_FIXED: Final = ("listen", "insecure", "tcp_port", "udp_port")


def serve(file: Path) -> int:
    """Serve by the configuration in a file until SIGTERM or SIGINT; return the exit code."""
    # The command switches collection off, for it ends within seconds; this does not.
    gc.enable()
    return _told_why_not(lambda: asyncio.run(_serve(file, read_edge_settings(file))))


def check(file: Path) -> int:
    """Read the configuration in a file, its tokens and its certificate; return the exit code."""

    def read() -> int:
        tls = read_edge_settings(file).edge.tls
        if tls is not None:
            tls_context(tls)
        return 0

    return _told_why_not(read)


def _told_why_not(do: "Callable[[], int]") -> int:
    try:
        return do()
    except ConfigurationError as error:
        for line in error.problems:
            print(line, file=sys.stderr)  # noqa: T201 - the places come first on their lines
        return ServiceExit.BAD_CONFIGURATION
    except StartError as error:
        print(f"cloudpath edge: {error}", file=sys.stderr)  # noqa: T201 - likewise
        return error.exit_code


async def _serve(file: Path, settings: EdgeSettings) -> int:
    service = Service(file, settings)
    try:
        await service.run()
    finally:
        await service.close()
    return 0


class Service:
    """One edge that runs: its sockets, who answers on them, and the settings in force."""

    def __init__(self, file: Path, settings: EdgeSettings) -> None:
        """Open everything that may be refused.

        Raises:
            StartError: Something was.
        """
        self._file = file
        self._clock = SystemClock()
        self._log = stderr_log()
        self._doors = Doors()
        self._manager = notifier()
        self._refused = 0
        self._refused_told_at = -_REFUSALS_EVERY_S
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        edge = settings.edge
        host, port = split_address(edge.listen)
        self._tls = tls_context(edge.tls) if edge.tls else None
        self._listener = listening(host, port, "edge.listen")
        self._tcp = listening(host, edge.tcp_port, "edge.tcp_port") if edge.tcp_port else None
        self._udp = UdpStun(receiving(host, edge.udp_port, "edge.udp_port"), self._clock) if edge.udp_port else None
        watches, self._no_echoes = open_echo_watches(_families(host), self._clock)
        self._echoes = Echoes(watches, self._clock) if watches else None
        self._engine = Engine(self._clock, lambda: self._api.settings.destinations, _MOST_THREADS)
        self._traces = Traces(self._engine.make, self._clock, edge.limits.cache_s)
        in_band = InBand(
            udp_port=edge.udp_port, tcp_port=edge.tcp_port, find_echo=self._echoes.find if self._echoes else None
        )
        self._api = Api(settings, in_band, self._traces, self._clock)
        self._app = App(answer=self._api.answer, told=self._told)

    async def run(self) -> None:
        """Serve until a signal says that it is enough."""
        _allow_descriptors()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload)
        streams = None
        if self._tcp is not None:
            streams = await self._loop.create_server(stream_maker(), sock=self._tcp)
        for each in (self._udp, self._echoes):
            if each is not None:
                each.start(self._loop)
        # Whichever of them dies of a mistake takes the edge with it: one that accepts nobody must not look alive.
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in (self._accept(), self._feed_watchdog())]
            self._say_what_is_served()
            self._manager.ready(self._in_force())
            await self._stop.wait()
            self._manager.stopping()
            for task in tasks:
                task.cancel()
        if streams is not None:
            streams.close()

    async def close(self) -> None:
        """Let answers that are under way be finished, for three seconds, and give everything back."""
        self._listener.close()
        self._doors.end_idle()
        await self._doors.empty(_LAST_ANSWERS_S)
        for each in (self._udp, self._echoes):
            if each is not None:
                each.close(self._loop)
        await self._loop.run_in_executor(None, self._engine.stop)
        self._manager.close()
        self._log.tell("stopped")

    async def _feed_watchdog(self) -> None:
        """Tell the manager of services that the loop comes round, as often as it wants to hear that."""
        while self._manager.watchdog_s is not None:
            self._manager.watchdog()
            await asyncio.sleep(self._manager.watchdog_s)

    # --- connections --------------------------------------------------------------------------------------------------

    async def _accept(self) -> None:
        while True:
            try:
                accepted, address = await self._loop.sock_accept(self._listener)
            except OSError:
                # No descriptor is free, or the caller has gone again.
                await asyncio.sleep(_NO_ROOM_S)
                continue
            peer = Peer.of(address)
            if not self._doors.may_enter(peer):
                accepted.close()
                self._turned_away(peer)
                continue
            task = self._loop.create_task(self._connection(accepted, peer))
            self._doors.enter(peer, task)

    async def _connection(self, accepted: "socket.socket", peer: Peer) -> None:
        reader = asyncio.StreamReader(loop=self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        shake = {"ssl_handshake_timeout": _HANDSHAKE_S, "ssl_shutdown_timeout": _TLS_CLOSE_S} if self._tls else {}
        try:
            transport, _ = await self._loop.connect_accepted_socket(lambda: protocol, accepted, ssl=self._tls, **shake)
        except (OSError, ssl.SSLError, TimeoutError):
            # No TLS, or not in time: there is nobody to answer.
            accepted.close()
            return
        connection = Connection(reader, asyncio.StreamWriter(transport, protocol, reader, self._loop), peer, self._app)
        task = asyncio.current_task()
        if task is not None:
            self._doors.opened(task, connection)
        try:
            await connection.serve()
        finally:
            transport.close()

    def _turned_away(self, peer: Peer) -> None:
        """Say that there was no room, once in ten seconds: a flood must not fill the log, too."""
        self._refused += 1
        now = self._clock.monotonic()
        if now >= self._refused_told_at + _REFUSALS_EVERY_S:
            self._log.tell(f"{self._refused} connections found no room so far, the last from {peer.address}")
            self._refused_told_at = now

    def _told(self, peer: Peer, head: Head | None, response: Response, took_s: float) -> None:
        asked = f"{head.method} {escape(head.path)}" if head else "-"
        note = f": {escape(response.note, TEXT_LIMIT)}" if response.note else ""
        self._log.tell(f"{peer.address} {asked} {response.status} {1_000 * took_s:.0f} ms{note}")

    # --- settings -----------------------------------------------------------------------------------------------------

    def _reload(self) -> None:
        """Take the configuration and its tokens anew, and tell the manager of services when that begins and ends."""
        self._manager.reloading(self._clock.monotonic())
        self._read_again()
        self._manager.ready(self._in_force())

    def _in_force(self) -> str:
        """Return the edge in a line, for `systemctl status`."""
        return f"{self._api.settings.edge.name} knows {len(self._api.settings.tokens)} tokens"

    def _read_again(self) -> None:
        """Read the configuration and its tokens again; where something is wrong, the old one stays in force."""
        try:
            settings = read_edge_settings(self._file)
            context = tls_context(settings.edge.tls) if settings.edge.tls else None
        except (ConfigurationError, StartError) as error:
            for line in getattr(error, "problems", (str(error),)):
                self._log.tell(line)
            self._log.tell("the configuration in force stays, for the new one is wrong")
            return
        old, new = self._api.settings.edge, settings.edge
        fixed = [key for key in _FIXED if getattr(old, key) != getattr(new, key)]
        if fixed:
            self._log.tell(f"a restart is needed for {', '.join(fixed)}")
        if self._tls is not None and context is not None:
            self._tls = context
        self._api.settings = settings
        self._traces.keep_s = new.limits.cache_s
        self._log.tell(f"the configuration was read again: {len(settings.tokens)} tokens")

    def _say_what_is_served(self) -> None:
        edge = self._api.settings.edge
        kind = "HTTP without TLS" if self._tls is None else "HTTPS"
        parts = [f"{edge.name} serves {kind} on {edge.listen}"]
        if edge.udp_port:
            parts.append(f"STUN on UDP {edge.udp_port}")
        if edge.tcp_port:
            parts.append(f"STUN and probes on TCP {edge.tcp_port}")
        parts.append("sees echo requests" if self._echoes else f"sees no echo requests ({self._no_echoes})")
        self._log.tell(", ".join(parts))


def _families(host: str) -> tuple[Family, ...]:
    """Return the families of callers that a listening address lets in."""
    if ":" not in host:
        return (Family.IPV4,)
    return tuple(Family) if host == "::" else (Family.IPV6,)


def _allow_descriptors() -> None:
    """Use as many descriptors as the host allows: each connection and each trace needs some."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
