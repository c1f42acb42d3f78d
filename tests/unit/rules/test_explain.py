"""The chain in words: what fired, what lost, what was ruled out, what was missing."""

from functools import cache

from rules.condition import All, Any, Leaf, Not, in_words
from rules.explain import explain, propositions_of, what_fires
from rules.load import load_rules
from rules.ruleset import RuleSet
from tests.cases.facts_text import sample_of


@cache
def rules() -> RuleSet:
    return load_rules()


def without(*codes: str) -> RuleSet:
    return rules()._replace(rules={code: found for code, found in rules().rules.items() if code not in codes})


def block(lines: tuple[str, ...], code: str) -> str:
    """Return the lines about one error."""
    text = "\n".join(lines)
    return next(part for part in text.split("\n\n") if part.startswith(code))


def dead_provider() -> tuple[str, ...]:
    facts = {
        "routes": [],
        "reachability": ["gateway 10.0.0.1 icmp answered", "resolver 198.51.100.53 icmp silent"],
        "names": [
            {
                "name": "crm.example.com",
                "failure": "timed_out",
                "queries": [f"198.51.100.{last} A timed_out" for last in (53, 54, 53, 54)],
            }
        ],
        "legs": [{"end": "not_traced"}],
    }
    return explain(sample_of(facts), rules())


def test_what_fired_shows_its_evidence_with_values_and_pointers() -> None:
    text = block(dead_provider(), "CP-02")
    assert "  fired: isp_upstream (critical, likely)" in text
    assert "    true    gateway.answered: 10.0.0.1 (gateway) answers [/reachability/0]" in text
    assert "    false   upstream.answered: no answer from behind the gateway was seen" in text


def test_what_lost_says_to_what_and_why_it_had_fired() -> None:
    text = block(dead_provider(), "CP-03")
    assert "  rejected: suppressed by CP-02" in text
    assert "    it had fired: silence (" in text
    assert "true    dns.silent_everywhere: 198.51.100.53: silent" in text


def test_what_is_ruled_out_says_by_what() -> None:
    text = block(explain(sample_of({}), rules()), "CP-02")
    assert "  ruled out:" in text
    assert "true    target.answered: 192.0.2.80 answered [/legs/0]" in text
    assert "interface.usable" not in text


def test_what_could_not_be_judged_says_what_was_missing() -> None:
    facts: dict[str, list[str]] = {"names": [], "legs": []}
    text = block(explain(sample_of(facts), rules()), "CP-03")
    assert "  not evaluated, missing name.resolved, name.sinkholed" in text
    assert "unknown name.resolved: the name was not checked" in text


def test_what_there_is_most_to_say_of_comes_first() -> None:
    lines = dead_provider()
    fates = [line.split(":")[0].split(",")[0].strip() for line in lines if line.startswith("  ") and line[2] != " "]
    ranks = [("fired", "rejected", "not evaluated", "ruled out").index(fate) for fate in fates]
    assert ranks == sorted(ranks)
    assert set(ranks) == {0, 1, 2, 3}
    headings = [line.split(" ")[0] for line in lines if line.startswith(("CP-", "ZPA-"))]
    assert sorted(headings) == sorted(rules().catalogue)


def test_errors_without_a_rule_are_named() -> None:
    assert explain(sample_of({}), without("CP-06", "CP-20"))[-1].startswith("not evaluated, missing rule: CP-06, ")


def test_what_fires_an_error_in_words() -> None:
    text = "\n".join(what_fires(rules(), "CP-12"))
    assert "always needed:" in text
    assert "no_default_route (certain):" in text
    assert "not route.default: The routing tables hold a default route" in text


def test_what_fires_an_error_without_a_rule() -> None:
    assert what_fires(without("CP-20"), "CP-20") == ("no rule yet: this error is listed as not evaluated",)


def test_the_propositions_that_an_error_reads() -> None:
    assert "network.link_changed" in propositions_of(rules(), "CP-06")
    assert propositions_of(without("CP-20"), "CP-20") == ()


def test_conditions_in_words_are_indented() -> None:
    condition = All((Leaf("a"), Any((Not(Leaf("b")), Leaf("c"))), Not(All((Leaf("d"), Leaf("e"))))))
    assert in_words(condition, lambda name: name.upper()) == [
        "all of these:",
        "  a: A",
        "  at least one of these:",
        "    not b: B",
        "    c: C",
        "  not all of these:",
        "    d: D",
        "    e: E",
    ]
