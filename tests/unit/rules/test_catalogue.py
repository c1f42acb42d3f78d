"""The catalogue is the documented page: every entry, every letter."""

import hashlib
import re
from functools import cache

from probes.facts import Node
from rules.catalogue import Grade
from rules.diagnosis import Severity
from rules.load import load_rules
from rules.ruleset import RuleSet

# SHA-256 of the page's 31 rows, read from the page itself: message, description, solution, joined by tabs and lines,
# without white space (the page lost the line breaks of its lists).
PAGE = "a821563f72834d73713c7775dd557a917f579bd3d683b4848c432e6e7b0723c9"

INFO = {"CP-06", "CP-10", "CP-14", "CP-15", "CP-17", "CP-18", "CP-19"}
WARNING = {"CP-07", "CP-08", "CP-09", "CP-12", "CP-13", "CP-16", "CP-20", "ZPA-04", "ZPA-08", "ZPA-09"}


@cache
def rules() -> RuleSet:
    return load_rules()


def test_the_codes_are_the_pages_rows_in_their_order() -> None:
    expected = [f"CP-{number:02}" for number in range(1, 21)] + [f"ZPA-{number:02}" for number in range(1, 12)]
    assert list(rules().catalogue) == expected


def test_the_texts_are_verbatim() -> None:
    rows = [(entry.message, entry.description, entry.solution) for entry in rules().catalogue.values()]
    letters = "\n".join("\t".join(re.sub(r"\s", "", text) for text in row) for row in rows)
    assert hashlib.sha256(letters.encode()).hexdigest() == PAGE


def test_words_and_sentences_are_one_space_apart() -> None:
    for entry in rules().catalogue.values():
        for text in (entry.message, entry.description, entry.solution):
            assert "  " not in text
            assert "\n" not in text
            assert not re.search(r"[a-z]\.[A-Z]", text), text


def test_the_lists_of_the_page_are_whole_sentences() -> None:
    assert rules().catalogue["ZPA-06"].solution == (
        "Update the policy to allow the user. Ensure all SAML attributes are present in the SAML assertion and restart "
        "the Zscaler Client Connector. Ensure all SCIM attributes or SCIM groups are present. Modify policies to match "
        "the user's client type. Enable the App Segment or Segment Group."
    )
    assert rules().catalogue["ZPA-10"].solution == (
        "Ensure that the Application and Application Segment are configured in the ZPA Admin Portal. Ask the user to "
        "access the application again. If the error persists, contact Zscaler Support."
    )


def test_severities_are_those_of_the_legend() -> None:
    for code, entry in rules().catalogue.items():
        expected = Severity.INFO if code in INFO else Severity.WARNING if code in WARNING else Severity.CRITICAL
        assert entry.severity is expected, code


def test_only_severities_that_the_page_tells_claim_the_page() -> None:
    for code, entry in rules().catalogue.items():
        told = re.search(r"no action (is )?required", entry.solution, re.IGNORECASE) is not None
        assert (entry.provenance.severity is Grade.PAGE) == told, code
        assert entry.provenance.texts is Grade.PAGE
        assert entry.sources


def test_icons_hang_where_they_are_specified() -> None:
    expected = {
        Node.CLIENT: {1, 2, 6, 12},
        Node.DESTINATION: {3, 5},
        Node.EXTERNAL_PROXY: {4, 14, 15, 16, 17},
        Node.EGRESS: {7, 8, 9, 19, 20},
        Node.DATA_CENTER_EGRESS: {18},
        Node.PRIVATE_EDGE: {10},
        Node.SERVICE_EDGE: {11, 13},
    }
    for node, numbers in expected.items():
        for number in numbers:
            assert rules().catalogue[f"CP-{number:02}"].anchor is node


def test_precedence_is_the_specified_one() -> None:
    def codes(*numbers: int) -> frozenset[str]:
        return frozenset(f"CP-{number:02}" for number in numbers)

    precedence = rules().precedence
    assert precedence.suppresses["CP-06"] == frozenset(rules().catalogue) - {"CP-06"}
    assert precedence.suppresses["CP-02"] == codes(3, 4, 5, 7, 8, 9, 11, 13, 16, 20)
    assert precedence.suppresses["CP-12"] == codes(2, 9, 11, 13, 16)
    # 8 by the row of CP-08: where the proxy is dead, nobody blames the edge behind it.
    assert precedence.suppresses["CP-04"] == codes(5, 8, 16)
    assert [precedence.group_of(code) for code in ("CP-06", "CP-12", "CP-02", "CP-05", "ZPA-01")] == [
        "validity",
        "eligibility",
        "host",
        "url",
        "session",
    ]


def test_every_code_has_a_place_in_the_order() -> None:
    listed = [code for codes in rules().precedence.groups.values() for code in codes]
    assert sorted(listed) == sorted(rules().catalogue)
    assert sorted(rules().order) == sorted(rules().catalogue)
