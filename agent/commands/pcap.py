"""`--pcap FILE` of `cloudpath trace`: what has to be right before anything is sent, and the file afterwards."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.output import OutputError, complain, deliver_data, deliver_data_to_file, why_not_writable

if TYPE_CHECKING:
    from probes.captured import Recorder

_STANDARD_OUTPUT: Final = Path("-")


class Pcap:
    """The capture beside one sample, and the file that it goes to."""

    def __init__(self, path: Path, capture: "Recorder") -> None:
        self.capture = capture
        self._path = path

    def save(self) -> OutputError | None:
        """End the capture and write the file; return why that failed, for the sample is worth showing all the same.

        Raises:
            agent.output.OutputClosedError: Whoever read the packets from standard output has gone.
        """
        from agent.packet_file import packet_file  # noqa: PLC0415 - needs what the sample has loaded by now

        file = packet_file(self.capture.close())
        if file.complaint is not None:
            complain(f"cloudpath trace: {self._path} is not complete. {file.complaint}")
        try:
            if self._path == _STANDARD_OUTPUT:
                deliver_data(file.data)
            else:
                deliver_data_to_file(self._path, file.data)
        except OutputError as error:
            return error
        return None


def open_pcap(path: Path, output: Path | None) -> Pcap:
    """Return a capture that is ready, and writes to `path`; `output` is the file that the sample itself goes to.

    Raises:
        click.UsageError: The file cannot be written, or the host lets this process capture nothing.
    """
    problem = _problem(path, output)
    if problem is not None:
        raise click.UsageError(problem)
    from agent.composition import open_capture  # noqa: PLC0415 - few traces capture
    from probes.failure import Failure  # noqa: PLC0415 - likewise

    capture = open_capture()
    if isinstance(capture, Failure):
        raise click.UsageError(
            f"--pcap cannot capture packets: {_WHY.get(capture, capture.replace('_', ' '))}; or leave --pcap out"
        )
    return Pcap(path, capture)


# What to do about a capture that does not open.
_WHY: Final = {"not_permitted": "that needs root or CAP_NET_RAW"}


def _problem(path: Path, output: Path | None) -> str | None:
    """Return why packets cannot go to `path`, in one line that says what to do, or None if they can."""
    if path != _STANDARD_OUTPUT:
        if output is not None and path.resolve() == output.resolve():
            return f"-o and --pcap both name {path}; give each a file of its own"
        why = why_not_writable(path)
        return f"cannot write {path}: {why}; give another file with --pcap" if why else None
    if output is None:
        return "--pcap - and the sample cannot both go to standard output; give the sample a file with -o"
    if sys.stdout.isatty():
        return "--pcap - would write packets to the terminal; send them to a program, or give a file"
    return None
