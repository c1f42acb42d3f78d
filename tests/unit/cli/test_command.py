"""The real command in a process of its own: what it prints, how it ends, and how it takes what goes wrong."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from agent.commands.trace import command
from agent.version import VERSION
from tests.unit.cli.command import COMMAND, Finished, cloudpath, environment_of

SUBCOMMANDS = (
    "trace",
    "watch",
    "dns",
    "web",
    "ping",
    "egress",
    "run",
    "edge",
    "errors",
    "explain",
    "history",
    "report",
    "ui",
    "zpa",
    "doctor",
    "check-config",
    "show-config",
    "completion",
)
# What no command may load before it needs it; the start-up of --version and --help depends on it.
HEAVY = (
    "pydantic",
    "yaml",
    "psutil",
    "dns",
    "icmplib",
    "rich",
    "scapy",
    "httpx2",
    "jinja2",
    "probes.facts",
    "asyncio",
    "socket",
)


def test_the_version_is_one_line() -> None:
    ended = cloudpath("--version")
    assert ended == Finished(0, f"cloudpath {VERSION}\n", "")
    assert cloudpath("-V") == ended


def test_the_help_names_every_command() -> None:
    ended = cloudpath("--help")
    assert (ended.code, ended.err) == (0, "")
    listed = ended.out.partition("Commands:\n")[2].partition("\n\n")[0]
    # A name follows two blanks; a wrapped line has more.
    names = [line.split()[0] for line in listed.splitlines() if line[2:3] != " "]
    assert names == list(SUBCOMMANDS)


def test_no_arguments_are_a_mistake_that_shows_the_help() -> None:
    ended = cloudpath()
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Usage: cloudpath")


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_command_has_help(name: str) -> None:
    ended = cloudpath(name, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: cloudpath {name}")
    assert cloudpath(name, "-h").out == ended.out


def test_the_help_of_a_trace_has_a_line_for_each_option_under_headings() -> None:
    ended = cloudpath("trace", "--help", COLUMNS="80")
    _, *sections = re.split(r"\n\n(?=[A-Z][^\n]*:\n)", ended.out.rstrip())
    titles = [section.partition(":\n")[0] for section in sections]
    assert titles == ["Target and protocol", "Probes", "More to find out, or less", "Output"]
    lines = [line for section in sections for line in section.splitlines()[1:]]
    options = [line for line in lines if re.match(r"  -\S", line)]
    assert lines == options, "no option takes a second line"
    assert len({re.sub(r"^(  -.*?)  +.*", r"\1", line) for line in options}) == len(command.params)  # -h for TARGET


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("trace", "--help")])
def test_help_and_version_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [COMMAND[0], "-X", "importtime", *COMMAND[1:], *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment_of({}),
    )
    loaded = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "click" in loaded
    assert not loaded.intersection(HEAVY)


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_help_and_version_take_no_time(argument: str) -> None:
    assert min(seconds_of(argument) for _ in range(7)) <= 0.12


def seconds_of(*arguments: str) -> float:
    """Return the processor time of a run: it waits for nothing, so on an idle machine this is its duration."""
    started = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL, env=environment_of({}))
    _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    assert started.returncode == 0
    return used.ru_utime + used.ru_stime


SEE = "(see cloudpath trace --help)"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("tarce", "x"), "cloudpath: there is no command 'tarce'; did you mean trace? (see cloudpath --help)"),
        (("--wat",), "cloudpath: No such option '--wat'. (see cloudpath --help)"),
        (("trace",), f"cloudpath trace: Missing argument 'TARGET'. {SEE}"),
        (
            ("trace", "a b"),
            f"cloudpath trace: 'a b' has a blank in it; name one host, address or URL, without blanks {SEE}",
        ),
        (("trace", ""), f"cloudpath trace: the target is empty; name a host, an address or a URL {SEE}"),
        (
            ("trace", "a\x1b[2J"),
            f"cloudpath trace: 'a\\x1b[2J' has a character that cannot be seen; type the target anew {SEE}",
        ),
        (
            ("trace", "x" * 10_000),
            f"cloudpath trace: the target has 10,000 characters; 2,048 is the most that one can have {SEE}",
        ),
        (
            ("trace", "-4", "2001:db8::1"),
            f"cloudpath trace: 2001:db8::1 is no IPv4 address; leave -4 out, or name a host that has one {SEE}",
        ),
        (
            ("trace", "-6", "192.0.2.1"),
            f"cloudpath trace: 192.0.2.1 is no IPv6 address; leave -6 out, or name a host that has one {SEE}",
        ),
        (
            ("trace", "192.0.2.1:65536"),
            f"cloudpath trace: port '65536' is out of range; ports go from 1 to 65535 {SEE}",
        ),
        (
            ("trace", "-P", "0", "192.0.2.1"),
            f"cloudpath trace: Invalid value for '-P' / '--port': 0 is not in the range 1<=x<=65535. {SEE}",
        ),
        (
            ("trace", "-q", "many", "192.0.2.1"),
            f"cloudpath trace: Invalid value for '-q' / '--queries': 'many' is not a valid integer range. {SEE}",
        ),
        (
            ("trace", "-w", "nan", "192.0.2.1"),
            f"cloudpath trace: Invalid value for '-w' / '--timeout': nan is no number of seconds. {SEE}",
        ),
        (
            ("trace", "--route", "scenic", "192.0.2.1"),
            (
                "cloudpath trace: Invalid value for '--route': 'scenic' is not one of "
                f"'direct', 'service_edge', 'private_access'. {SEE}"
            ),
        ),
        (
            ("trace", "-u", "-T", "192.0.2.1"),
            f"cloudpath trace: tcp and udp were both asked for; choose one of -I, -u, -T and -p {SEE}",
        ),
        (
            ("trace", "-j", "--format", "wide", "192.0.2.1"),
            f"cloudpath trace: --json and --format wide exclude each other; give one {SEE}",
        ),
        (
            ("trace", "-j", "--explain", "192.0.2.1"),
            f"cloudpath trace: --explain is for text; a record in json has everything in it, leave --explain out {SEE}",
        ),
        (
            ("trace", "--format", "ripe-atlas", "--explain", "192.0.2.1"),
            (f"cloudpath trace: --explain is for text; ripe-atlas has no room for reasons, leave --explain out {SEE}"),
        ),
        (
            ("trace", "-j", "--format", "csv", "192.0.2.1"),
            f"cloudpath trace: --json and --format csv exclude each other; give one {SEE}",
        ),
        (
            ("trace", "--asn-db", "/nowhere/a.mmdb", "192.0.2.1"),
            f"cloudpath trace: cannot read /nowhere/a.mmdb: no such file or directory {SEE}",
        ),
        (
            ("trace", "-z", "--asn-db", "/etc/passwd", "192.0.2.1"),
            f"cloudpath trace: /etc/passwd is no MMDB file, or a part of it is missing {SEE}",
        ),
        (
            ("trace", "--source", "192.0.2.254", "192.0.2.1"),
            f"cloudpath trace: 192.0.2.254 is no address of this host; `ip address` shows those that are {SEE}",
        ),
        (("trace", "-c", "/nowhere/a.yaml", "x"), "/nowhere/a.yaml: cannot read it: no such file or directory"),
        (("check-config", "/nowhere/a.yaml"), "/nowhere/a.yaml: cannot read it: no such file or directory"),
        (
            ("completion", "tcsh"),
            (
                "cloudpath completion: Invalid value for '{bash|zsh|fish}': "
                "'tcsh' is not one of 'bash', 'zsh', 'fish'. (see cloudpath completion --help)"
            ),
        ),
    ],
)
def test_a_mistake_is_one_line_on_standard_error(arguments: tuple[str, ...], line: str) -> None:
    assert cloudpath(*arguments) == Finished(2, "", f"{line}\n")


def test_an_interface_that_is_not_there_is_one_line_that_names_those_that_are() -> None:
    ended = cloudpath("trace", "--interface", "none0", "192.0.2.1")
    assert (ended.code, ended.out, len(ended.lines)) == (2, "", 1)
    assert ended.err.startswith("cloudpath trace: there is no interface 'none0' on this host; there are lo")


def test_networks_without_a_database_are_one_line_that_says_where_one_would_be_found() -> None:
    usual = ("/usr/share/GeoIP", "/usr/local/share/GeoIP", "/var/lib/GeoIP")
    # In a mount namespace of its own, so that whatever this machine has in these directories is not there.
    hidden = " && ".join(f"if [ -d {place} ]; then mount -t tmpfs none {place}; fi" for place in usual)
    told = (*COMMAND, "trace", "-z", "192.0.2.1")
    ended = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f'{hidden}; exec "$@"', "sh", *told],
        capture_output=True,
        text=True,
        env=environment_of({}),
        check=False,
    )
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (2, "", 1)
    assert all(word in ended.stderr for word in (*usual, "--asn-db", "agent.address_databases"))


def test_a_bad_configuration_is_all_its_lines_and_nothing_starts() -> None:
    file = Path(__file__).parents[1] / "config/bad/out_of_range.yaml"
    expected = file.with_suffix(".expected").read_text(encoding="utf-8").replace(file.name, str(file))
    assert cloudpath("check-config", str(file)) == Finished(2, "", expected)
    assert cloudpath("show-config", str(file)) == Finished(2, "", expected)
    assert cloudpath("trace", "-c", str(file), "192.0.2.1") == Finished(2, "", expected)


# --- outputs that do not take what is written -------------------------------------------------------------------------

WRITERS = (("--help",), ("--version",), ("trace", "--help"), ("completion", "bash"))


@pytest.mark.parametrize("arguments", WRITERS)
def test_a_full_device_is_one_line(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = cloudpath(*arguments, stdout=full)
    reason = "cannot write to standard output: no space left on device; free some space or write elsewhere"
    assert ended == Finished(3, "", f"cloudpath: {reason}\n")


@pytest.mark.parametrize("arguments", WRITERS)
def test_a_closed_pipe_is_no_words_at_all(arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        assert cloudpath(*arguments, stdout=nobody) == Finished(141, "", "")


def test_a_closed_standard_output_is_one_line() -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "--version"],
        capture_output=True,
        text=True,
        env=environment_of({}),
        check=False,
    )
    assert (ended.returncode, len(ended.stderr.splitlines())) == (3, 1)


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("/nowhere/sample.json", "there is no directory /nowhere"),
        ("/", "it is a directory"),
    ],
)
def test_a_file_that_cannot_be_written_is_said_before_anything_is_sent(output: str, problem: str) -> None:
    ended = cloudpath("trace", "-o", output, "192.0.2.1")
    assert ended == Finished(
        2, "", f"cloudpath trace: cannot write {output}: {problem}; give another file with -o {SEE}\n"
    )


def test_a_terminal_without_unicode_gets_ascii() -> None:
    plain = cloudpath("errors", PYTHONIOENCODING="ascii")
    rich = cloudpath("errors", PYTHONIOENCODING="utf-8")
    assert (plain.code, plain.err, rich.code) == (0, "", 0)
    assert plain.out.isascii()
    assert not rich.out.isascii()
    assert "?" not in plain.out


@pytest.mark.parametrize("command", [("trace", "192.0.2.1"), ("errors",), ("explain", "-")])
def test_a_bad_rule_file_is_all_its_lines_and_nothing_starts(command: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("wibble: 1\n", encoding="utf-8")
    ended = cloudpath(*command, "--rules", str(file), "--rules", str(tmp_path / "missing.yaml"))
    assert (ended.code, ended.out) == (2, "")
    assert ended.lines
    assert all(line.startswith(str(tmp_path)) for line in ended.lines)
    assert {line.partition(":")[0] for line in ended.lines} == {str(file), str(tmp_path / "missing.yaml")}


# --- the catalogue ----------------------------------------------------------------------------------------------------


def test_the_catalogue_as_json_is_a_list_of_all_31() -> None:
    ended = cloudpath("errors", "--json")
    entries = json.loads(ended.out)
    assert (ended.code, ended.err, len(entries)) == (0, "", 31)
    assert {"code", "message", "description", "solution", "severity"} <= set(entries[0])
    assert entries[0]["message"] == "Zscaler Client Connector error. Contact Zscaler Support."


@pytest.mark.parametrize("spelled", ["CP-03", "cp-3", "cp3", "CP_03"])
def test_one_error_is_found_however_it_is_spelled(spelled: str) -> None:
    (entry,) = json.loads(cloudpath("errors", spelled, "--json").out)
    assert entry["code"] == "CP-03"


@pytest.mark.parametrize(
    ("code", "hint"),
    [("CP-21", "did you mean CP-20?"), ("ZP-04", "did you mean ZPA-04?"), ("x", "`cloudpath errors` lists them")],
)
def test_an_unknown_error_is_one_line(code: str, hint: str) -> None:
    line = f"cloudpath errors: there is no error {code!r}; {hint} (see cloudpath errors --help)\n"
    assert cloudpath("errors", code) == Finished(2, "", line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "{file}: empty, expected a record"),
        ("{", "{file}:1: not JSON"),
        ('{"schema": "other/1"}', "{file}:1: "),
    ],
)
def test_explain_refuses_what_is_no_record(text: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / "sample.json"
    file.write_text(text, encoding="utf-8")
    ended = cloudpath("explain", str(file))
    assert (ended.code, ended.out, len(ended.lines)) == (2, "", 1)
    assert ended.err.startswith(line.format(file=file))


# --- the smaller commands ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell: str) -> None:
    ended = cloudpath("completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert "_CLOUDPATH_COMPLETE" in ended.out


def test_bash_takes_the_script_and_the_command_answers_it() -> None:
    script = cloudpath("completion", "bash").out
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    asked = cloudpath(_CLOUDPATH_COMPLETE="bash_complete", COMP_WORDS="cloudpath tr", COMP_CWORD="1")
    assert (asked.code, asked.out) == (0, "plain,trace\n")
    asked = cloudpath(_CLOUDPATH_COMPLETE="bash_complete", COMP_WORDS="cloudpath trace --que", COMP_CWORD="2")
    assert asked.out == "plain,--queries\n"


def test_an_option_can_come_from_the_environment() -> None:
    ended = cloudpath("trace", "192.0.2.1", CLOUDPATH_TRACE_QUERIES="0")
    assert ended.code == 2
    assert "'-q' / '--queries': 0 is not in the range" in ended.err


def test_a_variable_is_named_as_its_option_is_typed() -> None:
    arguments = ("trace", "-n", "--proxy", "none", "127.0.0.1")
    assert cloudpath(*arguments, CLOUDPATH_TRACE_FORMAT="csv").out.startswith("sample_id,started_at")
    assert cloudpath(*arguments, CLOUDPATH_TRACE_JSON="1").out.startswith('{\n  "schema"')
    assert "\nPath MTU 65535" in cloudpath(*arguments, CLOUDPATH_TRACE_MTU="1").out


def test_check_config_of_a_good_file_says_so(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("targets: [{name: crm, host: crm.example.com}]\n", encoding="utf-8")
    assert cloudpath("check-config", str(file)) == Finished(0, f"{file}: no mistakes\n", "")


def test_show_config_masks_secrets_and_gives_a_file_that_can_be_read_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ps3cret\n", encoding="utf-8")
    file = tmp_path / "agent.yaml"
    file.write_text(
        """
proxy: {mode: explicit, url: "http://user:t0ps3cret@proxy.example.com:3128"}
emit:
  - {type: http, url: "https://c.example/", headers: {A: "${file:token}", B: t0ps3cret, C: "x ${env:WORD}"}}
""",
        encoding="utf-8",
    )
    ended = cloudpath("show-config", str(file), WORD="t0ps3cret")
    assert (ended.code, ended.err) == (0, "")
    assert "t0ps3cret" not in ended.out
    assert "url: http://***@proxy.example.com:3128" in ended.out
    assert "A: ${file:token}" in ended.out
    assert "B: '***'" in ended.out
    assert "C: x ${env:WORD}" in ended.out
    assert "interval_s: 300" in ended.out
    file.write_text(ended.out, encoding="utf-8")
    assert cloudpath("check-config", str(file), WORD="x").code == 0
    assert "t0ps3cret" not in cloudpath("show-config", "--json", str(file), WORD="t0ps3cret").out
