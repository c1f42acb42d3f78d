"""The documentation's pictures by hand: `python -m tests.browser pictures`, and `record` for what they show."""

import argparse
import os
import sys

from tests.browser import pictures, scenes


def draw(arguments: argparse.Namespace) -> int:
    """Draw pictures of docs/pictures anew; look at them before you keep them."""
    if unknown := set(arguments.picture) - {*scenes.SCENES, *pictures.LIVE}:
        print(f"no picture is called {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    try:
        files = pictures.draw_all(arguments.picture)
    except pictures.LackingError as error:
        print(error, file=sys.stderr)
        return 2
    for file in files:
        print(f"{file.name}  {file.stat().st_size / 1000:.0f} KB")
    return 0


def record(arguments: argparse.Namespace) -> int:
    """Play scenes in the lab, as root, and keep the records that the pictures show."""
    if os.geteuid():
        print("the lab needs root", file=sys.stderr)
        return 2
    if unknown := set(arguments.scene) - set(scenes.SCENES):
        print(f"no scene is called {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    for name in arguments.scene or scenes.SCENES:
        (scenes.RECORDED / f"{name}.json").write_text(scenes.play(scenes.SCENES[name]), encoding="utf-8")
        print(f"{name}: {', '.join(error.code for error in scenes.record_of_scene(name).errors) or 'no errors'}")
    return 0


def main() -> int:
    """Do what was asked."""
    top = argparse.ArgumentParser(prog="python -m tests.browser", description=__doc__)
    verbs = top.add_subparsers(required=True)
    drawer = verbs.add_parser("pictures", help=draw.__doc__)
    named = ", ".join((*scenes.SCENES, *pictures.LIVE))
    drawer.add_argument("picture", nargs="*", metavar="PICTURE", help=f"of {named}; all without it")
    drawer.set_defaults(run=draw)
    recorder = verbs.add_parser("record", help=record.__doc__)
    recorder.add_argument("scene", nargs="*", metavar="SCENE", help=f"of {', '.join(scenes.SCENES)}; all without it")
    recorder.set_defaults(run=record)
    arguments = top.parse_args()
    status: int = arguments.run(arguments)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
