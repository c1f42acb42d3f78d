"""ClickHouse's engine (chdb) behind as much of its HTTP interface as a sink speaks to; run by `bench.clickhouse`.

It is run by the interpreter that has chdb, half a gigabyte that nobody else needs, and imports nothing of ours.
"""

import sys
import zlib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from chdb.session import Session

DIRECTORY = Path(sys.argv[1])
SESSION = Session(str(DIRECTORY / "data"))
_GZIP = 31


class Handler(BaseHTTPRequestHandler):
    """Answers one statement a request: an INSERT whose rows are the body, or the body itself."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Run the statement and answer its result."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = zlib.decompress(body, _GZIP)
        try:
            status, said = 200, _run(asked, body)
        except RuntimeError as error:
            status, said = 400, str(error).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:  # type: ignore[explicit-override] # typing.override is Python 3.12's
        """Say nothing."""


def _run(asked: dict[str, str], body: bytes) -> bytes:
    """Return what a statement answers, as JSON in lines."""
    query = asked.get("query", "")
    if not query:
        return str(SESSION.query(body.decode(), "JSONEachRow")).encode()
    rows = DIRECTORY / "rows"
    rows.write_bytes(body)
    target, _, form = query.partition(" FORMAT ")
    token = asked.get("insert_deduplication_token", "")
    SESSION.query(f"{target} FROM INFILE '{rows}' SETTINGS insert_deduplication_token='{token}' FORMAT {form}")
    return b""


server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
