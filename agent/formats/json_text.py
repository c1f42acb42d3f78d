"""A record as JSON text: indented for a person (`json`), or one line for a stream (`ndjson`)."""

import json

from agent.record import Document

# ASCII only: no character from the network, be it a terminal escape, reaches a terminal as itself.
# `allow_nan=False`: JSON knows no NaN (RFC 8259 section 6), and a record never holds one.


def json_text(document: Document) -> str:
    """Return the document over several lines, ASCII, with a final line break."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def ndjson_line(document: Document) -> str:
    """Return the document on one line, ASCII, with a final line break."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n"
