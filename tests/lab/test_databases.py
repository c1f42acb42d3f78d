"""Networks and places of real hops, from databases made for the test: in each format, with nobody asked."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from probes.facts import Family
from tests.lab import ours
from tests.lab.builder import Lab
from tests.unit.origin.databases import MAXMIND_ASN, MAXMIND_CITY, write_database

pytestmark = pytest.mark.lab

MUNICH = {"country": "DE", "city": "Munich"}


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    """Give the options that name an ASN and a city database."""
    asn = write_database(tmp_path / "GeoLite2-ASN.mmdb", MAXMIND_ASN, "GeoLite2-ASN")
    city = write_database(tmp_path / "GeoLite2-City.mmdb", MAXMIND_CITY, "GeoLite2-City")
    return ("--asn-db", str(asn), "--asn-db", str(city))


def shown(lab: Lab, *options: str, family: Family = Family.IPV4) -> str:
    source = lab.fresh_source("client", family)
    command = (
        *ours.COMMAND,
        "trace",
        "-n",
        *options,
        "--source",
        source,
        lab.address("server", family),
    )
    done = lab.run("client", command)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def responders(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the one responder of each hop."""
    hops = record["legs"][0]["hops"]
    assert all(len(hop["responders"]) == 1 for hop in hops)
    return [hop["responders"][0] for hop in hops]


def test_public_hops_have_a_network_and_a_place_and_private_ones_have_none(
    network: Callable[[str], Lab], files: tuple[str, ...]
) -> None:
    lab = network("chain")
    first, *middle, last = responders(json.loads(shown(lab, "--json", *files)))
    assert (first["asn"], first["as_name"], first["place"]) == (64_500, "Example Networks", MUNICH)
    assert all(one["address"].startswith("10.") for one in middle)
    assert {(one["asn"], one["as_name"], one["place"]) for one in middle} == {(None, None, None)}
    assert (last["asn"], last["place"]) == (64_501, {"country": "BR", "city": "São Paulo"})


def test_ipv6_hops_are_looked_up_too(network: Callable[[str], Lab], files: tuple[str, ...]) -> None:
    found = responders(json.loads(shown(network("chain"), "--json", *files, family=Family.IPV6)))
    assert {one["asn"] for one in found} == {4_200_000_000}


def test_text_shows_networks_and_wide_shows_names_and_places(
    network: Callable[[str], Lab], files: tuple[str, ...]
) -> None:
    lab = network("chain")
    text = shown(lab, *files)
    assert "AS64500" in text
    assert "Example Networks" not in text
    wide = shown(lab, "--format", "wide", *files)
    assert "AS64500" in wide
    assert "Example Networks" in wide
    assert "DE Munich" in wide
    assert "BR Sao Paulo" in wide


def test_csv_has_them_as_columns(network: Callable[[str], Lab], files: tuple[str, ...]) -> None:
    first, *_, last = csv.DictReader(io.StringIO(shown(network("chain"), "--format", "csv", *files), newline=""))
    assert [first[key] for key in ("asn", "as_name", "country", "city")] == [
        *("64500", "Example Networks", "DE", "Munich"),
    ]
    assert [last[key] for key in ("as_name", "city")] == ["Example Hosting, Inc.", "São Paulo"]


def test_the_configuration_may_name_them(network: Callable[[str], Lab], tmp_path: Path, files: tuple[str, ...]) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("agent: {address_databases: [GeoLite2-ASN.mmdb]}\n", encoding="utf-8")
    assert files
    first, *_ = responders(json.loads(shown(network("chain"), "--json", "-c", str(file))))
    assert (first["asn"], first["place"]) == (64_500, None)


def test_without_a_database_nothing_is_known_and_no_column_is_shown(network: Callable[[str], Lab]) -> None:
    lab = network("chain")
    assert {one["asn"] for one in responders(json.loads(shown(lab, "--json")))} == {None}
    assert "ASN" not in shown(lab)
