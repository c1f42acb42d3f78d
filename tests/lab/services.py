"""What listens on the lab's nodes: real servers, each with the configuration that the map amounts to."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.lab import nginx, squid
from tests.lab.certificates import Authority
from tests.lab.network_map import MapError, Node, Services
from tests.lab.open_way import REPOSITORY
from tests.lab.program import Program

LISTENER: Final = Path(__file__).parent / "listener.py"
EXTENDER: Final = Path(__file__).parent / "extender.py"
TUNNEL: Final = Path(__file__).parent / "gre_tunnel.py"
DNS_PORT: Final = 53
EDGE_API_PORT: Final = 8443
# What a program that listens to no port binds to say that it is ready.
READY_PORT: Final = 47808
# The bearer token that every edge of the lab knows, and every client there has in `edge.token`.
TOKEN: Final = "lab-3d1f7c52a09b4e6f8a7d5c3b1e2f4a60"  # noqa: S105 - a secret of networks that live for seconds

_TINYPROXY: Final = """\
Port {port}
Timeout 5
MaxClients 20
StartServers 1
DisableViaHeader Yes
LogFile "{directory}/tinyproxy.log"
LogLevel Warning
"""

_UNBOUND: Final = """\
remote-control:
    control-enable: no
server:
    interface: 0.0.0.0
    interface: ::0
    access-control: 0.0.0.0/0 allow
    access-control: ::/0 allow
    do-daemonize: no
    use-syslog: no
    logfile: ""
    verbosity: 0
    username: ""
    chroot: ""
    directory: "{directory}"
    pidfile: ""
    module-config: "respip validator iterator"
    do-not-query-localhost: no
    local-zone: "test." nodefault
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one node's servers keep their files, and who signs their certificates."""

    directory: Path
    authority: Authority


def programs(node: Node, place: Place) -> Iterator[Program]:
    """Yield the servers of one node."""
    services = node.services
    place.directory.mkdir(exist_ok=True)
    yield from _plain(services)
    yield from _resolvers(services, place)
    yield from _proxies(node.name, services, place)
    if services.web:
        yield nginx.program(services.web, place.directory, place.authority)
    if services.tunnel is not None:
        yield _python("tunnel", TUNNEL, str(READY_PORT), json.dumps(services.tunnel))
    if services.edge is not None:
        yield _edge(node.name, services.edge, place)
    for entry in services.run:
        yield _other(entry, place.directory)


def _plain(services: Services) -> Iterator[Program]:
    if services.tcp or services.udp_echo:
        ports = [f"tcp:{port}" for port in services.tcp] + [f"udp:{port}" for port in services.udp_echo]
        transport, _, last = ports[-1].partition(":")
        command = (sys.executable, "-I", "-S", str(LISTENER), *ports)
        yield Program(kind="tcp", command=command, transport=transport, port=int(last))
    if services.extended_icmp is not None:
        yield _python("extended_icmp", EXTENDER, str(READY_PORT), json.dumps(services.extended_icmp))


def _python(kind: str, script: Path, *arguments: str) -> Program:
    """Return a program of the lab's own that binds a UDP port once it is ready."""
    command = (sys.executable, "-I", "-S", str(script), *arguments)
    return Program(kind=kind, command=command, transport="udp", port=READY_PORT)


def _resolvers(services: Services, place: Place) -> Iterator[Program]:
    if services.names is not None:
        command = _dnsmasq(services.names, services.dns_options)
        yield Program(kind="names", command=command, transport="udp", port=DNS_PORT)
    if services.unbound is not None:
        configuration = place.directory / "unbound.conf"
        configuration.write_text(_UNBOUND.format(directory=place.directory) + services.unbound)
        command = ("unbound", "-d", "-p", "-c", str(configuration))
        yield Program(kind="unbound", command=command, transport="udp", port=DNS_PORT)


def _dnsmasq(names: Mapping[str, tuple[str, ...]], more: tuple[str, ...]) -> tuple[str, ...]:
    """Return a resolver that knows these names, and says NXDOMAIN for every other one.

    Without a daemon's ways it keeps its user: where there is only one, it cannot change it.
    """
    records = (f"--host-record={name},{','.join(addresses)}" for name, addresses in names.items())
    options = (
        "--no-daemon",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
    )
    return ("dnsmasq", *options, "--log-facility=-", "--local=/#/", *records, *more)


def _proxies(node: str, services: Services, place: Place) -> Iterator[Program]:
    if services.proxy is not None:
        configuration = place.directory / "tinyproxy.conf"
        configuration.write_text(_TINYPROXY.format(port=services.proxy, directory=place.directory))
        command = ("tinyproxy", "-d", "-c", str(configuration))
        yield Program(kind="proxy", command=command, transport="tcp", port=services.proxy)
    if services.squid is not None:
        yield squid.program(node, services.squid, place.directory, place.authority)


def _edge(node: str, wanted: Mapping[str, Any], place: Place) -> Program:
    """Return our own edge, with the keys of `edge:` in its file; what every edge of the lab shares is filled in.

    `names` are those of its certificate. `without_raw_sockets` takes that right from it.
    """
    section = {"name": node, "listen": f"0.0.0.0:{EDGE_API_PORT}", "tokens_file": "tokens", **wanted}
    names = section.pop("names", [f"{node}.example.test"])
    lesser = ("setpriv", "--bounding-set=-net_raw") if section.pop("without_raw_sockets", False) else ()
    if "insecure" not in section:
        made = place.authority.issue(names)
        section.setdefault("tls", {"cert_file": str(made.certificate), "key_file": str(made.key)})
    (place.directory / "tokens").write_text(f"{TOKEN}\n")
    (place.directory / "tokens").chmod(0o600)
    configuration = place.directory / "edge.yaml"
    configuration.write_text(yaml.safe_dump({"edge": section}))
    environment = ("env", f"PYTHONPATH={REPOSITORY}", f"SSL_CERT_FILE={place.authority.own.certificate}")
    command = (*lesser, *environment, sys.executable, "-m", "agent", "edge", "-c", str(configuration))
    port = int(str(section["listen"]).rpartition(":")[2])
    return Program(kind="edge", command=command, transport="tcp", port=port)


def _other(entry: Mapping[str, Any], directory: Path) -> Program:
    """Return any other program: `command` (a list), `ready: tcp:PORT` or `udp:PORT`, `files` beside it."""
    for name, text in entry.get("files", {}).items():
        (directory / name).write_text(text)
    transport, _, port = str(entry.get("ready", "")).partition(":")
    if transport not in {"tcp", "udp"}:
        raise MapError(f"{entry}: say `ready: tcp:PORT` or `ready: udp:PORT`")
    command = ("env", f"--chdir={directory}", *(str(word) for word in entry["command"]))
    return Program(kind="run", command=command, transport=transport, port=int(port))
