"""A scenario file is read strictly: what cannot be meant is refused, with the row and what about it."""

import pytest

from tests.lab.builder import User
from tests.lab.scenario import (
    FAULTY_WITHIN_S,
    HEALTHY_BY_EDGE_WITHIN_S,
    HEALTHY_WITHIN_S,
    Row,
    ScenarioError,
    find_row,
    named_faults,
    parse,
    read_rows,
)

_ROW = "{title: a row, network: cloud, command: trace -n app.example.test, expect: []}"
_ERROR = "{code: CP-03, reason: nxdomain, leg: [client, destination]}"


def row_of(text: str) -> Row:
    """Return the only row of a file."""
    (row,) = parse("cp-99", f"rows: [{text}]")
    return row


def with_(more: str) -> str:
    """Return the plain row with further keys."""
    return f"{_ROW[:-1]}, {more}}}"


def test_a_plain_row_asks_once_and_expects_nothing() -> None:
    row = row_of(_ROW)
    assert row.id == "cp-99/a-row"
    assert row.asked.command == ("trace", "-n", "app.example.test")
    assert row.before is None
    assert row.users == (User.ROOT,)
    assert row.codes == ()


@pytest.mark.parametrize("change", ["break: [{node: core, run: 'true'}]", "during: [{node: core, run: 'true'}]"])
def test_where_something_is_changed_the_same_is_asked_before(change: str) -> None:
    row = row_of(with_(change))
    assert row.before == row.asked
    assert row_of(with_(f"{change}, before: false")).before is None


def test_what_is_asked_before_may_be_something_else() -> None:
    row = row_of(with_("through: prlimit --nofile=8, before: {command: trace -T 192.0.2.1, through: ''}"))
    assert row.before is not None
    assert row.before.command == ("trace", "-T", "192.0.2.1")
    assert row.before.through == ()
    assert row.asked.through == ("prlimit", "--nofile=8")


@pytest.mark.parametrize(
    ("more", "within_s"),
    [
        ("stdin: ''", HEALTHY_WITHIN_S),
        ("configuration: {service_edge: {host: edge.example.test}}", HEALTHY_BY_EDGE_WITHIN_S),
        (f"expect: [{_ERROR}]", FAULTY_WITHIN_S),
        ("within_s: 2.5", 2.5),
    ],
)
def test_how_long_it_may_take_follows_from_what_is_asked(more: str, within_s: float) -> None:
    row = f"{{title: a row, network: cloud, command: trace a, expect: [], {more}}}"
    if "expect: [{" in more:
        row = row.replace("expect: [], ", "")
    assert row_of(row).within_s == within_s


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (with_("broken: []"), "a row: unknown broken"),
        ("{title: a row, command: trace a, expect: []}", "a row: no network"),
        (with_("break: [{node: core}]"), "needs one of run, nft, fault and stop"),
        (with_("break: [{node: core, run: a, stop: web}]"), "needs one of run, nft, fault and stop"),
        (with_("break: [{node: core, fault: nothing}]"), "no fault is called nothing"),
        (with_("break: [{nod: core, run: a}]"), "nod"),
        (with_("user: admin"), "admin"),
        (_ROW.replace("[]", "[{code: CP-03, leg: null}]"), "reason"),
        (_ROW.replace("[]", "[{code: CP-03, reason: nxdomain}]"), "leg"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_row(text: str, complaint: str) -> None:
    with pytest.raises(ScenarioError, match="a row") as refused:
        row_of(text)
    assert complaint in str(refused.value)


def test_a_file_has_rows_and_defaults_only() -> None:
    with pytest.raises(ScenarioError, match="a file has `rows`"):
        list(parse("cp-99", "row: []"))


def test_defaults_are_for_every_row_and_a_row_counts_more() -> None:
    text = (
        "defaults: {network: cloud, command: trace a, expect: []}\nrows: [{title: one}, {title: two, network: office}]"
    )
    assert [row.network for row in parse("cp-99", text)] == ["cloud", "office"]


# --- its network ------------------------------------------------------------------------------------------------------


def test_optional_nodes_are_there_where_they_are_asked_for() -> None:
    assert "edge" not in row_of(_ROW).map().nodes
    there = row_of(with_("with: [edge]")).map()
    assert "edge" in there.nodes
    assert any("edge" in (link.left, link.right) for link in there.links)


def test_an_optional_node_that_the_map_does_not_have_is_refused() -> None:
    with pytest.raises(ScenarioError, match="`with` names tower"):
        row_of(with_("with: [tower]")).map()


def test_a_row_adds_to_the_map_and_takes_away() -> None:
    more = "nodes: {web: {services: {web: null, tcp: [443]}}, extra: }, links: {core -- extra: {ipv4: 192.0.2.0/29}}"
    there = row_of(with_(more)).map()
    assert there.nodes["web"].services.web == ()
    assert there.nodes["web"].services.tcp == (443,)
    assert "extra" in there.nodes


def test_nobody_outside_has_a_route_to_private_prefixes() -> None:
    from probes.facts import Family  # noqa: PLC0415 - for this test alone

    there = row_of(with_("with: [dc, dcproxy, localproxy]")).map()

    def knows(node: str) -> bool:
        own = any(str(link.ipv4).startswith("10.30.0.") for link in there.links_of(node))
        return own or "10.30.0.0/24" in {route.prefix for route in there.routes(node, Family.IPV4)}

    assert {node for node in there.nodes if there.forwards(node) and knows(node)} == {"gateway", "dc"}


# --- all rows ---------------------------------------------------------------------------------------------------------


def test_every_row_describes_a_network_that_has_its_nodes() -> None:
    for row in read_rows():
        there = row.map()
        named = {step.node for step in (*row.faults, *row.during)} | {stream.node for stream in row.send} | {row.client}
        assert named <= there.nodes.keys(), row.id


def test_every_step_of_a_disturbance_waits_for_packets() -> None:
    for row in read_rows():
        assert all(step.after_packets for step in row.during), row.id


def test_a_row_is_found_by_its_id_and_by_a_part_that_names_no_other() -> None:
    row = read_rows()[0]
    assert find_row(row.id) is row
    with pytest.raises(ScenarioError, match="more than one row is called healthy/"):
        find_row("healthy/")
    with pytest.raises(ScenarioError, match="no row is called nonsense"):
        find_row("nonsense")


def test_every_named_fault_does_something() -> None:
    assert {"deaf", "mute", "no_dns"} <= named_faults().keys()
    assert all(len({"run", "nft"} & fault.keys()) == 1 for fault in named_faults().values())
