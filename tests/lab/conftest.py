"""Networks for tests: each map is built once for a module, when one of its tests first asks for it."""

import signal
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


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Let Ctrl-C reach the programs under test: what a shell starts in the background ignores it, children included."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def prepared() -> None:
    """Remove what killed runs left, and compile the packages, once."""
    remove_leftovers()
    compile_packages()


@pytest.fixture(scope="module")
def network(prepared: None) -> Iterator[Callable[[str], Lab]]:
    """Give the built network of a map by its name; tests that change a network build one of their own.

    Each module has networks of its own: a client's addresses, which no two measurements share, would not last for all.
    """
    del prepared
    built: dict[str, Lab] = {}
    with ExitStack() as stack:

        def get(name: str) -> Lab:
            if name not in built:
                built[name] = stack.enter_context(Lab(read_map(name)))
            return built[name]

        yield get
