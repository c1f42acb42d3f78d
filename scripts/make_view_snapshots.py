"""Draw every situation of the view tests anew; read the difference before committing it."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main() -> None:
    """Write `tests/unit/views/expected/*.txt`, and say which files changed."""
    # Found only once the tree is in the path.
    from tests.unit.views.snapshots import DRAWINGS, EXPECTED, OTHER_VIEWS  # noqa: PLC0415

    EXPECTED.mkdir(exist_ok=True)
    drawn = {name: drawing.draw() for name, drawing in DRAWINGS.items()}
    drawn |= {name: draw() for name, draw in OTHER_VIEWS.items()}
    for name, text in drawn.items():
        file = EXPECTED / f"{name}.txt"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            print(f"{file.relative_to(ROOT)}: written, read it")
    for file in EXPECTED.glob("*.txt"):
        if file.stem not in drawn:
            file.unlink()
            print(f"{file.relative_to(ROOT)}: removed")


if __name__ == "__main__":
    main()
