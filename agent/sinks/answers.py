"""What a collector's answer means for a batch: delivered, to be tried again, or never to be taken; pure.

An answer that is about rights, addresses or settings is no word about the batch: whoever mends them finds it waiting.
"""

from __future__ import annotations

import json

from agent.sinks.sink import DELIVERED, Fate, Outcome, RefusedEntry, refused, unavailable
from agent.views.escape import escape
from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final

    from agent.store.entry import Batch

# How soon it is worth asking again whether somebody has renewed a token or mended an address.
MENDING_S: Final = 60.0
_LONGEST_EXCERPT: Final = 200
_SUCCESS: Final = range(200, 300)
# RFC 9110 section 15.5: about what is in the request. 409 and 412 are a rule of the collector's that this batch breaks.
_ABOUT_THE_BATCH: Final = frozenset({400, 409, 412, 413, 422})
_LATER: Final = frozenset({408, 425, 429})
_SERVER_ERRORS: Final = range(500, 600)
# "Not Implemented", "HTTP Version Not Supported", "Network Authentication Required" (RFC 6585): no matter of time.
_NEVER_BY_ITSELF: Final = frozenset({501, 505, 511})
# Out of memory, or unable to read this very batch: nobody can tell from one answer.
_INTERNAL_ERROR: Final = 500
# An entry that is there already has been delivered before.
_CONFLICT: Final = 409
# https://help.splunk.com (HTTP Event Collector, "Troubleshoot"): incorrect index, data channel missing or invalid,
# acknowledgements off: settings of the collector's.
_SPLUNK_SETTINGS: Final = frozenset({7, 10, 11, 14})


@frozen
class Answer:
    """What a collector said; names of headers in small letters, `cut` where the body went on for too long."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False


def outcome_of(answer: Answer, now_s: float) -> Outcome:
    """Return what an answer's status means; `now_s` is the wall clock in seconds since 1970."""
    status = answer.status
    if status in _SUCCESS:
        return DELIVERED
    why = said(answer)
    if status in _ABOUT_THE_BATCH:
        return refused(why)
    asked_s = retry_after_s(answer.headers, now_s)
    if status == _INTERNAL_ERROR:
        return Outcome(fate=Fate.UNAVAILABLE, why=why, retry_after_s=asked_s, suspect=True)
    if status in _LATER or (status in _SERVER_ERRORS and status not in _NEVER_BY_ITSELF):
        return unavailable(why, asked_s)
    return unavailable(why, max(asked_s or 0.0, MENDING_S))


def said(answer: Answer) -> str:
    """Return status and the beginning of the body, in one line fit to be shown."""
    excerpt = escape(" ".join(answer.body.decode("utf-8", "replace").split()), _LONGEST_EXCERPT)
    return f"answered {answer.status}: {excerpt}" if excerpt else f"answered {answer.status}"


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Return how many seconds a collector wants to be left alone, None where it does not say.

    A date counts from the answer's own `Date`, so that a wrong clock here does no harm.

    Source: RFC 9110 section 10.2.3.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        # int() refuses thousands of digits; nobody means them.
        return float(text[:10])
    until_s = _date_s(text)
    if until_s is None:
        return None
    date_s = _date_s(headers.get("date", ""))
    return max(0.0, until_s - (now_s if date_s is None else date_s))


def _date_s(text: str) -> float | None:
    """Return an HTTP-date of any form (RFC 9110 section 5.6.7) as seconds since 1970, None for no date."""
    from email.utils import mktime_tz, parsedate_tz  # noqa: PLC0415 - 10 ms, for collectors that write dates

    try:
        parts = parsedate_tz(text)
        return None if parts is None else float(mktime_tz(parts))
    except (ValueError, OverflowError):
        return None


# --- formats that say more than a status ------------------------------------------------------------------------------


def splunk_outcome(answer: Answer, now_s: float) -> Outcome:
    """Return what an HTTP Event Collector's answer means: some of its 400s are about its settings."""
    outcome = outcome_of(answer, now_s)
    if outcome.fate is Fate.REFUSED and _object(answer.body).get("code") in _SPLUNK_SETTINGS:
        return unavailable(outcome.why or "", MENDING_S)
    return outcome


def es_outcome(answer: Answer, batch: Batch, now_s: float) -> Outcome:
    """Return what a bulk answer means: an answer of 200 has a status for each entry.

    Source: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
    """
    outcome = outcome_of(answer, now_s)
    if outcome.fate is not Fate.DELIVERED:
        return outcome
    document = _object(answer.body)
    if document.get("errors") is False:
        return DELIVERED
    items = document.get("items")
    if document.get("errors") is not True or not isinstance(items, list):
        return unavailable("the answer is no answer to a bulk request; is the URL that of _bulk?", MENDING_S)
    return _settled(batch, list(_items(items)), now_s)


def _settled(batch: Batch, results: list[tuple[str, int, str]], now_s: float) -> Outcome:
    """Return what the results of a batch's entries mean together."""
    seqs = {entry.id: entry.seq for entry in batch.entries}
    never: list[RefusedEntry] = []
    ours = [result for result in results if result[0] in seqs]
    if not ours:
        return unavailable("the answer says that entries failed, and not which; does filter_path hide their _id?")
    for identity, status, why in ours:
        if status in _SUCCESS or status == _CONFLICT:
            continue
        single = outcome_of(Answer(status=status, headers={}, body=why.encode()), now_s)
        if single.fate is Fate.UNAVAILABLE:
            # All of it again: what is stored already is a conflict then, and costs the collector little.
            return single
        never.append(RefusedEntry(seqs[identity], single.why or ""))
    if len(never) == len(batch.entries):
        return refused(never[0].why)
    return Outcome(fate=Fate.DELIVERED, refused=tuple(never))


def _items(items: list[object]) -> Iterator[tuple[str, int, str]]:
    """Yield id, status and reason of each result that can be read."""
    for item in items:
        for result in item.values() if isinstance(item, dict) else ():
            if isinstance(result, dict) and isinstance(result.get("status"), int):
                error = result.get("error")
                reason = error.get("reason") or error.get("type") if isinstance(error, dict) else error
                yield str(result.get("_id")), result["status"], str(reason or "")


def otlp_outcome(answer: Answer, batch: Batch, partial: tuple[int, str] | None, now_s: float) -> Outcome:
    """Return what an OTLP answer means; `partial` is how many log records it rejected, and its message.

    A partial success must not be tried again, and does not say whose records were dropped: they are counted.

    Source: OpenTelemetry protocol specification 1.x, "Partial Success" and "Failures".
    """
    outcome = outcome_of(answer, now_s)
    if outcome.fate is not Fate.DELIVERED or partial is None or partial[0] <= 0:
        return outcome
    rejected, message = partial
    why = escape(" ".join(message.split()), _LONGEST_EXCERPT) or "no reason given"
    if rejected >= len(batch.entries):
        return refused(f"all records rejected: {why}")
    return Outcome(fate=Fate.DELIVERED, rejected=rejected, why=why)


def otlp_json_partial(body: bytes) -> tuple[int, str] | None:
    """Return what a JSON answer says of rejected records, None where it says nothing."""
    partial = _object(body).get("partialSuccess")
    if not isinstance(partial, dict):
        return None
    try:
        # ProtoJSON writes int64 as text, and readers take both.
        return int(partial.get("rejectedLogRecords") or 0), str(partial.get("errorMessage") or "")
    except (TypeError, ValueError):
        return None


def _object(body: bytes) -> dict[str, object]:
    """Return a JSON object, an empty one where the body is something else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
