"""A real proxy and a real target: what CONNECT brings."""

import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from probes.clock import SystemClock
from probes.drivers.http import check_proxy
from probes.facts import Role
from probes.failure import Failure
from probes.name_facts import DnsCheck
from probes.proxy import ProxyChoice, choose_proxy
from probes.web_facts import Proxy
from tests.unit.watch.own_namespace import OwnNamespace

pytestmark = pytest.mark.lab

PORT = 8888
CONFIGURATION = f"""
Port {PORT}
Listen 127.0.0.1
Timeout 5
Allow 127.0.0.1
ConnectPort 4430
BasicAuth jo secret
"""


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnNamespace]:
    configuration = tmp_path_factory.mktemp("tinyproxy") / "tinyproxy.conf"
    configuration.write_text(CONFIGURATION)
    with OwnNamespace() as own:
        command = ["ip", "netns", "exec", own.name, "tinyproxy", "-d", "-c", str(configuration)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as tinyproxy:
            try:
                own.call(_wait_for_proxy)
                yield own
            finally:
                tinyproxy.terminate()


def _wait_for_proxy() -> None:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", PORT)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("tinyproxy does not listen")


def check(namespace: OwnNamespace, port: int, *, credentials: str = "jo:secret@") -> Proxy:
    url = f"http://{credentials}127.0.0.1:{PORT}"
    choice = choose_proxy(url, scheme="https", host="127.0.0.1", port=port, environment={})
    assert isinstance(choice, ProxyChoice)
    resolved = DnsCheck(role=Role.PROXY, name="127.0.0.1", addresses=("127.0.0.1",))
    return namespace.call(check_proxy, choice, "127.0.0.1", port, timeout_s=2.0, clock=SystemClock(), resolved=resolved)


def test_a_target_that_listens(namespace: OwnNamespace) -> None:
    with namespace.call(socket.create_server, ("127.0.0.1", 4430)):
        found = check(namespace, 4430)
    assert (found.works, found.connect_status, found.failure) == (True, 200, None)


def test_a_target_that_refuses(namespace: OwnNamespace) -> None:
    found = check(namespace, 4430)
    assert (found.works, found.failure) == (False, Failure.UNEXPECTED_STATUS)
    assert found.connect_status is not None
    assert found.connect_status >= 500


def test_a_port_that_the_proxy_forbids(namespace: OwnNamespace) -> None:
    found = check(namespace, 4431)
    assert (found.works, found.connect_status) == (False, 403)


@pytest.mark.parametrize("credentials", ["", "jo:wrong@"])
def test_credentials_that_are_missing_or_wrong(namespace: OwnNamespace, credentials: str) -> None:
    found = check(namespace, 4430, credentials=credentials)
    assert (found.works, found.connect_status) == (False, 401 if credentials else 407)
