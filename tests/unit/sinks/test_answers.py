"""Unit tests of what answers mean: a status alone, a time to wait, and the formats that say more."""

from __future__ import annotations

import json

import pytest

from agent.sinks.answers import Answer, es_outcome, outcome_of, retry_after_s, splunk_outcome
from agent.sinks.sink import DELIVERED, Fate, Outcome, RefusedEntry
from tests.unit.sinks.a_store import a_batch, entry

# 2026-11-23T11:00:00Z.
NOW_S = 1_795_431_600.0
BATCH = a_batch(entry(1), entry(2), entry(3))


def answer(status: int, body: object = b"", **headers: str) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers={name.replace("_", "-"): text for name, text in headers.items()}, body=data)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_is_delivered(status: int) -> None:
    assert outcome_of(answer(status, b"whatever"), NOW_S) == DELIVERED


def test_an_internal_error_may_be_about_the_batch() -> None:
    assert outcome_of(answer(500), NOW_S) == Outcome(fate=Fate.UNAVAILABLE, why="answered 500", suspect=True)


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504, 507, 520, 599])
def test_what_passes_is_tried_again_soon(status: int) -> None:
    assert outcome_of(answer(status), NOW_S) == Outcome(fate=Fate.UNAVAILABLE, why=f"answered {status}")


@pytest.mark.parametrize(
    "status", [300, 301, 302, 307, 308, 401, 402, 403, 404, 405, 407, 410, 411, 415, 431, 501, 511]
)
def test_what_somebody_has_to_mend_is_tried_again_each_minute(status: int) -> None:
    outcome = outcome_of(answer(status), NOW_S)
    assert (outcome.fate, outcome.retry_after_s) == (Fate.UNAVAILABLE, 60)


@pytest.mark.parametrize("status", [400, 409, 412, 413, 422])
def test_what_is_about_the_batch_is_refused(status: int) -> None:
    assert outcome_of(answer(status), NOW_S).fate is Fate.REFUSED


def test_what_was_said_is_one_short_printable_line() -> None:
    outcome = outcome_of(answer(400, "naïve\x1b[31m\n".encode() + b"x" * 1_000 + b"\xff"), NOW_S)
    assert outcome.why is not None
    assert outcome.why.isprintable()
    assert outcome.why.startswith("answered 400: na\\u00efve\\u001b[31m xxx")
    assert len(outcome.why) == len("answered 400: ") + 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry_after": "120"}, 120.0),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "9" * 5_000}, 9_999_999_999.0),
        ({"retry_after": "Mon, 23 Nov 2026 11:02:00 GMT"}, 120.0),
        ({"retry_after": "Monday, 23-Nov-26 11:02:00 GMT"}, 120.0),
        ({"retry_after": "Mon Nov 23 11:02:00 2026"}, 120.0),
        # The answer's own date counts: our clock may be wrong.
        ({"retry_after": "Mon, 23 Nov 2020 11:02:00 GMT", "date": "Mon, 23 Nov 2020 11:00:00 GMT"}, 120.0),
        ({"retry_after": "Mon, 23 Nov 2020 11:00:00 GMT"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "1.5"}, None),
        ({"retry_after": "²"}, None),
        ({"retry_after": "Mon, 23 Foo 2026 11:02:00 GMT"}, None),
    ],
)
def test_times_to_wait(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(answer(503, **headers).headers, NOW_S) == expected


def test_a_time_to_wait_counts_for_refused_tokens_too_where_it_is_longer() -> None:
    assert outcome_of(answer(401, retry_after="5"), NOW_S).retry_after_s == 60
    assert outcome_of(answer(401, retry_after="500"), NOW_S).retry_after_s == 500


# --- Elasticsearch and OpenSearch -------------------------------------------------------------------------------------


def bulk(*results: tuple[int, object]) -> Answer:
    """Return a bulk answer with a status and an error for each entry of the batch."""
    items = [
        {"create": {"_index": "samples", "_id": each.id, "status": status, **({"error": error} if error else {})}}
        for each, (status, error) in zip(BATCH.entries, results, strict=True)
    ]
    return answer(200, {"took": 3, "errors": any(status >= 300 for status, _ in results), "items": items})


MAPPING = {"type": "document_parsing_exception", "reason": "failed to parse field [hops]"}


def test_all_created_or_there_already_is_delivered() -> None:
    assert es_outcome(bulk((201, None), (201, None), (201, None)), BATCH, NOW_S) == DELIVERED
    there = (409, {"type": "version_conflict_engine_exception", "reason": "document already exists"})
    assert es_outcome(bulk(there, (201, None), there), BATCH, NOW_S) == DELIVERED


def test_filtered_answers_are_enough() -> None:
    assert es_outcome(answer(200, {"errors": False}), BATCH, NOW_S) == DELIVERED


def test_what_does_not_fit_the_mapping_is_refused_alone() -> None:
    outcome = es_outcome(bulk((201, None), (400, MAPPING), (201, None)), BATCH, NOW_S)
    assert outcome.fate is Fate.DELIVERED
    assert outcome.refused == (RefusedEntry(2, "answered 400: failed to parse field [hops]"),)


def test_where_one_has_to_wait_all_go_again() -> None:
    busy = (429, {"type": "es_rejected_execution_exception", "reason": "queue full"})
    outcome = es_outcome(bulk((201, None), (400, MAPPING), busy), BATCH, NOW_S)
    assert (outcome.fate, outcome.why, outcome.refused) == (Fate.UNAVAILABLE, "answered 429: queue full", ())


def test_a_missing_index_or_right_is_no_word_about_the_entries() -> None:
    missing = (404, {"type": "index_not_found_exception", "reason": "no such index"})
    assert es_outcome(bulk(missing, missing, missing), BATCH, NOW_S).retry_after_s == 60


def test_a_batch_of_which_nothing_fits_is_refused() -> None:
    assert es_outcome(bulk((400, MAPPING), (400, MAPPING), (400, MAPPING)), BATCH, NOW_S).fate is Fate.REFUSED


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"[]", b"{}", {"errors": True}, {"errors": "no", "items": []}, b"[" * 99_999]
)
def test_an_answer_to_something_else_stores_nothing(body: object) -> None:
    outcome = es_outcome(answer(200, body), BATCH, NOW_S)
    assert (outcome.fate, outcome.retry_after_s) == (Fate.UNAVAILABLE, 60)


@pytest.mark.parametrize("items", [[], [None, 7, {"create": "x"}], [{"create": {"_id": "another", "status": 400}}]])
def test_results_of_nobody_are_passed_over(items: list[object]) -> None:
    """What happened to our entries is not said: they go again, and those that are there are conflicts then."""
    outcome = es_outcome(answer(200, {"errors": True, "items": items}), BATCH, NOW_S)
    assert outcome.fate is Fate.UNAVAILABLE


# --- Splunk -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "fate"),
    [
        (200, 0, Fate.DELIVERED),
        (400, 6, Fate.REFUSED),
        (400, 7, Fate.UNAVAILABLE),
        (400, 10, Fate.UNAVAILABLE),
        (403, 4, Fate.UNAVAILABLE),
        (503, 9, Fate.UNAVAILABLE),
    ],
)
def test_splunks_codes(status: int, code: int, fate: Fate) -> None:
    assert splunk_outcome(answer(status, {"text": "said", "code": code}), NOW_S).fate is fate
