"""A command without a file reads the usual one, and where that is not there it says how to name another."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.commands import check_config, reading, show_config
from agent.daemon import start
from agent.daemon.signals import SignalInbox
from agent.exit_codes import ServiceExit


@pytest.mark.parametrize("module", [check_config, show_config])
def test_a_missing_usual_file_is_one_line_that_says_what_to_do(
    module: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "agent.yaml"
    monkeypatch.setattr(reading, "DEFAULT_FILE", missing)
    command = module.command  # type: ignore[attr-defined]
    named = CliRunner().invoke(command, [str(missing)], prog_name=f"cloudpath {command.name}")
    assert named.exit_code == 2
    (line,) = named.output.splitlines()
    assert line.endswith(f"there is no such file; name yours, as in `cloudpath {command.name} agent.yaml`")


def test_a_file_that_somebody_named_is_only_said_to_be_missing(tmp_path: Path) -> None:
    named = CliRunner().invoke(check_config.command, [str(tmp_path / "agent.yaml")])
    assert (named.exit_code, named.output.splitlines()[-1]) == (
        2,
        f"Error: {tmp_path / 'agent.yaml'}: cannot read it: no such file or directory",
    )


def test_a_service_without_the_usual_file_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    missing = tmp_path / "agent.yaml"
    monkeypatch.setattr(start, "DEFAULT_FILE", missing)
    with SignalInbox() as signals:
        assert start.opened(missing, signals) is ServiceExit.BAD_CONFIGURATION
    assert caplog.messages == [f"{missing}: there is no such file; name yours, as in `cloudpath run -c agent.yaml`"]
