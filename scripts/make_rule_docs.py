"""Make the table of propositions in docs/rules.md from the code; with --check, only compare."""

import argparse
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rules.evidence.vocabulary import all_propositions  # noqa: E402 - the tree must be in the path first
from rules.explain import propositions_of  # noqa: E402
from rules.load import load_rules  # noqa: E402

FILE: Final = ROOT / "docs/rules.md"
BEGIN: Final = "<!-- vocabulary: begin -->\n"
END: Final = "<!-- vocabulary: end -->\n"


def table() -> str:
    """Return the vocabulary as a Markdown table, with the errors whose rules read each word."""
    rules = load_rules()
    read = {code: propositions_of(rules, code) for code in rules.catalogue}
    rows = [
        f"| `{name}` | {proposition.meaning} | {', '.join(code for code in read if name in read[code])} |"
        for name, proposition in sorted(all_propositions().items())
    ]
    return "\n".join(("| proposition | true means | read by |", "|---|---|---|", *rows)) + "\n"


def page() -> str:
    """Return the page with its table made anew."""
    text = FILE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def main() -> int:
    """Write the page, or say whether it is what the code makes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is out of date")
    if not parser.parse_args().check:
        FILE.write_text(page(), encoding="utf-8")
        return 0
    if FILE.read_text(encoding="utf-8") == page():
        return 0
    print(f"{FILE.relative_to(ROOT)} is not what the code makes: run scripts/make_rule_docs.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
