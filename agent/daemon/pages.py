"""The pages that the service shows: metrics, and whether it is alive and ready."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from agent.daemon.exposition import MEDIA_TYPES, exposition, form_for
from agent.daemon.health import what_ails, what_is_missing
from agent.daemon.metrics import metrics_of
from agent.daemon.process_facts import read_process_facts
from agent.pages.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.daemon.status import ServiceStatus
    from agent.pages.page import Request

_JSON: Final = "application/json"


class Pages:
    """Answers requests from a picture of the service, made anew for each."""

    def __init__(self, status: Callable[[], ServiceStatus]) -> None:
        """Take who makes the picture; he must not wait for the loop, or nobody learns that it hangs."""
        self._status = status

    def __call__(self, request: Request) -> Page:
        """Return the page."""
        if request.method not in {"GET", "HEAD"}:
            return Page(status=405, body="only GET and HEAD\n", allow="GET, HEAD")
        match request.path:
            case "/metrics":
                return self._metrics(request.accept)
            case "/healthz":
                return _verdict(what_ails(self._status()), request.accept)
            case "/readyz":
                return _verdict(what_is_missing(self._status()), request.accept)
            case "/":
                return Page(status=200, body="/metrics\n/healthz\n/readyz\n")
            case _:
                return Page(status=404, body="there are /metrics, /healthz and /readyz\n")

    def _metrics(self, accept: str) -> Page:
        form = form_for(accept)
        metrics = metrics_of(self._status(), read_process_facts(), time.time())
        return Page(status=200, body=exposition(metrics, form), media_type=MEDIA_TYPES[form])


def _verdict(problems: tuple[str, ...], accept: str) -> Page:
    """Return 200 for no problems, else 503 and what they are."""
    status = 503 if problems else 200
    if _JSON in accept:
        body = json.dumps({"ok": not problems, "problems": problems})
        return Page(status=status, body=f"{body}\n", media_type=_JSON)
    return Page(status=status, body="\n".join([*problems, ""]) if problems else "ok\n")
