"""Databases as files: good ones of each maker, and every kind that is not good, with what is said of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from probes.drivers.mmdb import check_database, origins_of, usual_databases
from probes.facts import Place
from probes.failure import Failure
from probes.origin import DatabaseError, Origin
from tests.unit.origin.databases import (
    ANONYMOUS_IP,
    IPINFO_LITE,
    MAXMIND_ASN,
    MAXMIND_CITY,
    write_database,
)

MUNICH = Place(country="DE", city="Munich")


@pytest.fixture
def asn(tmp_path: Path) -> Path:
    return write_database(tmp_path / "GeoLite2-ASN.mmdb", MAXMIND_ASN, "GeoLite2-ASN")


@pytest.fixture
def city(tmp_path: Path) -> Path:
    return write_database(tmp_path / "GeoLite2-City.mmdb", MAXMIND_CITY, "GeoLite2-City")


def test_networks_and_places_come_from_several_files(asn: Path, city: Path) -> None:
    addresses = ["192.0.2.80", "198.51.100.1", "2001:db8::5", "203.0.113.9"]
    origins, failures = origins_of([asn, city], addresses)
    assert failures == ()
    assert origins == {
        "192.0.2.80": Origin(asn=64_500, as_name="Example Networks", place=MUNICH),
        "198.51.100.1": Origin(
            asn=64_501, as_name="Example Hosting, Inc.", place=Place(country="BR", city="São Paulo")
        ),
        "2001:db8::5": Origin(asn=4_200_000_000, as_name="Example IPv6", place=Place(country="SE")),
    }


def test_private_addresses_are_not_looked_up(asn: Path) -> None:
    assert origins_of([asn], ["10.0.0.1", "fe80::1%eth0"]) == ({}, ())


def test_an_ipinfo_file_is_understood(tmp_path: Path) -> None:
    file = write_database(tmp_path / "ipinfo_lite.mmdb", IPINFO_LITE)
    check_database(file)
    expected = Origin(asn=64_500, as_name="Example Networks", place=Place(country="DE"))
    assert origins_of([file], ["192.0.2.80"]) == ({"192.0.2.80": expected}, ())


def test_an_ipv4_file_is_not_asked_for_ipv6(tmp_path: Path) -> None:
    records = {prefix: record for prefix, record in MAXMIND_ASN.items() if ":" not in prefix}
    file = write_database(tmp_path / "v4.mmdb", records, ip_version=4)
    origins, failures = origins_of([file], ["192.0.2.80", "2001:db8::5"])
    assert (set(origins), failures) == ({"192.0.2.80"}, ())


def test_the_usual_directories_are_searched_for_what_fits(tmp_path: Path, asn: Path, city: Path) -> None:
    write_database(tmp_path / "GeoIP2-Anonymous-IP.mmdb", ANONYMOUS_IP, "GeoIP2-Anonymous-IP")
    (tmp_path / "README").write_text("no database", encoding="utf-8")
    assert usual_databases((tmp_path / "nowhere", tmp_path)) == (asn, city)
    assert usual_databases((tmp_path / "nowhere",)) == ()


def test_a_file_about_something_else_is_named_by_its_type(tmp_path: Path) -> None:
    file = write_database(tmp_path / "a.mmdb", ANONYMOUS_IP, "GeoIP2-Anonymous-IP")
    with pytest.raises(DatabaseError) as caught:
        check_database(file)
    assert str(caught.value) == f"{file} knows neither AS numbers nor places; it is of type 'GeoIP2-Anonymous-IP'"


def test_a_type_that_acts_on_a_terminal_is_shown_inert(tmp_path: Path) -> None:
    file = write_database(tmp_path / "a.mmdb", ANONYMOUS_IP, "\x1b[2J\n")
    with pytest.raises(DatabaseError) as caught:
        check_database(file)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kept", [0, 1, 1_000, -20, -40])
def test_a_file_that_was_cut_is_no_database(tmp_path: Path, asn: Path, kept: int) -> None:
    file = tmp_path / "cut.mmdb"
    file.write_bytes(asn.read_bytes()[:kept])
    with pytest.raises(DatabaseError, match=r"cut\.mmdb (is no MMDB file|is damaged)"):
        check_database(file)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.mmdb"
    os.mkfifo(fifo)
    for file, said in (
        (tmp_path / "nothing.mmdb", "cannot read {}: no such file or directory"),
        (tmp_path, "{} is no file"),
        (fifo, "{} is no file"),
        (Path("/etc/passwd"), "{} is no MMDB file, or a part of it is missing"),
    ):
        with pytest.raises(DatabaseError) as caught:
            check_database(file)
        assert str(caught.value) == said.format(file)


def test_a_damaged_file_costs_what_it_knew_and_nothing_else(asn: Path, city: Path) -> None:
    data = bytearray(asn.read_bytes())
    at = data.index(b"autonomous_system_number") - 1
    # A string where the format has no type: only who looks up meets it.
    data[at - 1 : at + 1] = b"\x00\x00"
    asn.write_bytes(data)
    origins, failures = origins_of([asn, city], ["192.0.2.80"])
    assert origins == {"192.0.2.80": Origin(place=MUNICH)}
    (failure,) = failures
    assert (failure.operation, failure.failure) == ("address_database", Failure.INVALID_SETTING)
    assert failure.detail.startswith(f"{asn} is damaged")


def test_a_file_that_went_away_costs_what_it_knew_and_nothing_else(tmp_path: Path, city: Path) -> None:
    origins, failures = origins_of([tmp_path / "gone.mmdb", city], ["192.0.2.80"])
    assert origins == {"192.0.2.80": Origin(place=MUNICH)}
    assert [failure.detail for failure in failures] == [
        f"cannot read {tmp_path / 'gone.mmdb'}: no such file or directory"
    ]


def test_files_are_closed_again(asn: Path, city: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        origins_of([asn, city], ["192.0.2.80"])
        check_database(asn)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_reader_is_loaded_without_the_metadata_of_packages(asn: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom probes.drivers.mmdb import check_database\n"
        f"assert 'maxminddb' not in sys.modules\ncheck_database(Path({str(asn)!r}))\n"
        "assert 'maxminddb' in sys.modules\nassert 'importlib.metadata' not in sys.modules\n"
        "import importlib.metadata\nassert importlib.metadata.version('maxminddb')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
