"""Everything that the service's loop looks after, put together: store, sinks, network, threads, listeners."""

from __future__ import annotations

import logging
import random
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.change_record import change_entry
from agent.daemon.deliveries import Deliveries
from agent.daemon.listening import Listening
from agent.daemon.network_log import NetworkLog
from agent.daemon.notify import notifier
from agent.daemon.sampling import Taken, take_sample
from agent.daemon.service_world import ServiceWorld
from agent.daemon.workers import Workers
from agent.path_memory import PathMemory
from agent.record import uuid7
from agent.remembered_paths import RememberedPaths
from agent.shared_paths import SharedPaths
from probes.proxy import ProxyError, parse_proxy
from probes.web_facts import ProxyMode
from rules.shipped import shipped_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from agent.daemon.plan import ServicePlan, TargetPlan
    from agent.daemon.signals import SignalInbox
    from agent.record import AgentIdentity
    from agent.store.entry import Store
    from probes.clock import Clock
    from probes.network_burst import HostChange

_LOG: Final = logging.getLogger(__name__)


class Parts:
    """The parts of one service, open until `close`.

    Attributes:
        store: Where everything is filed.
        deliveries: Who takes it from there to the sinks.
        network: The watch of the host's network.
        shared: What targets know of each other's near hops.
        workers: The threads that take samples.
        signals: What somebody asked this process for.
        notifier: Tells the manager of services.
    """

    def __init__(
        self, plan: ServicePlan, store: Store, identity: AgentIdentity, clock: Clock, signals: SignalInbox
    ) -> None:
        """Open everything that the plan needs, but deliver nothing yet."""
        self.clock = clock
        self.identity = identity
        self.store = store
        self.signals = signals
        self.notifier = notifier()
        self.network = NetworkLog(clock)
        self.shared = SharedPaths(clock)
        self._paths = RememberedPaths(PathMemory(plan.state_dir), clock)
        self.workers: Workers[Taken | None] = Workers(plan.concurrent, clock)
        self.deliveries = Deliveries(store, identity, clock, _say)
        self._plan = plan
        self._rules = plan.rules or shipped_rules()
        self._listening = Listening(clock)

    def put_to_work(self, plan: ServicePlan) -> None:
        """Let everything but the targets follow a plan."""
        before, self._plan = self._plan, plan
        self._rules = plan.rules or shipped_rules()
        self.workers.resize(plan.concurrent)
        self.deliveries.replace(plan.sinks)
        self._listening.replace(plan.sessions)
        self.network.follow_scripts(_scripts(plan))
        self.network.follow_targets(target.name for target in plan.targets)
        _tell_of_proxies(self.network, before, plan)

    def sample(self, plan: TargetPlan, interrupted: Callable[[], bool]) -> Taken:
        """Return what came of one sample; for any thread."""
        world = ServiceWorld(self._listening.sessions, self.shared, self._paths)
        return take_sample(plan, world, self._rules, self.store, self.identity, interrupted)

    def file_changes(self, changes: Sequence[HostChange]) -> None:
        """File what changed on the network; for any thread."""
        for change in changes:
            record_id = uuid7(self.clock.realtime_ns(), random.randbytes(10))  # noqa: S311 - unique, not secret
            self.store.append(partial(change_entry, change=change, identity=self.identity, record_id=record_id))
        self.deliveries.wake()

    def close(self) -> None:
        """Give everything back but the signals, which whoever opened them closes."""
        self._listening.replace(None)
        self._paths.flush()
        self.network.close()
        self.store.close()
        if lost := self.store.state().waiting:
            _LOG.error("the disk took nothing to the end: %d entries are gone, but for sinks that have them", lost)
        self.notifier.close()


def _say(level: str, text: str) -> None:
    _LOG.log(logging.getLevelNamesMapping()[level.upper()], "%s", text)


def _scripts(plan: ServicePlan) -> list[Path]:
    """Return the files whose scripts choose the proxy."""
    urls = {target.request.proxy_url or "" for target in plan.targets if target.request.proxy_mode is ProxyMode.PAC}
    return [Path(url.removeprefix("file:")) for url in sorted(urls) if url.startswith("file:")]


def _tell_of_proxies(network: NetworkLog, before: ServicePlan, after: ServicePlan) -> None:
    """Tell the watch where the configuration names another proxy than before, one for all targets."""
    old, new = _proxy_of(before), _proxy_of(after)
    if old is not None and new is not None:
        network.proxy_changed("proxy", old, new)


def _proxy_of(plan: ServicePlan) -> str | None:
    """Return the proxy's setting in words, without credentials; None for a plan without targets."""
    for target in plan.targets:
        mode, url = target.request.proxy_mode, target.request.proxy_url
        if mode is not ProxyMode.EXPLICIT:
            return str(mode) if url is None else f"{mode} {url}"
        known = parse_proxy(url or "", mode, "the proxy")
        return str(mode) if isinstance(known, ProxyError) else f"{mode} {known.url}"
    return None
