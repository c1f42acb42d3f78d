"""What a command remembers of a path, on real kernels: the next one says so, and shows the same path."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from probes.facts import Family
from tests.lab import ours
from tests.lab.builder import Lab, User

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("family", Family)
def test_the_next_trace_takes_up_what_the_last_one_learned(
    network: Callable[[str], Lab], family: Family, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = network("far")
    # Two traces of three queries are what one prober's limit at a stock router allows.
    arguments = ("--source", lab.fresh_source("client", family), lab.address("server", family))
    with TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        monkeypatch.setenv("XDG_STATE_HOME", place)
        first, second = (ours.trace(lab, arguments, user=user) for _ in range(2))
        assert [path.name for path in Path(place, "cloudpath-agent").iterdir()] == ["paths"]

    assert first.leg["protocol_reason"] == "icmp comes first, because the target names no port"
    assert second.leg["protocol_reason"].startswith("icmp reached the target ")
    assert second.leg["protocol_reason"].endswith("ago, 10 hops away")
    assert ours.hop_list(second.leg) == ours.hop_list(first.leg)
    assert (second.codes, second.exit_code) == (first.codes, first.exit_code)
    assert [trial["outcome"] for trial in second.leg["tried"] if trial["chosen"]] == ["reached"]
