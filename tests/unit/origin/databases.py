"""MMDB files made for tests, in the layouts of their makers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mmdb_writer import MMDBWriter
from netaddr import IPSet

Records = Mapping[str, Any]

MAXMIND_ASN: Final[Records] = {
    "192.0.2.0/24": {"autonomous_system_number": 64_500, "autonomous_system_organization": "Example Networks"},
    "198.51.100.0/24": {"autonomous_system_number": 64_501, "autonomous_system_organization": "Example Hosting, Inc."},
    "2001:db8::/32": {"autonomous_system_number": 4_200_000_000, "autonomous_system_organization": "Example IPv6"},
    # Whoever puts private addresses into a database is not asked for them.
    "10.0.0.0/8": {"autonomous_system_number": 65_000, "autonomous_system_organization": "Nobody"},
}
MAXMIND_CITY: Final[Records] = {
    "192.0.2.0/24": {
        "city": {"names": {"de": "München", "en": "Munich"}},
        "continent": {"code": "EU"},
        "country": {"iso_code": "DE", "names": {"en": "Germany"}},
    },
    "198.51.100.0/24": {"country": {"iso_code": "BR"}, "city": {"names": {"en": "São Paulo"}}},
    "2001:db8::/32": {"country": {"iso_code": "SE"}},
}
IPINFO_LITE: Final[Records] = {
    "192.0.2.0/24": {
        "asn": "AS64500",
        "as_name": "Example Networks",
        "country": "Germany",
        "country_code": "DE",
        "continent": "Europe",
    },
}
ANONYMOUS_IP: Final[Records] = {"192.0.2.0/24": {"is_anonymous": True}}


def write_database(file: Path, records: Records, kind: str = "Test", ip_version: int = 6) -> Path:
    """Write an MMDB file with these records by prefix, and return where it is."""
    writer = MMDBWriter(ip_version, kind, ipv4_compatible=ip_version == 6)
    for prefix, record in records.items():
        writer.insert_network(IPSet([prefix]), record)
    writer.to_db_file(str(file))
    return file
