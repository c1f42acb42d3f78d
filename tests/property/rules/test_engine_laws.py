"""Laws of the rules: Kleene's logic is monotone, the unknown proves nothing, a leg has one error, a change is alone."""

from dataclasses import dataclass
from functools import cache
from typing import Any as AnyValue

from hypothesis import given
from hypothesis import strategies as st

from probes.sample import Sample
from rules.condition import All, Any, Condition, Leaf, Not, evaluate, support, terms
from rules.diagnosis import Diagnosis, Severity, Status, Truth
from rules.engine import decide, diagnose
from rules.evidence.vocabulary import all_propositions
from rules.load import load_rules
from rules.proposition import Finding
from rules.ruleset import RuleSet
from tests.cases.facts_text import sample_of

NAMES = sorted(all_propositions())
Values = dict[str, Truth]

values_of_all = st.fixed_dictionaries({name: st.sampled_from(Truth) for name in NAMES})
# Most propositions false is what samples look like; it lets the rules that need several absences fire.
mostly_settled = st.builds(
    lambda base, changes: {name: changes.get(name, base) for name in NAMES},
    st.sampled_from([Truth.FALSE, Truth.UNKNOWN]),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(Truth), max_size=12),
)
values = values_of_all | mostly_settled

conditions = st.recursive(
    st.sampled_from(["a", "b", "c", "d"]).map(Leaf),
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: All(tuple(parts)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: Any(tuple(parts)))
    ),
    max_leaves=8,
)
few_values = st.fixed_dictionaries({name: st.sampled_from(Truth) for name in "abcd"})


@cache
def rules() -> RuleSet:
    return load_rules()


_LEG: dict[str, AnyValue] = {"protocol": "icmp", "address": "192.0.2.80", "end": "gap_limit", "hops": ["10.0.0.1", "*"]}
_BY_EDGE = _LEG | {"by": "edge", "from": "service_edge"}
# The legs of a record by the way that the traffic takes.
WAYS: dict[str, list[dict[str, AnyValue]]] = {
    "none": [],
    "direct": [_LEG | {"to": "egress"}, _LEG],
    "in a row": [_LEG | {"to": "egress"}, _LEG | {"from": "egress"}],
    "by an edge": [
        _LEG | {"to": "egress"},
        _LEG | {"to": "service_edge"},
        _BY_EDGE | {"to": "egress", "direction": "reverse"},
        _BY_EDGE,
    ],
    "by a data centre": [
        _LEG | {"to": "external_proxy"},
        {"from": "external_proxy", "to": "data_center_egress", "end": "not_traced"},
        {"from": "data_center_egress", "to": "destination", "end": "not_traced"},
    ],
    "by a proxy to an edge": [
        _LEG | {"to": "external_proxy"},
        {"from": "external_proxy", "to": "egress", "end": "not_traced"},
        _BY_EDGE | {"to": "egress", "direction": "reverse"},
        _BY_EDGE,
    ],
    "by private access": [_LEG | {"to": "private_edge"}, {"from": "private_edge", "end": "not_traced"}],
}
ways = st.sampled_from(sorted(WAYS))


@cache
def some_sample(way: str = "in a row") -> Sample:
    return sample_of({"legs": WAYS[way]})


def diagnosis_of(chosen: Values, way: str = "in a row") -> Diagnosis:
    return decide(some_sample(way), rules(), lambda name: Finding(chosen[name], name), severity_overrides={})


@dataclass(frozen=True)
class Fired:
    """Every error that fired, whether it stood or lost."""

    codes: frozenset[str]

    @staticmethod
    def of(diagnosis: Diagnosis) -> "Fired":
        return Fired(frozenset(e.code for e in diagnosis.errors) | frozenset(r.code for r in diagnosis.rejected))


# --- logic ------------------------------------------------------------------------------------------------------------


@given(conditions, few_values, st.sampled_from("abcd"))
def test_to_know_less_never_turns_one_verdict_into_its_opposite(condition: Condition, known: Values, name: str) -> None:
    before = evaluate(condition, known.__getitem__)
    after = evaluate(condition, {**known, name: Truth.UNKNOWN}.__getitem__)
    assert after in (before, Truth.UNKNOWN)


