"""Batches as bodies of HTTP requests: lines, Elasticsearch's bulk, Splunk's raw events; pure.

The same batch gives the same bytes each time: collectors that know a batch by its id may compare them, too.
"""

from __future__ import annotations

import zlib

from probes.frozen import frozen
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from agent.store.entry import Batch

# A megabyte of samples becomes 29 kB in 4.6 ms; level 3 makes 49 kB of it in 2.2 ms [measured].
_LEVEL: Final = 6
# zlib.h: 15 bits of window, and 16 for gzip's header, whose time is 0.
_GZIP: Final = 31


class BodyFormat(Word):
    """What an `http` sink sends."""

    NDJSON = "ndjson"
    ES_BULK = "es_bulk"
    SPLUNK_RAW = "splunk_raw"


@frozen
class Body:
    """What a request carries; of `headers` those that the body asks for."""

    content_type: str
    data: bytes
    headers: tuple[tuple[str, str], ...] = ()


def ndjson(batch: Batch) -> bytes:
    """Return one document a line."""
    return b"".join([entry.data + b"\n" for entry in batch.entries])


def es_bulk(batch: Batch, index: str) -> bytes:
    """Return an action and a document for each entry; the id makes a second try of the same entry a conflict (409).

    `create`, never `index`: data streams take nothing else.

    Source: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
    """
    return b"".join(
        [
            b'{"create":{"_index":"%b","_id":"%b"}}\n%b\n' % (index.encode(), entry.id.encode(), entry.data)
            for entry in batch.entries
        ]
    )


def body_of(batch: Batch, form: BodyFormat, *, index: str | None, agent_id: str) -> Body:
    """Return the body of a batch in one of the formats; `index` goes with ES_BULK, and `agent_id` with SPLUNK_RAW."""
    match form:
        case BodyFormat.NDJSON:
            return Body(content_type="application/x-ndjson", data=ndjson(batch))
        case BodyFormat.ES_BULK:
            return Body(content_type="application/x-ndjson", data=es_bulk(batch, index or ""))
        case BodyFormat.SPLUNK_RAW:
            # The raw endpoint wants to know whose channel it is, where acknowledgements are on.
            channel = (("X-Splunk-Request-Channel", _as_guid(agent_id)),)
            return Body(content_type="application/json", data=ndjson(batch), headers=channel)


def gzipped(body: Body) -> Body:
    """Return the body compressed (RFC 1952)."""
    compressor = zlib.compressobj(_LEVEL, wbits=_GZIP)
    data = compressor.compress(body.data) + compressor.flush()
    headers = (*body.headers, ("Content-Encoding", "gzip"))
    return Body(content_type=body.content_type, data=data, headers=headers)


def batch_headers(batch: Batch) -> tuple[tuple[str, str], ...]:
    """Return what lets a collector know a batch that it has seen, in the first form as a structured field's string.

    Source: draft-ietf-httpapi-idempotency-key-header section 2.1.
    """
    return (("Idempotency-Key", f'"{batch.id}"'), ("X-Cloudpath-Batch", batch.id))


def template_values(batch: Batch, agent_id: str) -> Callable[[str], str]:
    """Return what fills `{batch_id}`, `{agent_id}`, `{first_seq}` and `{last_seq}` into a URL or a header.

    Other braces stay as they are. The values are of letters, digits and hyphens: they need no escaping anywhere.
    """
    values = {
        "{batch_id}": batch.id,
        "{agent_id}": agent_id,
        "{first_seq}": str(batch.entries[0].seq),
        "{last_seq}": str(batch.entries[-1].seq),
    }

    def filled(text: str) -> str:
        for name, value in values.items():
            text = text.replace(name, value)
        return text

    return filled


def _as_guid(agent_id: str) -> str:
    """Return 32 hexadecimal digits the way a GUID is written; anything else as it is."""
    digits = agent_id.replace("-", "")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
