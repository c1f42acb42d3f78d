"""Whatever a database holds, it is origins or one line: never a traceback, and never a fact of the wrong type."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probes.drivers.mmdb import check_database, origins_of
from probes.facts import Place
from probes.origin import DatabaseError, Origin, origin_in
from tests.unit.origin.databases import MAXMIND_ASN, MAXMIND_CITY, write_database

ADDRESSES = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"]
KEYS = st.sampled_from(
    [
        "autonomous_system_number",
        "autonomous_system_organization",
        "traits",
        "asn",
        "as_name",
        "name",
        "country",
        "country_code",
        "iso_code",
        "city",
        "names",
        "en",
    ]
)
RECORDS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
)


def assert_of_its_types(origin: Origin) -> None:
    assert origin.asn is None or (type(origin.asn) is int and 0 < origin.asn < 2**32)
    assert origin.as_name is None or (type(origin.as_name) is str and origin.as_name)
    assert origin.place is None or isinstance(origin.place, Place)
    if origin.place is not None:
        assert origin.place.country or origin.place.city
        assert origin.place.country is None or (len(origin.place.country) == 2 and origin.place.country.isupper())


@given(RECORDS)
def test_any_record_is_an_origin(record: object) -> None:
    assert_of_its_types(origin_in(record))


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("databases") / "good.mmdb"
    records = {prefix: {**MAXMIND_CITY.get(prefix, {}), **record} for prefix, record in MAXMIND_ASN.items()}
    return write_database(file, records).read_bytes()


def said_of(file: Path) -> str:
    """Return what is wrong with a file, nothing for a good one; any other exception is the test's failure."""
    try:
        check_database(file)
    except DatabaseError as error:
        return str(error)
    return ""


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.none() | st.floats(0, 1),
)
def test_a_damaged_file_is_origins_or_one_line(
    good: bytes, tmp_path: Path, changes: list[tuple[float, int]], cut: float | None
) -> None:
    data = bytearray(good)
    for at, value in changes:
        data[int(at * len(data))] = value
    file = tmp_path / "damaged.mmdb"
    file.write_bytes(data if cut is None else data[: int(cut * len(data))])
    assert said_of(file).isprintable()
    origins, failures = origins_of([file], ADDRESSES)
    assert len(failures) <= 1
    assert all(failure.detail.isprintable() for failure in failures)
    for origin in origins.values():
        assert_of_its_types(origin)
