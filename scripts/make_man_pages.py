"""Make a man page for the command and one for each subcommand, from what click knows of them."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import click  # noqa: E402 - the tree must be in the path first

from agent.commands.group import SUBCOMMANDS, group  # noqa: E402
from agent.version import VERSION  # noqa: E402

_FILES: Final = {
    "/etc/cloudpath-agent/agent.yaml": "The configuration of the service, and of commands that are given none.",
    "/etc/cloudpath-agent/conf.d/*.yaml": "Further parts of it.",
    "/etc/cloudpath-agent/edge.yaml": "The configuration of an edge.",
    "/var/lib/cloudpath-agent": "What the service keeps: samples, and what is still to be sent.",
    "/usr/share/doc/cloudpath-agent": "Every option, key and error explained, and examples.",
}


def pages(date: str) -> Iterator[tuple[str, str]]:
    """Yield the file name and the text of each page; `date` as in 2026-11-23."""
    top = click.Context(group, info_name="cloudpath")
    yield "cloudpath.1", _page(top, "trace the path to an application, and say what is wrong with it", date)
    for name, line in SUBCOMMANDS.items():
        command = group.get_command(top, name)
        if command is not None:
            context = click.Context(command, info_name=name, parent=top)
            yield f"cloudpath-{name}.1", _page(context, f"{line[0].lower()}{line[1:]}".rstrip("."), date)


def _page(context: click.Context, short: str, date: str) -> str:
    path = context.command_path.replace(" ", "-")
    parts = [
        f'.TH "{path.upper()}" "1" "{date}" "cloudpath-agent {VERSION}" "Cloud Path"\n.nh\n.ad l',
        f".SH NAME\n{_text(path)} \\- {_text(short)}",
        f".SH SYNOPSIS\n\\fB{_text(context.command_path)}\\fR {_text(' '.join(_usage(context)))}",
        f".SH DESCRIPTION\n{_paragraphs(context.command.help or '')}",
        *_options(context),
        *(_top_parts() if context.parent is None else ()),
        f".SH EXIT STATUS\n{_text(_exit_codes())}",
        f".SH SEE ALSO\n{_see_also(context)}",
    ]
    return "\n".join(parts) + "\n"


def _usage(context: click.Context) -> list[str]:
    return context.command.collect_usage_pieces(context)


def _options(context: click.Context) -> Iterator[str]:
    """Yield a section with every option, as `--help` has it, and the variable that sets it."""
    found = [each for each in context.command.get_params(context) if isinstance(each, click.Option)]
    items = [item for option in found if (item := _option(context, option))]
    if items:
        yield "\n".join((".SH OPTIONS", *items))


def _option(context: click.Context, option: click.Option) -> str | None:
    record = option.get_help_record(context)
    if record is None:
        return None
    # Not the record's text: it repeats each range as a formula.
    names, text = record[0], option.help or ""
    variable = f" [environment: {option.envvar}]" if option.envvar else ""
    return f".TP\n\\fB{_text(names)}\\fR\n{_text(f'{text}{variable}')}"


def _top_parts() -> Iterator[str]:
    yield "\n".join((".SH COMMANDS", *(_item(f"cloudpath-{name}(1)", line) for name, line in SUBCOMMANDS.items())))
    variables = {
        "CLOUDPATH_COMMAND_OPTION": "The value of an option that is not given: CLOUDPATH_TRACE_MAX_TTL=20.",
        "CLOUDPATH_DEBUG": "Show where a mistake of our own was made.",
        "NO_COLOR": "Use no colour, on a terminal either.",
    }
    yield "\n".join((".SH ENVIRONMENT", *(_item(name, text) for name, text in variables.items())))
    yield "\n".join((".SH FILES", *(_item(name, text) for name, text in _FILES.items())))


def _item(name: str, text: str) -> str:
    return f".TP\n\\fB{_text(name)}\\fR\n{_text(text)}"


def _exit_codes() -> str:
    """Return the group's own words on exit codes, and those of the services."""
    return f"{(group.epilog or '').removeprefix('Exit codes: ')} Services: 77 a right is missing; 78 bad configuration."


def _see_also(context: click.Context) -> str:
    return "The pages in /usr/share/doc/cloudpath\\-agent." if context.parent is None else "\\fBcloudpath\\fR(1)"


def _paragraphs(text: str) -> str:
    """Return a help text as roff: a line of click's that holds a backspace keeps the lines after it apart."""
    return "\n.PP\n".join(_paragraph(part) for part in re.split(r"\n\s*\n", text.strip()))


def _paragraph(part: str) -> str:
    lines = part.strip().splitlines()
    if lines[0].strip() == "\b":
        return "\n".join((".nf", *(_text(line) for line in lines[1:]), ".fi"))
    return _text(" ".join(line.strip() for line in lines))


def _text(text: str) -> str:
    """Return words that roff shows as they are: a hyphen is a minus to copy, a leading dot is no request."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return f"\\&{plain}" if plain.startswith(".") else plain


def main() -> None:
    """Write the pages to the directory that is named, dated as the second argument says."""
    directory, date = Path(sys.argv[1]), sys.argv[2]
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in pages(date):
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
