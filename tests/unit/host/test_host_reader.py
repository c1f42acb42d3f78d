"""The parts of the host that are files."""

from pathlib import Path

import pytest

from probes.drivers import host_fallback
from probes.drivers.host import AgentIdSource, HostPaths, HostReader
from probes.facts import Family
from probes.host_facts import Resolver, Route
from probes.resolv_conf import ResolvConf

MACHINE_ID = "0123456789abcdef0123456789abcdef"


def reader(folder: Path) -> HostReader:
    return HostReader(
        HostPaths(
            resolv_conf=folder / "resolv.conf",
            hosts=folder / "hosts",
            machine_ids=(folder / "machine-id", folder / "dbus-id"),
            boot_id=folder / "boot_id",
        )
    )


def test_an_empty_host_knows_nothing_and_says_so(tmp_path: Path) -> None:
    empty = reader(tmp_path)
    assert (empty.resolv(), empty.hosts(), empty.identity().boot_id) == (ResolvConf(), "", None)


def test_files_that_are_there_are_read(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_bytes(b"nameserver 127.0.0.53\noptions edns0 \xff\nsearch corp.example\n")
    (tmp_path / "hosts").write_text("192.0.2.1 crm\n")
    (tmp_path / "boot_id").write_text("11111111-2222-3333-4444-555555555555\n")
    full = reader(tmp_path)
    assert full.resolv() == ResolvConf(resolvers=(Resolver(address="127.0.0.53"),), search_domains=("corp.example",))
    assert full.hosts() == "192.0.2.1 crm\n"
    assert full.identity().boot_id == "11111111-2222-3333-4444-555555555555"


def test_the_agent_id_is_stable_and_hides_the_machine_id(tmp_path: Path) -> None:
    (tmp_path / "machine-id").write_text(f"{MACHINE_ID}\n")
    identity = reader(tmp_path).identity()
    assert identity == reader(tmp_path).identity()
    assert identity.agent_id_source is AgentIdSource.MACHINE_ID
    # HMAC-SHA256(key=machine-id, "cloudpath-agent/1"), first 16 bytes, by openssl.
    assert identity.agent_id == "902925cbc494b2fb7110e6e33b169ce6"
    assert MACHINE_ID not in repr(identity)


@pytest.mark.parametrize("text", ["", "uninitialized\n", "0123\n", "zz" * 16])
def test_without_a_machine_id_the_agent_id_is_random(tmp_path: Path, text: str) -> None:
    (tmp_path / "machine-id").write_text(text)
    one, other = reader(tmp_path).identity(), reader(tmp_path).identity()
    assert one.agent_id_source is other.agent_id_source is AgentIdSource.RANDOM
    assert one.agent_id != other.agent_id
    assert len(one.agent_id) == 32


def test_the_second_place_of_the_machine_id_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "dbus-id").write_text(MACHINE_ID)
    assert reader(tmp_path).identity().agent_id_source is AgentIdSource.MACHINE_ID


IPV4_ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
*\t00000000\t00000000\t0201\t0\t0\t200\t00000000\t0\t0\t0
"""
IPV6_ROUTES = (
    "0" * 32 + " 00 " + "0" * 32 + " 00 fe80" + "0" * 27 + "1 00000400 00000001 00000000 00000003     eth0\n"
    "20010db8" + "0" * 24 + " 20 " + "0" * 32 + " 00 " + "0" * 32 + " 00000100 00000001 00000000 00000001     eth0\n"
    + "0" * 32 + " 00 " + "0" * 32 + " 00 " + "0" * 32 + " ffffffff 00000001 00000000 00200200       lo\n"
)  # fmt: skip


def test_default_routes_from_proc() -> None:
    assert host_fallback.default_routes(IPV4_ROUTES, IPV6_ROUTES) == (
        Route(destination="0.0.0.0/0", family=Family.IPV4, interface="eth0", gateway="10.0.0.1", table=254, metric=100),
        Route(destination="::/0", family=Family.IPV6, interface="eth0", gateway="fe80::1", table=254, metric=1024),
    )


def test_no_files_no_default_routes() -> None:
    assert host_fallback.default_routes("", "") == ()
