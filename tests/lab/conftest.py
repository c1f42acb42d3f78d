"""Networks for tests: each map is built once for a run, when a test first asks for it."""

from collections.abc import Callable, Iterator
from compileall import compile_dir
from contextlib import ExitStack

import pytest

from rules.shipped import compile_rules
from tests.lab.builder import Lab, remove_leftovers
from tests.lab.network_map import read_map
from tests.lab.open_way import REPOSITORY


def compile_packages() -> None:
    """Compile our packages, as installing them does: in a checkout, nobody cannot, and would do it at every start."""
    for package in ("agent", "probes", "rules"):
        assert compile_dir(REPOSITORY / package, quiet=1), package
    compile_rules()


@pytest.fixture(scope="session")
def network() -> Iterator[Callable[[str], Lab]]:
    """Give the built network of a map by its name; tests that change a network build one of their own."""
    built: dict[str, Lab] = {}
    remove_leftovers()
    compile_packages()
    with ExitStack() as stack:

        def get(name: str) -> Lab:
            if name not in built:
                built[name] = stack.enter_context(Lab(read_map(name)))
            return built[name]

        yield get
