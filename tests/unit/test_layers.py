"""The contract that keeps probes pure names each of their modules: import-linter checks only what it is told of."""

import pkgutil
import tomllib
from pathlib import Path

import probes

# They touch the world, each by its charge.
APART = {"probes.clock", "probes.drivers"}


def test_every_pure_module_of_probes_is_under_the_contract() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (pure,) = (each["source_modules"] for each in contracts if each["name"] == "Only drivers touch the world")
    modules = {module.name for module in pkgutil.iter_modules(probes.__path__, "probes.")}
    assert set(pure) == modules - APART
