"""Whether a proxy lets a CONNECT through to the target: the first bytes of HTTP/1.1, no more."""

from __future__ import annotations

from probes.drivers.proxy_attempt import Attempt
from probes.frozen import frozen
from probes.name_facts import NameSource
from probes.sample import Target
from probes.target import parse_target
from probes.web_facts import Proxy, ProxyAttempt, ProxyControl, ProxyMode, WebPhase, WebStep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path
    from typing import Final

    from probes.clock import Clock
    from probes.name_facts import DnsCheck
    from probes.proxy import ProxyChoice


# A proxy that is well answers sooner, and one that waits for a dead origin may do so for a minute (squid's
# connect_timeout): then the controls are asked beside it.
_PATIENCE_S: Final = 0.7
# How long the controls have at least, however late they were needed.
_CONTROLS_S: Final = 1.0
_MOST_CONTROLS: Final = 3
# How long each proxy of a list has to accept a connection before the next one's turn.
_TURN_S: Final = 0.7
_HTTPS_PORT: Final = 443


def check_proxy(
    choice: ProxyChoice,
    host: str,
    port: int,
    *,
    timeout_s: float,
    clock: Clock,
    resolved: DnsCheck,
    controls: Sequence[str] = (),
    tunnel: bool = True,
    source: str | None = None,
    interface: str | None = None,
    ca_file: Path | None = None,
) -> Proxy:
    """Return whether a CONNECT to `host`:`port` through the proxy got a 2xx, and if not, where it ended.

    Where the proxy says that it cannot reach the target, or says nothing, it is asked for the controls too: that tells
    a failing proxy from a failing target. This takes up to a second beyond `timeout_s`.

    Args:
        choice: The proxy; for none nothing is tried.
        host: The target, a name or an address: the proxy is the one to resolve it.
        port: The target's port.
        timeout_s: How long the attempt may take.
        clock: The clock.
        resolved: What is known of the proxy's own name; its addresses are tried in turn.
        controls: Hosts, `host:port` or URLs that the configuration names; the first three are asked for.
        tunnel: Whether to ask for a tunnel. An http URL goes through a proxy without one, and proxies refuse CONNECT to
            its port (RFC 9110 section 9.3.6): then only the way to the proxy is tried, and `works` stays None.
        source: The address to send from, None for the kernel's choice.
        interface: The interface to send by, None for the kernel's choice.
        ca_file: Authorities that are believed beside the host's own, where the proxy itself is spoken to by TLS.
    """
    if choice.mode is ProxyMode.NONE or choice.host is None or choice.port is None:
        return Proxy(mode=choice.mode)
    started_at = clock.monotonic()
    line = _Line(choice=choice, resolved=resolved, clock=clock, source=source, interface=interface, ca_file=ca_file)
    attempt = line.attempt(started_at + timeout_s)
    if controls and tunnel:
        found = _with_witnesses(line, attempt, host, port, controls)
    else:
        attempt.run(host, port if tunnel else None)
        found = ()
    return Proxy(
        mode=choice.mode,
        url=choice.url,
        host=choice.host,
        port=choice.port,
        address=attempt.address,
        works=(attempt.failure is None) if tunnel or attempt.failure is not None else None,
        connect_status=attempt.status,
        steps=(*_resolve_step(resolved), *attempt.steps),
        tls=attempt.tls,
        proxy_status=attempt.proxy_status,
        error_token=attempt.error_token,
        authenticate=attempt.authenticate,
        controls=found,
        failure=attempt.failure,
        duration_us=round((clock.monotonic() - started_at) * 1_000_000),
    )


def first_that_connects(
    choices: Sequence[ProxyChoice],
    *,
    clock: Clock,
    resolve: Callable[[str], DnsCheck],
    source: str | None = None,
    interface: str | None = None,
) -> tuple[ProxyChoice | None, tuple[ProxyAttempt, ...]]:
    """Return the first proxy of a list that accepts a TCP connection, and those passed over before it.

    None where no one accepts. Each has up to 0.7 s; `resolve` says what is known of a proxy's name.
    """
    passed_over: list[ProxyAttempt] = []
    for choice in choices:
        line = _Line(
            choice=choice, resolved=resolve(choice.host or ""), clock=clock, source=source, interface=interface
        )
        attempt = line.attempt(clock.monotonic() + _TURN_S)
        attempt.reach()
        if attempt.failure is None:
            return choice, tuple(passed_over)
        passed_over.append(ProxyAttempt(url=choice.url or "", address=attempt.address, failure=attempt.failure))
    return None, tuple(passed_over)


@frozen
class _Line:
    """How a proxy is reached, for as many attempts as are made."""

    choice: ProxyChoice
    resolved: DnsCheck
    clock: Clock
    source: str | None
    interface: str | None
    ca_file: Path | None = None

    def attempt(self, until: float) -> Attempt:
        return Attempt(
            self.choice,
            self.resolved,
            self.clock,
            until,
            source=self.source,
            interface=self.interface,
            ca_file=self.ca_file,
        )


def _with_witnesses(
    line: _Line, attempt: Attempt, host: str, port: int, controls: Sequence[str]
) -> tuple[ProxyControl, ...]:
    """Make the attempt, and ask the proxy for the controls once it seems not to reach the target."""
    from concurrent.futures import ThreadPoolExecutor, wait  # noqa: PLC0415 - few configurations have controls

    with ThreadPoolExecutor(1 + _MOST_CONTROLS) as pool:
        made = pool.submit(attempt.run, host, port)
        wait((made,), timeout=_PATIENCE_S)
        if not made.done() and not attempt.waits_for_target:
            made.result()
        if made.done() and not attempt.misses_target:
            made.result()
            return ()
        found = _ask_controls(pool, line, max(attempt.until, line.clock.monotonic() + _CONTROLS_S), controls)
        made.result()
        # A proxy that did answer in the end was slow, and the controls have nothing to say of that.
        return found if attempt.misses_target else ()


def _ask_controls(
    pool: ThreadPoolExecutor, line: _Line, until: float, controls: Sequence[str]
) -> tuple[ProxyControl, ...]:
    def ask(text: str) -> ProxyControl | None:
        control = parse_target(text)
        if not isinstance(control, Target):
            return None  # the configuration's reader has refused it already
        attempt = line.attempt(until)
        attempt.run(control.host, control.port or _HTTPS_PORT)
        return ProxyControl(
            url=text,
            connect_status=attempt.status,
            works=_control_works(attempt),
            failure=attempt.failure,
        )

    return tuple(found for found in pool.map(ask, controls[:_MOST_CONTROLS]) if found is not None)


def _control_works(attempt: Attempt) -> bool | None:
    """Return whether the proxy reached the control; None where it may be able to and will not (its policy)."""
    if attempt.failure is None:
        return True
    return False if attempt.misses_target else None


def _resolve_step(resolved: DnsCheck) -> tuple[WebStep, ...]:
    if resolved.source is NameSource.LITERAL:
        return ()
    return (WebStep(phase=WebPhase.RESOLVE, duration_us=resolved.duration_us, failure=resolved.failure),)
