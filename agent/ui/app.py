"""Answers requests for live pages from the store, opened anew for each: nothing is held while nobody looks."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

from agent.store.history import History, HistoryError
from agent.ui.pages import Pages
from agent.ui.places import (
    Changes,
    Links,
    NoSuchPlaceError,
    Overview,
    ReportPlace,
    SamplePlace,
    State,
    TargetPlace,
    place_of,
)
from agent.ui.reading import UnreadableError
from agent.views.escape import escape_text
from agent.views.ui_html.frame import data_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agent.pages.page import Page, Request
    from agent.ui.gate import Gate
    from agent.ui.places import Place
    from probes.clock import Clock

_log = logging.getLogger(__name__)


class App:
    """The live pages of one store."""

    def __init__(
        self, directory: Path, gate: Gate, links: Links, clock: Clock, intervals: Mapping[str, float] | None = None
    ) -> None:
        """Take what there is to show, and who may see it.

        Args:
            directory: Where the store is.
            gate: Who is let in.
            links: How addresses are written that it lets in.
            clock: Who tells the time.
            intervals: How often each target is measured, seconds, as far as that is known.
        """
        self._directory = directory
        self._gate = gate
        self._clock = clock
        self._pages = Pages(directory, links, intervals or {})

    def __call__(self, request: Request) -> Page:
        """Return what is answered."""
        refusal = self._gate.refusal(request)
        if refusal is not None:
            return refusal
        now = datetime.fromtimestamp(self._clock.realtime_ns() / 1e9, UTC)
        try:
            place = place_of(self._gate.inside(request), request.query, now)
            return self._shown(place, now)
        except NoSuchPlaceError as error:
            return self._pages.trouble(error.status, "There is nothing here", str(error))
        except UnreadableError as error:
            return self._pages.trouble(500, "This sample cannot be shown", str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a mistake of ours, and the other pages work
            _log.error("a page could not be made: %s", _place_of(error))
            return self._pages.trouble(500, "This page could not be made", f"The program itself failed: {_what(error)}")

    def _shown(self, place: Place, now: datetime) -> Page:
        """Return a page from the store, or what keeps it from being read: the script of a page gets it as JSON."""
        try:
            with History(self._directory) as history:
                return self._page(history, place, now)
        except HistoryError as error:
            if isinstance(place, State):
                return data_of(json.dumps({"problem": str(error)}), 503)
            return self._pages.trouble(503, "The store cannot be read", escape_text(str(error)))

    def _page(self, history: History, place: Place, now: datetime) -> Page:
        match place:
            case Overview():
                return self._pages.overview(history, place, now)
            case TargetPlace():
                return self._pages.target(history, place, now)
            case ReportPlace():
                return self._pages.report(history, place, now)
            case Changes():
                return self._pages.changes(history, place, now)
            case SamplePlace():
                return self._pages.sample(history, place)
            case State():
                return self._pages.state(history, place)
            case _:
                assert_never(place)


def _what(error: Exception) -> str:
    return escape_text(f"{type(error).__name__}: {error}")


def _place_of(error: Exception) -> str:
    """Return a mistake of ours as one line, with the line of code that it came from."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{_what(error)} ({last.filename}:{last.lineno})"
