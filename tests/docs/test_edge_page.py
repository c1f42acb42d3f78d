"""The edge's page: its keys, defaults and figures are those that there are, and its examples are read."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from agent.config.model import Settings
from agent.exit_codes import ServiceExit
from edge import api, doors, http, in_band, seen
from edge.asked import GRANTED_QUERIES, GRANTED_TTL
from edge.composition import LONGEST_TRACE_S
from edge.config import EdgeSection, LimitsSection, TlsSection, TunnelSection, read_edge_settings

PAGE = (Path(__file__).parents[2] / "docs/edge.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def rows() -> dict[str, list[str]]:
    """Return the cells of each row of the table of keys, by key."""
    table = PAGE.partition("## Configuration")[2].partition("\n## ")[0]
    cells = (line.strip("|").split("|") for line in table.splitlines() if line.startswith("| `"))
    return {key.strip().strip("`"): [cell.strip() for cell in rest] for key, *rest in cells}


def test_every_key_has_a_row() -> None:
    limits = [f"limits.{key}" for key in LimitsSection.model_fields]
    keys = [key for key in EdgeSection.model_fields if key != "limits"]
    assert set(rows()) == {*keys, *limits}


@pytest.mark.parametrize("key", LimitsSection.model_fields)
def test_the_limits_have_these_defaults_and_ranges(key: str) -> None:
    default, words = rows()[f"limits.{key}"]
    field = LimitsSection.model_fields[key]
    if field.default is None:
        assert default == "as for an address"
        return
    assert default == str(field.default)
    if "to" in words.rpartition(";")[2]:
        with pytest.raises(ValueError, match="less than or equal to"):
            LimitsSection.model_validate({key: int(words.split()[-1]) + 1})
        assert key in LimitsSection.model_validate({key: int(words.split()[-1])}).model_fields_set


@pytest.mark.parametrize(("section", "key"), [(TlsSection, "tls"), (TunnelSection, "tunnels")])
def test_the_keys_of_a_section_are_named(section: type[BaseModel], key: str) -> None:
    assert all(f"`{name}`" in rows()[key][1] for name in section.model_fields)


def test_the_edges_example_is_read(tmp_path: Path) -> None:
    (tmp_path / "edge.yaml").write_text(EXAMPLES[0])
    (tmp_path / "tokens").write_text("0" * 64)
    for name in ("edge.pem", "edge.key"):
        (tmp_path / name).touch()
    assert read_edge_settings(tmp_path / "edge.yaml", {}).edge.name == "edge-1"


def test_the_agents_example_has_the_agents_keys() -> None:
    section = yaml.safe_load(EXAMPLES[1])["service_edge"]
    assert section["api"].startswith("https://")
    assert "service_edge" in Settings.model_fields


def test_the_exit_codes_are_those_that_there_are() -> None:
    table = re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)
    assert [int(code) for code in table] == [0, *ServiceExit]


def test_the_bounds_are_those_that_there_are() -> None:
    bounds = " ".join(PAGE.partition("## Whom it trusts")[2].split())
    assert f"{doors.MOST_CONNECTIONS} connections ({doors.MOST_OF_ONE} of one address" in bounds
    assert f"bodies of {http.LONGEST_BODY // 1024} KB" in bounds
    assert f"heads of {http.LONGEST_HEAD // 1024} KB" in bounds
    assert f"{GRANTED_TTL} hops, {GRANTED_QUERIES} queries" in bounds
    assert LONGEST_TRACE_S == 8
    assert (http.HEAD_S, http.BODY_S) == (5, 5)
    assert (in_band.PER_SOURCE_PER_S, in_band.PER_SOURCE_BURST, in_band.TOTAL_PER_S) == (20, 60, 5_000)
    assert "twenty a second for one source after a burst of sixty, 5,000 for all" in bounds
    assert api.VALID_FOR_S == 300
    assert seen.NONCE_LENGTH == 16
