"""Networks for tests: each map is built once for a run, when a test first asks for it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.lab.builder import Lab, remove_leftovers
from tests.lab.network_map import read_map


@pytest.fixture(scope="session")
def network() -> Iterator[Callable[[str], Lab]]:
    """Give the built network of a map by its name; tests that change a network build one of their own."""
    built: dict[str, Lab] = {}
    remove_leftovers()
    with ExitStack() as stack:

        def get(name: str) -> Lab:
            if name not in built:
                built[name] = stack.enter_context(Lab(read_map(name)))
            return built[name]

        yield get
