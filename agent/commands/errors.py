"""`cloudpath errors`: the catalogue of documented errors, whole or one of them."""

from pathlib import Path

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE, read_rules
from agent.commands.showing import JSON_OPTION, deliver_json, style_of_output
from agent.output import deliver


@click.command("errors", cls=Subcommand)
@click.argument("code", required=False)
@click.option("--rules", type=FILE, multiple=True, help="A rule file of your own; may be given several times.")
@JSON_OPTION
def command(code: str | None, rules: tuple[Path, ...], *, as_json: bool) -> int:
    """List the documented errors, or show the one with this CODE: its texts, their origin, and what proves it."""
    known = read_rules(rules)
    # These build on the vocabulary of facts, which --help need not load.
    from agent.views.catalogue_view import catalogue_view, entry_document, entry_view  # noqa: PLC0415

    chosen = list(known.catalogue) if code is None else [_chosen(code, list(known.catalogue))]
    if as_json:
        deliver_json([entry_document(known.catalogue[one], known.rules.get(one, ())) for one in chosen])
    elif code is None:
        deliver(catalogue_view([known.catalogue[one] for one in chosen], style_of_output()))
    else:
        deliver(entry_view(known.catalogue[chosen[0]], known.rules.get(chosen[0], ()), style_of_output()))
    return 0


def _chosen(code: str, codes: list[str]) -> str:
    """Return the code as the catalogue writes it; case, and a zero or a hyphen left out, make no difference."""
    wanted = _simple(code)
    found = next((known for known in codes if _simple(known) == wanted), None)
    if found is not None:
        return found
    # Only for a mistake.
    from difflib import get_close_matches  # noqa: PLC0415

    near = get_close_matches(code.upper(), codes, n=1)
    hint = f"did you mean {near[0]}?" if near else "`cloudpath errors` lists them"
    raise click.UsageError(f"there is no error {code!r}; {hint}")


def _simple(code: str) -> str:
    letters = code.upper().rstrip("0123456789")
    return f"{letters.rstrip('-_ ')}{code[len(letters) :].lstrip('0')}"
