"""Whose network an address is in, and where: what the records of an operator's databases say of it.

Records of MMDB files have no schema; each maker has its own layout. Read here: MaxMind (GeoLite2 and GeoIP2 ASN, ISP,
Country, City, Enterprise), DB-IP (which keeps to MaxMind's), IPinfo (flat keys, `AS13335`), flat `country_code`.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from probes.address_ranges import INSIDE, LOOPBACK
from probes.facts import Place
from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

Steps = tuple[str, ...]

# Where each fact may stand, the likelier place first.
_NUMBERS: Final[tuple[Steps, ...]] = (
    ("autonomous_system_number",),
    ("traits", "autonomous_system_number"),
    ("asn",),
)
_NETWORK_NAMES: Final[tuple[Steps, ...]] = (
    ("autonomous_system_organization",),
    ("traits", "autonomous_system_organization"),
    ("as_name",),
    ("name",),
)
_COUNTRIES: Final[tuple[Steps, ...]] = (("country", "iso_code"), ("country_code",), ("country",))
_CITIES: Final[tuple[Steps, ...]] = (("city", "names", "en"), ("city",))

# RFC 6793: AS numbers have four octets; RFC 7607: 0 is nobody's.
_LARGEST_AS_NUMBER: Final = 2**32 - 1
_COUNTRY_CODE_LENGTH: Final = 2
# No operator and no city is called more than this; what is longer is no name.
_LONGEST_NAME: Final = 500

# Addresses that are in many networks at once, so that a database of the Internet knows nothing of them:
# an organisation's and a link's, this host's, and none at all (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.2).
_LOCAL: Final = tuple(map(ip_network, (*INSIDE, *LOOPBACK, "0.0.0.0/8", "::/128")))


class DatabaseError(Exception):
    """A database that cannot be used; the text is one line for a person."""


@frozen
class Origin:
    """What databases know of one address; None where they say nothing."""

    asn: int | None = None
    as_name: str | None = None
    place: Place | None = None


NOWHERE: Final = Origin()


def origin_in(record: object) -> Origin:
    """Return what one database's record of an address says; what makes no sense counts as not there."""
    asn = _first_number(record)
    country, city = _first_country(record), _first_name(record, _CITIES)
    return Origin(
        asn=asn,
        # Without its number, `name` may be the name of anything.
        as_name=None if asn is None else _first_name(record, _NETWORK_NAMES),
        place=Place(country=country, city=city) if country or city else None,
    )


def merged(origins: Iterable[Origin]) -> Origin:
    """Return what several databases say together: the first network; the first place with a city, else the first."""
    known = [*origins, NOWHERE]
    network = next((origin for origin in known if origin.asn is not None), NOWHERE)
    places = [origin.place for origin in known if origin.place is not None]
    place = next((place for place in places if place.city), places[0] if places else None)
    return Origin(asn=network.asn, as_name=network.as_name, place=place)


def is_local(address: str) -> bool:
    """Return whether an address (with its zone, if it has one) means something only within one network."""
    bare = ip_address(address.partition("%")[0])
    return any(bare in network for network in _LOCAL)


# --- values, none of which can be trusted to be of its type -----------------------------------------------------------


def _at(record: object, steps: Steps) -> object:
    for step in steps:
        if not isinstance(record, dict):
            return None
        record = record.get(step)
    return record


def _first_number(record: object) -> int | None:
    numbers = (_as_number(_at(record, steps)) for steps in _NUMBERS)
    return next((number for number in numbers if number is not None), None)


def _as_number(value: object) -> int | None:
    """Return the number in 13335, "13335" or "AS13335"."""
    if isinstance(value, str):
        digits = value.removeprefix("AS")
        value = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= len("4294967295") else None
    plausible = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST_AS_NUMBER
    return value if plausible and isinstance(value, int) else None


def _first_country(record: object) -> str | None:
    codes = (_at(record, steps) for steps in _COUNTRIES)
    return next((code.upper() for code in codes if isinstance(code, str) and _is_country_code(code)), None)


def _is_country_code(text: str) -> bool:
    """Return whether a text looks like an ISO 3166-1 alpha-2 code; some files have names under the same key."""
    return len(text) == _COUNTRY_CODE_LENGTH and text.isascii() and text.isalpha()


def _first_name(record: object, places: tuple[Steps, ...]) -> str | None:
    names = (_at(record, steps) for steps in places)
    return next((name for name in names if isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME), None)
