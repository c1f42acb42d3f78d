"""Samples through an `http` sink into ClickHouse's own engine, by the tables of docs/sinks.md: what arrives, how fast.

    python3 -m venv /tmp/chdb && /tmp/chdb/bin/pip install --no-deps chdb chdb-core
    python -m bench clickhouse --engine /tmp/chdb/bin/python

It ends with 1 where anything is missing, is there twice, or differs.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from agent.daemon.plan import SinkPlan
from agent.record import AgentIdentity, uuid7
from agent.sinks.http import HttpSink
from agent.sinks.sink import Fate
from agent.store.entry import Batch, Entry, Kind
from probes.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[1] / "docs/sinks.md"
IDENTITY = AgentIdentity(id="6a8c44b8d8e99fbafc78ad76cddc61db", version="0", hostname="bench", boot_id=None)
BATCH = 200


@contextmanager
def engine(python: str) -> Iterator[int]:
    """Run the engine in another interpreter; give its port."""
    with tempfile.TemporaryDirectory() as directory:
        command = (python, str(Path(__file__).with_name("clickhouse_engine.py")), directory)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout  # noqa: S101 - it was asked for
            try:
                yield int(process.stdout.readline())
            finally:
                process.terminate()


def asked(port: int, statement: str) -> list[dict[str, Any]]:
    """Return the rows that a statement answers."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", "/", statement)
        answer = connection.getresponse()
        text = answer.read().decode()
    if answer.status != http.HTTPStatus.OK:
        raise SystemExit(f"{statement[:60]}: {text}")
    return [json.loads(line) for line in text.splitlines()]


def examples() -> tuple[list[str], str, str]:
    """Return the statements that make the tables, the one that finds gaps, and the sink's URL, as the page has them."""
    page = PAGE.read_text(encoding="utf-8")
    tables, gaps = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    configurations = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL))
    (url,) = (sink["url"] for each in configurations for sink in each["emit"] if "clickhouse" in sink.get("url", ""))
    return [statement for statement in tables.split(";") if statement.strip()], gaps.rstrip().rstrip(";"), url


def batches(document: dict[str, Any], count: int) -> Iterator[Batch]:
    """Yield batches of a sample, again and again under other names; the one with seq 500 is left out."""
    entries = []
    for seq in (seq for seq in range(1, count + 2) if seq != 500):  # noqa: PLR2004 - any would do
        identity = uuid7(time.time_ns(), seq.to_bytes(10, "big"))
        data = {**document, "id": identity, "seq": seq, "agent": {**document["agent"], "id": IDENTITY.id}}
        text = json.dumps(data, separators=(",", ":")).encode()
        entries.append(Entry(seq=seq, kind=Kind.SAMPLE, id=identity, at=document["started_at"], data=text))
    for at in range(0, count, BATCH):
        yield Batch(id=f"batch-{at}", sink="clickhouse", entries=tuple(entries[at : at + BATCH]))


def main(argv: list[str]) -> int:
    """Send, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", required=True, help="an interpreter that has chdb")
    parser.add_argument("--samples", type=int, default=2_000)
    options = parser.parse_args(argv)
    command = (sys.executable, "-m", "agent", "trace", "127.0.0.1", "--json")
    document = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
    tables, gaps, url = examples()
    with engine(options.engine) as port:
        for statement in tables:
            asked(port, statement)
        target = f"http://127.0.0.1:{port}/?{url.partition('?')[2]}"
        plan = SinkPlan(name="clickhouse", type="http", options={"url": target, "proxy": "none", "timeout_s": 60.0})
        work = list(batches(document, options.samples))
        with closing(HttpSink(plan, IDENTITY, SystemClock())) as sink:
            began = time.monotonic()
            fates = [sink.send(batch, bool) for batch in work]
            rate = options.samples / (time.monotonic() - began)
            # As after a lost answer.
            fates += [sink.send(batch, bool) for batch in work[:3]]
        hops = sum(len(hop["responders"]) for leg in document["legs"] for hop in leg["hops"])
        found = {
            "delivered": all(outcome.fate is Fate.DELIVERED for outcome in fates),
            "documents": asked(port, "SELECT count() AS n FROM cloudpath.documents FINAL")[0]["n"],
            "samples": asked(port, "SELECT count() AS n, uniqExact(id) AS ids FROM cloudpath.samples FINAL")[0],
            "hops": asked(port, "SELECT count() AS n FROM cloudpath.hops FINAL")[0]["n"],
            "gaps": asked(port, gaps),
        }
    gap = {"agent": IDENTITY.id, "first_missing": 500, "last_missing": 500}
    count = options.samples
    wanted = {
        "delivered": True,
        "documents": count,
        "samples": {"n": count, "ids": count},
        "hops": count * hops,
        "gaps": [gap],
    }
    print(json.dumps(found))
    print(f"{rate:.0f} samples/s, {len(work[0].entries[0].data)} bytes each; {[o.why for o in fates if o.why][:1]}")
    return 0 if found == wanted else 1