@given(conditions, few_values)
def test_what_a_verdict_rests_on_is_enough_for_it(condition: Condition, known: Values) -> None:
    verdict = evaluate(condition, known.__getitem__)
    used = support(condition, known.__getitem__)
    alone = {name: known[name] if name in used else Truth.UNKNOWN for name in known}
    assert evaluate(condition, alone.__getitem__) is verdict
    if verdict is Truth.UNKNOWN:
        assert all(known[name] is Truth.UNKNOWN for name in used)


@given(conditions, few_values)
def test_the_ways_to_be_true_are_exactly_those(condition: Condition, known: Values) -> None:
    if Truth.UNKNOWN in known.values():
        return
    facts = {(name, value is Truth.TRUE) for name, value in known.items()}
    assert (evaluate(condition, known.__getitem__) is Truth.TRUE) == any(term <= facts for term in terms(condition))


# --- verdicts ---------------------------------------------------------------------------------------------------------


@given(values)
def test_the_same_facts_give_the_same_diagnosis(chosen: Values) -> None:
    assert diagnosis_of(chosen) == diagnosis_of(dict(reversed(chosen.items())))


@given(values, st.sampled_from(NAMES))
def test_to_know_less_never_adds_an_error(chosen: Values, name: str) -> None:
    before, after = diagnosis_of(chosen), diagnosis_of({**chosen, name: Truth.UNKNOWN})
    assert Fired.of(after).codes <= Fired.of(before).codes


@given(values)
def test_no_error_rests_on_the_unknown(chosen: Values) -> None:
    for error in diagnosis_of(chosen).errors:
        assert error.evidence
        assert all(item.value is not Truth.UNKNOWN for item in error.evidence)


@given(values, ways)
def test_a_leg_has_at_most_one_error_above_info(chosen: Values, way: str) -> None:
    anchors = [error.anchor for error in diagnosis_of(chosen, way).errors if error.severity is not Severity.INFO]
    places = [anchor.node if anchor.leg is None else anchor.leg for anchor in anchors]
    assert len(places) == len(set(places))


@given(values, ways)
def test_what_stands_hides_what_it_has_to(chosen: Values, way: str) -> None:
    standing = {error.code for error in diagnosis_of(chosen, way).errors}
    for code in standing:
        assert not standing & rules().precedence.suppresses.get(code, frozenset())


@given(values, ways)
def test_an_error_hangs_at_a_leg_that_is_there(chosen: Values, way: str) -> None:
    for error in diagnosis_of(chosen, way).errors:
        if error.anchor.leg is not None:
            leg = some_sample(way).legs[error.anchor.leg]
            assert error.anchor.node in (leg.from_, leg.to)


@given(values)
def test_a_network_change_stands_alone(chosen: Values) -> None:
    diagnosis = diagnosis_of(chosen)
    codes = [error.code for error in diagnosis.errors]
    changed = chosen["network.link_changed"] is Truth.TRUE
    if changed:
        assert codes == ["CP-06"]
    assert (diagnosis.status is Status.DISCARDED) == ("CP-06" in codes)
    if "CP-06" in codes:
        assert codes == ["CP-06"]


@given(values)
def test_every_code_is_somewhere_at_most_once(chosen: Values) -> None:
    diagnosis = diagnosis_of(chosen)
    lists = (diagnosis.errors, diagnosis.rejected, diagnosis.not_evaluated)
    codes = [entry.code for entries in lists for entry in entries]
    assert len(codes) == len(set(codes))
    without_rule = {code for code in rules().catalogue if code not in rules().rules}
    assert without_rule <= {entry.code for entry in diagnosis.not_evaluated}


@given(values)
def test_what_lost_lost_to_something_that_stands(chosen: Values) -> None:
    diagnosis = diagnosis_of(chosen)
    standing = {error.code for error in diagnosis.errors}
    for entry in diagnosis.rejected:
        assert any(code in entry.because for code in standing)


# --- facts ------------------------------------------------------------------------------------------------------------

LISTS = ("interfaces", "routes", "default_routes", "neighbours", "resolvers", "names", "reachability", "legs")


@given(st.sets(st.sampled_from(LISTS)))
def test_a_healthy_sample_with_facts_missing_never_blames_the_agent_or_a_change(missing: set[str]) -> None:
    diagnosis = diagnose(sample_of({name: [] for name in missing}), rules())
    assert {error.code for error in diagnosis.errors} <= {"CP-02", "CP-03"}
    if "legs" not in missing:
        assert diagnosis.errors == ()
