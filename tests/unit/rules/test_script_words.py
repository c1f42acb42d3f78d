"""Why a script is of no use, in words that are not said twice."""

import pytest

from probes.failure import Failure
from probes.web_facts import Pac
from rules.evidence import proxy_failure


@pytest.mark.parametrize(
    ("failure", "detail", "words"),
    [
        (Failure.CONNECTION_REFUSED, "Connection refused", "connection refused"),
        (Failure.CONNECTION_REFUSED, None, "connection refused"),
        (Failure.SCRIPT_FAILED, "line 3: no such function", "(line 3: no such function)"),
    ],
)
def test_the_system_s_own_words_are_not_said_again(failure: Failure, detail: str | None, words: str) -> None:
    said = proxy_failure._pac_words(Pac(source="http://wpad.example.com/", failure=failure, detail=detail))
    assert said.endswith(words)
    assert "Connection" not in said
