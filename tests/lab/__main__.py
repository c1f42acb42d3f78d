"""The lab by hand: `python -m tests.lab watch ROW`, `enter ROW [NODE]`, `matrix`, `up NAME`, `shell NAME NODE` ..."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from subprocess import call
from typing import Final

from probes.facts import Family
from tests.lab import by_hand, examples_page, matrix
from tests.lab.builder import Lab, LabError, find_namespace, remove_leftovers
from tests.lab.network_map import NETWORKS, map_names, read_map
from tests.lab.scenario import ScenarioError, find_row, read_rows


def picture(name: str) -> str:
    """Return the drawing at the top of a map's file."""
    lines = (NETWORKS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines if line.startswith("#"))


def up(arguments: argparse.Namespace) -> int:
    """Keep a network up until Ctrl-C."""
    with Lab(read_map(arguments.map)) as lab:
        say(picture(arguments.map))
        for node in lab.map.nodes:
            lab.shell(node)
            addresses = (lab.address(node, family) for family in Family)
            say(f"  {node:12} {'  '.join(addresses):45} ip netns exec {lab.namespace(node)} ...")
        say("Up. Ctrl-C takes it down.")
        ends = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        signal.sigwait(ends)
    return 0


def shell(arguments: argparse.Namespace) -> int:
    """Open a shell on a node of a network that is up, or of one that is up as long as the shell."""
    if (namespace := find_namespace(arguments.map, arguments.node)) is not None:
        return call(("ip", "netns", "exec", namespace, "bash"))
    with Lab(read_map(arguments.map)) as lab:
        return call(lab.command(arguments.node, ("bash",)))


def show(arguments: argparse.Namespace) -> int:
    """Print every map's drawing."""
    del arguments
    # Whoever reads only the first lines ends this, as with every other command.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for name in map_names():
        say(f"== {name}\n{picture(name)}\n")
    return 0


def rows(arguments: argparse.Namespace) -> int:
    """Print the id of every row of the matrix."""
    del arguments
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    say("\n".join(row.id for row in read_rows()))
    return 0


def watch(arguments: argparse.Namespace) -> int:
    """Build a row's network, break it, and show what its command shows there."""
    return by_hand.watch(find_row(arguments.row), say)


def enter(arguments: argparse.Namespace) -> int:
    """Build a row's network, break it, and open a shell on a node of it."""
    return by_hand.enter(find_row(arguments.row), arguments.node, say)


def run_matrix(arguments: argparse.Namespace) -> int:
    """Play every row, and write docs/verdicts.md."""
    return matrix.run(say, at_once=arguments.at_once)


def draw_examples(arguments: argparse.Namespace) -> int:
    """Draw the examples of docs/examples.md anew."""
    del arguments
    examples_page.draw_all()
    return 0


def clean(arguments: argparse.Namespace) -> int:
    """Remove what a killed run left."""
    del arguments
    say("\n".join(remove_leftovers()) or "Nothing left over.")
    return 0


def say(text: str) -> None:
    """Print a line at once, whoever reads."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """Return what may be asked."""
    top = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    verbs = top.add_subparsers(required=True)
    for verb in (watch, enter, rows, run_matrix, draw_examples, up, shell, show, clean):
        described = verbs.add_parser(_VERBS.get(verb, verb.__name__), help=verb.__doc__)
        described.set_defaults(run=verb)
        if verb in {up, shell}:
            described.add_argument("map", choices=map_names())
        if verb in {watch, enter}:
            described.add_argument("row", help="a row's id, or a part of one that names no other")
        if verb is shell:
            described.add_argument("node")
        if verb is enter:
            described.add_argument("node", nargs="?", help="the client without it")
        if verb is run_matrix:
            described.add_argument("--at-once", type=int, default=2, help="how many rows at a time (2)")
    return top


_VERBS: Final[dict[Callable[[argparse.Namespace], int], str]] = {
    show: "list",
    run_matrix: "matrix",
    draw_examples: "examples",
}


def main() -> int:
    """Do what was asked."""
    arguments = parser().parse_args()
    if os.geteuid() and arguments.run in {watch, enter}:
        by_hand.become_root_of_a_namespace()
    try:
        status: int = arguments.run(arguments)
    except (ScenarioError, LabError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return status


if __name__ == "__main__":
    raise SystemExit(main())
