"""The page: records in, one HTML file out that needs nothing else, made from the records alone."""

from collections.abc import Sequence

from agent.record import Record
from agent.views.hop_html.sheet import Sheet, sheet_of
from agent.views.hop_html.templates import asset, policy, rendered
from probes.frozen import frozen


@frozen
class Group:
    """What a page holds of one target: its samples over time (HTML, empty where not known), and a sheet for each."""

    id: str
    target: str
    timeline: str
    sheets: tuple[Sheet, ...]


def hop_page(records: Sequence[Record]) -> str:
    """Return the whole HTML document of one record or several, by target, each target's in their order.

    Args:
        records: At least one.
    """
    style, script = asset("style.css"), asset("script.js")
    return rendered(
        "page.html",
        groups=_groups(records),
        style=style,
        script=script,
        policy=policy([style], [script]),
    )


def _groups(records: Sequence[Record]) -> list[Group]:
    by_target: dict[str, list[Record]] = {}
    for record in records:
        by_target.setdefault(record.target.name, []).append(record)
    groups: list[Group] = []
    made = 0
    for number, of_target in enumerate(by_target.values(), 1):
        sheets = tuple(sheet_of(record, f"s{made + place}") for place, record in enumerate(of_target, 1))
        made += len(sheets)
        groups.append(Group(id=f"t{number}", target=sheets[0].target, timeline="", sheets=sheets))
    return groups
