"""The fixture of the drivers' own small lab."""

from collections.abc import Iterator

import pytest

from tests.unit.drivers.chain import Chain


@pytest.fixture
def chain() -> Iterator[Chain]:
    """Give a fresh path, whose routers' ICMP buckets are full, and be its client."""
    made = Chain()
    try:
        made.build()
        with made.inside("client"):
            yield made
    finally:
        made.close()
