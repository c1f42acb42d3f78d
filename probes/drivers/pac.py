"""Which proxy a proxy auto-configuration script names: evaluated in a process of its own that can do no harm."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
from pathlib import Path

from probes.drivers.http import first_that_connects
from probes.failure import Failure, Operation, failure_of
from probes.frozen import replace
from probes.pac import DIRECT, allows_direct, choices
from probes.proxy import ProxyChoice
from probes.web_facts import Pac, Proxy, ProxyAttempt, ProxyMode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Final

    from probes.clock import Clock
    from probes.name_facts import DnsCheck
    from probes.pac import Asked


_PROGRAM: Final = Path(__file__).with_name("pac_child.py")
_READ_SIZE: Final = 65_536
# A result, and some names; more is no answer.
_MOST_TOLD: Final = 262_144
# A process that closed its pipe is about to end.
_REAPING_S: Final = 0.5
# What a child may know of this process's environment: whom to trust, and what time it is.
_KEPT: Final[tuple[str, ...]] = ("SSL_CERT_FILE", "SSL_CERT_DIR", "TZ")

_KINDS: Final = {
    "status": Failure.UNEXPECTED_STATUS,
    "timeout": Failure.TIMED_OUT,
    "tls": Failure.TLS_FAILED,
    "file": Failure.INVALID_SETTING,
    "size": Failure.MALFORMED_REPLY,
    "reply": Failure.MALFORMED_REPLY,
    "script": Failure.SCRIPT_FAILED,
    "missing": Failure.UNSUPPORTED,
}
# getaddrinfo tells no more: EAI_AGAIN stands for SERVFAIL, REFUSED, silence and no route alike [lab].
_NAMES: Final = {
    socket.EAI_NONAME: Failure.NXDOMAIN,
    socket.EAI_NODATA: Failure.NO_DATA,
    socket.EAI_AGAIN: Failure.SERVFAIL,
}


def evaluate(
    source: str, *, url: str, host: str, clock: Clock, deadline_s: float, environment: dict[str, str] | None = None
) -> Pac:
    """Return what a script says of one URL; whatever it does, this ends within `deadline_s`.

    Args:
        source: Where the script lies: an http or https URL, asked directly, or `file:` and a path.
        url: The URL that it is told.
        host: The URL's host.
        clock: The clock.
        deadline_s: How long fetching and evaluating may take together; the interpreter alone takes some 0.2 s.
        environment: The environment of which a few variables are handed on.

    Returns:
        The script's text, and whether it allows going without a proxy; or the failure and its words: a network failure
        or status where it could not be fetched, `script_failed` where it breaks the rules, `timed_out` where it does
        not end, `unsupported` where the package that evaluates scripts is not installed.
    """
    started_at = clock.monotonic()
    child = _Child(clock, started_at + deadline_s, environment or {})
    said = child.run({"source": source, "url": url, "host": host})
    told = Pac(source=shown(source), duration_us=round((clock.monotonic() - started_at) * 1_000_000))
    if "result" in said:
        found = replace(told, result=str(said["result"]))
        return replace(found, direct=allows_direct(choices(found)))
    return replace(told, failure=_failure(said), detail=str(said.get("detail") or "") or None)


def proxy_by_script(
    source: str,
    asked: Asked,
    *,
    clock: Clock,
    deadline_s: float,
    resolve: Callable[[str], DnsCheck],
    environment: dict[str, str] | None = None,
    source_address: str | None = None,
    interface: str | None = None,
) -> tuple[ProxyChoice | None, Proxy]:
    """Return the proxy that a script names for a target, and what the settings say of it, not yet asked.

    Of several entries the first that accepts a connection counts, as in browsers; each has up to 0.7 s. Without a
    choice nothing is to be asked: the target is reached without a proxy, or nobody knows how (`failure`).
    """
    pac = evaluate(source, url=asked.url, host=asked.host, clock=clock, deadline_s=deadline_s, environment=environment)
    if pac.failure is not None:
        return None, Proxy(mode=ProxyMode.PAC, pac=pac, failure=pac.failure)
    entries = choices(pac)
    before = entries[: entries.index(DIRECT)] if DIRECT in entries else entries
    proxies = [entry for entry in before if isinstance(entry, ProxyChoice)]
    if not proxies:
        # An entry that nobody here can speak to says nothing against the proxy.
        failure = None if DIRECT in entries else Failure.UNSUPPORTED
        return None, Proxy(mode=ProxyMode.PAC, pac=pac, failure=failure)
    chosen, passed_over = _first(proxies, DIRECT in entries, clock, resolve, source_address, interface)
    if chosen is None:
        return None, Proxy(mode=ProxyMode.PAC, pac=pac, passed_over=passed_over)
    known = Proxy(
        mode=ProxyMode.PAC, url=chosen.url, host=chosen.host, port=chosen.port, pac=pac, passed_over=passed_over
    )
    return chosen, known


def _first(
    proxies: Sequence[ProxyChoice],
    direct: bool,  # noqa: FBT001 - handed through
    clock: Clock,
    resolve: Callable[[str], DnsCheck],
    source: str | None,
    interface: str | None,
) -> tuple[ProxyChoice | None, tuple[ProxyAttempt, ...]]:
    if len(proxies) == 1 and not direct:
        return proxies[0], ()
    chosen, passed_over = first_that_connects(proxies, clock=clock, resolve=resolve, source=source, interface=interface)
    # Where none of them accepts and the script allows nothing else, the first one is what the target's traffic meets.
    return (proxies[0], passed_over[1:]) if chosen is None and not direct else (chosen, passed_over)


def shown(source: str) -> str:
    """Return where a script lies without user name and password."""
    scheme, separator, rest = source.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}" if separator else source


def _failure(said: dict[str, Any]) -> Failure:
    number = said.get("errno")
    match said.get("error"):
        case "network":
            return failure_of(OSError(number, ""), Operation.CONNECT)
        case "name":
            return _NAMES.get(number, Failure.SERVFAIL) if isinstance(number, int) else Failure.SERVFAIL
        case kind:
            return _KINDS.get(str(kind), Failure.SCRIPT_FAILED)


class _Child:
    """The process that evaluates, and the pipe to it."""

    def __init__(self, clock: Clock, until: float, environment: dict[str, str]) -> None:
        self._clock = clock
        self._until = until
        self._environment: dict[str, str] = {name: environment[name] for name in _KEPT if name in environment}
        self._told = b""

    def run(self, asked: dict[str, str]) -> dict[str, Any]:
        """Return the last message of the child, or one in its place."""
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program, by our own interpreter
                (sys.executable, "-I", "-B", str(_PROGRAM)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            return {"error": "missing", "detail": f"no process could be started: {error.strerror}"}
        with process:
            try:
                said = self._conversation(process, asked)
            finally:
                process.kill()
        return said if said is not None else _ended(process.returncode)

    def _conversation(self, process: subprocess.Popen[bytes], asked: dict[str, str]) -> dict[str, Any] | None:
        """Answer the child's questions until it has an answer itself; None where it ended without one."""
        self._say(process, asked)
        while True:
            line = self._line(process)
            if line is None:
                return {"error": "timeout", "detail": "fetching and evaluating it took too long"}
            if not line:
                process.wait(max(0.0, self._until - self._clock.monotonic()) + _REAPING_S)
                return None
            said: dict[str, Any] = json.loads(line)
            if "resolve" not in said:
                return said
            self._say(process, self._addresses(str(said["resolve"])))

    def _say(self, process: subprocess.Popen[bytes], message: object) -> None:
        if process.stdin is not None:
            try:
                process.stdin.write(json.dumps(message).encode() + b"\n")
                process.stdin.flush()
            except BrokenPipeError:
                pass  # it has ended; what it had to say is read next

    def _line(self, process: subprocess.Popen[bytes]) -> bytes | None:
        """Return the next line, empty at the end, None once it is too late."""
        stream = process.stdout
        while stream is not None and b"\n" not in self._told and len(self._told) < _MOST_TOLD:
            left_s = self._until - self._clock.monotonic()
            if left_s <= 0 or not select.select([stream], [], [], left_s)[0]:
                return None
            data = stream.read1(_READ_SIZE)  # type: ignore[attr-defined] # a BufferedReader has it
            if not data:
                return b""
            self._told += data
        line, _, self._told = self._told.partition(b"\n")
        return line

    def _addresses(self, name: str) -> list[str]:
        """Return what the system knows of a name, IPv4 and IPv6, in time; nothing where it knows nothing."""
        import threading  # noqa: PLC0415 - few scripts ask

        found: list[str] = []

        def ask() -> None:
            try:
                told = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                return
            found.extend(dict.fromkeys(str(entry[4][0]) for entry in told))

        # getaddrinfo takes no deadline; a thread that is late is left behind.
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(max(0.0, self._until - self._clock.monotonic()))
        return list(found)


def _ended(code: int) -> dict[str, Any]:
    """Return what it means that the child ended without an answer: a limit, or a crash of the interpreter."""
    import signal  # noqa: PLC0415 - few scripts end so

    if -code in {signal.SIGXCPU, signal.SIGKILL}:
        return {"error": "timeout", "detail": "it used up its processor time"}
    return {"error": "script", "detail": f"its process ended early (status {code})"}
