"""The page: records in, one HTML file out that needs nothing else, made from the records alone."""

from collections.abc import Iterator, Mapping, Sequence

from agent.record import Record
from agent.timeline import Moment, Timeline
from agent.views.hop_html.comparison import comparison_html
from agent.views.hop_html.sheet import Sheet, sheet_of
from agent.views.hop_html.templates import asset, policy, rendered
from agent.views.hop_html.timeline import timeline_html
from probes.frozen import frozen


@frozen
class Group:
    """What a page holds of one target: its samples over time (HTML, empty where not known), and a sheet for each.

    Attributes:
        beside: Where time is known, each later sheet: its id, and its sample beside the first one (HTML).
    """

    id: str
    target: str
    timeline: str
    sheets: tuple[Sheet, ...]
    beside: tuple[tuple[str, str], ...] = ()


def hop_page(records: Sequence[Record], timelines: Sequence[Timeline] = ()) -> str:
    """Return the whole HTML document of one record or several, by target, each target's in their order.

    Args:
        records: At least one; the first is what the page opens with.
        timelines: Of targets of these records, each shown above their sheets; moments without a record say so.
    """
    names = ("style.css", "timeline.css"), ("script.js", "timeline.js")
    style, script = ("".join(map(asset, each if timelines else each[:1])) for each in names)
    opening = asset("opening.js")
    return rendered(
        "page.html",
        groups=_groups(records, {timeline.target: timeline for timeline in timelines}),
        style=style,
        opening=opening,
        script=script,
        policy=policy([style], [opening, script]),
    )


def _groups(records: Sequence[Record], timelines: Mapping[str, Timeline]) -> list[Group]:
    by_target: dict[str, list[Record]] = {}
    for record in records:
        by_target.setdefault(record.target.name, []).append(record)
    groups: list[Group] = []
    made = 0
    for number, (name, of_target) in enumerate(by_target.items(), 1):
        sheets = tuple(sheet_of(record, f"s{made + place}") for place, record in enumerate(of_target, 1))
        made += len(sheets)
        groups.append(
            Group(
                id=f"t{number}",
                target=sheets[0].target,
                timeline=_over_time(timelines[name], f"t{number}-time", of_target, sheets) if name in timelines else "",
                sheets=sheets,
                beside=tuple(_beside_first(of_target, sheets)) if name in timelines else (),
            )
        )
    return groups


def _over_time(timeline: Timeline, prefix: str, records: Sequence[Record], sheets: Sequence[Sheet]) -> str:
    here = {(record.seq, record.started_at): f"#{sheet.id}" for record, sheet in zip(records, sheets, strict=True)}

    def link(moment: Moment) -> str | None:
        return here.get((moment.seq, moment.at))

    return timeline_html(timeline, prefix, link, chosen=records[0].started_at)


def _beside_first(records: Sequence[Record], sheets: Sequence[Sheet]) -> Iterator[tuple[str, str]]:
    for record, sheet in zip(records[1:], sheets[1:], strict=True):
        yield sheet.id, comparison_html(record, records[0], f"{sheet.id}b")
