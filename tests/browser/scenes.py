"""What the pictures of the documentation show: rows of the lab's matrix, and the record that each once gave."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from agent.record import Record
from agent.record_reader import read_records

TARGET: Final = "app.example.test"
RECORDED: Final = Path(__file__).with_name("recorded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A row of the matrix, and in what it differs from it for the picture."""

    row: str
    # Of the page, from its top.
    height: int
    links: dict[str, Any] | None = None
    command: tuple[str, ...] = ()
    # The error whose details are open.
    opened: str = ""


SCENES: Final[dict[str, Scene]] = {
    "healthy": Scene(row="healthy/an-office-through-its-service-edge-by-icmp", height=1000),
    "name": Scene(row="cp-03/the-resolvers-are-silent", height=1000),
    "proxy": Scene(
        row="cp-04/the-proxy-has-lost-its-own-way-out-and-says-so",
        height=1300,
        opened="CP-04",
    ),
    "loss": Scene(
        row="healthy/a-link-that-loses-one-frame-in-fifty",
        height=1180,
        links={"provider -- core": {"loss": 0.25}},
        command=("trace", "-q", "10", "--protocol", "icmp", "app.example.test"),
    ),
    "tunnel": Scene(row="cp-07/the-whole-office-is-routed-into-the-tunnel-by-icmp", height=1080),
    "private": Scene(row="zpa/zpa-08-a-policy-rejects-the-user", height=1000),
}


def record_of_scene(name: str, target: str = TARGET) -> Record:
    """Return the record that a scene gave when it was last played, with the lab's target by another name."""
    file = RECORDED / f"{name}.json"
    (record,) = read_records(file.read_bytes().replace(TARGET.encode(), target.encode()), file.name)
    return record


def play(scene: Scene) -> str:
    """Play a scene in the lab, as root, and return the record that the command printed, one key a line."""
    # The lab is no part of what draws pictures.
    from tests.lab.scenario import find_row  # noqa: PLC0415
    from tests.lab.stage import Stage  # noqa: PLC0415

    row = find_row(scene.row)
    row = replace(
        row,
        links={**row.links, **(scene.links or {})},
        asked=replace(row.asked, command=scene.command or row.asked.command),
    )
    with Stage(row, row.users[0]) as stage:
        stage.break_(row.faults)
        run = stage.ask(row.asked, row.during, row.send)
    return json.dumps(json.loads(run.output), separators=(",", ":")) + "\n"
