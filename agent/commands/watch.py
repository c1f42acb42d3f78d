"""`cloudpath watch`: the path to a target live in a terminal, with the verdict, and with changes as they happen."""

import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from agent.commands.asking import (
    MEMORY_OPTIONS,
    NAMING_OPTIONS,
    RULES_OPTIONS,
    SENDING_OPTIONS,
    TARGET_OPTIONS,
    TTL_OPTIONS,
    WAIT_OPTIONS,
    asked_request,
)
from agent.commands.group import Sectioned
from agent.commands.reading import read_rules
from agent.commands.showing import style_of_output
from agent.commands.targets import Seconds
from agent.watch.pace import CHECK_S, INTERVAL_S

# How many rounds make a table where nobody looks on, as a person who tries it in a pipe expects to see its end.
_CYCLES_OF_A_TABLE: Final = 10
_DUMB: Final = frozenset({"", "dumb", "unknown"})

_INTERVAL: Final = f"Seconds between rounds, 0.2 to 60.  [default: {INTERVAL_S:g}]"
_CHECKS: Final = f"Seconds between checks, 2 to 3600.  [default: {CHECK_S:g}]"
_CYCLES: Final = "End after N rounds, 1 to 1000000."
_SECTIONS: Final = (
    ("Target and protocol", TARGET_OPTIONS),
    (
        "Rounds",
        (
            click.option(
                "-i", "--interval", type=Seconds(0.2, 60), default=INTERVAL_S, metavar="SECONDS", help=_INTERVAL
            ),
            click.option("--checks", type=Seconds(2, 3600), default=CHECK_S, metavar="SECONDS", help=_CHECKS),
            click.option("--cycles", type=click.IntRange(1, 1_000_000), metavar="N", help=_CYCLES),
            *TTL_OPTIONS,
            *WAIT_OPTIONS,
            *MEMORY_OPTIONS,
            *SENDING_OPTIONS,
        ),
    ),
    ("More to find out, or less", (*NAMING_OPTIONS, *RULES_OPTIONS)),
    (
        "Output",
        (click.option("-j", "--json", "as_json", is_flag=True, help="Print each check as a record on a line."),),
    ),
)


def _options(command: Any) -> Any:
    """Put the options to the command, in the order of the help."""
    for _, section in reversed(_SECTIONS):
        for option in reversed(section):
            command = option(command)
    return command


@click.command("watch", cls=Sectioned, sections=[(title, len(section)) for title, section in _SECTIONS])
@click.argument("target")
@_options
def command(
    target: str,
    config: Path | None,
    interval: float,
    checks: float,
    cycles: int | None,
    *,
    as_json: bool,
    **given: Any,
) -> int:
    """Watch the path to TARGET live: a round every second, everything else checked now and then.

    Press h for the keys. Where no terminal shows it, ten rounds become a table.
    """
    request = asked_request(config, {"target": target, **given})
    rules = read_rules(request.rule_files) if request.rule_files else None
    on_screen = not as_json and sys.stdout.isatty() and os.environ.get("TERM", "") not in _DUMB
    if cycles is None and not as_json and not sys.stdout.isatty():
        cycles = _CYCLES_OF_A_TABLE
    # rich and all that measures: nothing that --help needs.
    from agent.watch.start import WatchOptions, watch  # noqa: PLC0415

    options = WatchOptions(
        interval_s=interval, check_s=checks, cycles=cycles, as_json=as_json, networks=bool(request.databases)
    )
    return watch(request, options, style_of_output(), rules, on_screen=on_screen)
