"""The service on a network that changes under a sample: it is ended, told of, and taken anew once things are quiet."""

import http.client
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from tests.lab.builder import Lab
from tests.lab.service_run import Service

pytestmark = pytest.mark.lab

# Nobody has this address: its sample takes seconds.
DEAD = {"name": "dead", "url": "https://198.51.100.5/"}
GATEWAY, NOBODY = "192.0.2.2", "192.0.2.250"


class LocalConnection(http.client.HTTPConnection):
    """A connection to a socket in the file system."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    # typing.override is Python 3.12's.
    def connect(self) -> None:  # type: ignore[explicit-override]
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def metric(path: Path, name: str) -> float:
    connection = LocalConnection(path)
    try:
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
    finally:
        connection.close()
    (value,) = (float(line.split()[1]) for line in page.splitlines() if line.startswith(f"{name} "))
    return value


@contextmanager
def gateway_replaced(lab: Lab) -> Iterator[None]:
    lab.run("client", ["ip", "route", "replace", "default", "via", NOBODY])
    try:
        yield
    finally:
        lab.run("client", ["ip", "route", "replace", "default", "via", GATEWAY])


def test_a_sample_whose_network_changed_is_told_of_and_taken_anew_before_its_next_round(
    network: Callable[[str], Lab],
) -> None:
    lab = network("office")
    with Service(lab, "client", {"agent": {"interval_s": 10}, "targets": [DEAD]}) as service:
        pages = service.directory / "pages"
        service.configure({"agent": {"interval_s": 10}, "targets": [DEAD], "metrics": {"listen": f"unix:{pages}"}})
        service.ready()
        service.wait(lambda: metric(pages, "cloudpath_samples_running") == 1, "sampling", 15)
        # Its watch is open by then, and its probes are out.
        time.sleep(0.5)
        with gateway_replaced(lab):
            service.wait(lambda: len(service.samples()) > 1, "sampling again", 25)
            service.wait(lambda: len(service.records()) > len(service.samples()), "told of the change", 5)
        # Within a minute of the one before: what says otherwise is no repetition.
        service.wait(lambda: service.has_logged("dead: ok: "), "told that it is well", 15)
        discarded, fresh = service.samples()[:2]
        changes = [record for record in service.records() if record["schema"] == "cloudpath.change/1"]
        aborted = metric(pages, "cloudpath_samples_aborted_total")
    assert (discarded["status"], [error["code"] for error in discarded["errors"]]) == ("discarded", ["CP-06"])
    change = next(change for change in changes if change["aborted"])
    assert (change["kind"], change["matters"], change["aborted"]) == ("route", True, ["dead"])
    assert f"via {GATEWAY} " in change["before"]
    assert f"via {NOBODY} " in change["after"]
    assert change["epoch"] == {"before": discarded["network"]["epoch"], "after": fresh["network"]["epoch"]}
    # A second of quiet; the next round would be ten seconds after the one before, half of one less at the earliest.
    assert 1.0 < seconds(fresh["started_at"]) - seconds(discarded["started_at"]) < 8.0
    assert fresh["status"] == "critical"
    assert aborted == 1
    assert service.has_logged("dead: the network changed meanwhile")
    assert service.has_logged("dead: critical: CP-02 ")


def seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()
