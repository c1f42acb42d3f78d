"""docs/rules.md: its vocabulary is the code's, and its examples load."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rules.load import load_rules
from rules.ruleset import HopChoice

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_vocabulary_is_what_the_code_makes() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/make_rule_docs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("example", EXAMPLES, ids=["a rule", "an error of one's own"])
def test_the_examples_load(example: str, tmp_path: Path) -> None:
    (tmp_path / "example.yaml").write_text(example)
    code = example.split()[1]
    assert load_rules([tmp_path / "example.yaml"]).rules[code][0].reasons[0].hop is HopChoice.NONE
