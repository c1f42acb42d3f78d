"""`cloudpath explain`: recorded samples diagnosed again, offline, with the reasons for and against each error."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE, read_configuration, read_recorded, read_rules
from agent.commands.showing import JSON_OPTION, deliver_json, style_of_output
from agent.exit_codes import ExitCode, exit_code_of
from agent.output import deliver

if TYPE_CHECKING:
    from probes.sample import Sample
    from rules.diagnosis import Diagnosis


@click.command("explain", cls=Subcommand)
@click.argument("file", type=FILE)
@click.option("-c", "--config", type=FILE, help="Configuration, for its rule files and severities.")
@click.option("--rules", type=FILE, multiple=True, help="A rule file of your own; may be given several times.")
@JSON_OPTION
def command(file: Path, config: Path | None, rules: tuple[Path, ...], *, as_json: bool) -> int:
    """Diagnose the samples in FILE (JSON or NDJSON, - for standard input) again, with the rules of this version.

    Nothing is sent. Each error is shown as fired, rejected (by what), ruled out, or not evaluated (what was missing).
    The exit code is that of the gravest sample.
    """
    settings = read_configuration(config).settings if config else None
    known = read_rules((*(settings.rules if settings else ()), *rules))
    overrides = settings.severity_overrides if settings else {}
    # Neither pydantic nor the evidence is needed for --help.
    from agent.record_reader import read_samples  # noqa: PLC0415
    from rules.engine import diagnose  # noqa: PLC0415

    samples = read_recorded(file, read_samples)
    diagnoses = [diagnose(sample, known, severity_overrides=overrides) for sample in samples]
    if as_json:
        deliver_json([_document(*pair) for pair in zip(samples, diagnoses, strict=True)])
    else:
        from agent.views.explain_view import explain_view  # noqa: PLC0415
        from rules.explain import explain  # noqa: PLC0415

        style = style_of_output()
        chains = [(sample, explain(sample, known, severity_overrides=overrides)) for sample in samples]
        deliver("\n".join(explain_view(sample, lines, style) for sample, lines in chains))
    return max((exit_code_of(diagnosis.status) for diagnosis in diagnoses), default=ExitCode.CLEAN)


def _document(sample: "Sample", diagnosis: "Diagnosis") -> dict[str, object]:
    """Return what the rules say of one sample, under the keys of a record."""
    from agent.record import plain  # noqa: PLC0415

    return {
        "started_at": sample.started_at,
        "target": plain(sample.target),
        "status": diagnosis.status.value,
        "errors": plain(diagnosis.errors),
        "rejected": plain(diagnosis.rejected),
        "not_evaluated": plain(diagnosis.not_evaluated),
    }
