"""Make the .deb and the .rpm of the agent: an environment of its own, and what the system needs of it."""

import argparse
import gzip
import os
import shutil
import string
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
HOME: Final = "usr/lib/cloudpath-agent"
DOCUMENTS: Final = "usr/share/doc/cloudpath-agent"
_LOCK: Final = ROOT / "requirements/package.lock"
# Wheels for any system since RHEL 8 (glibc 2.28): pip takes the words one by one.
_PLATFORMS: Final = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")
_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
# What nobody imports while the agent runs: types for checkers, sources of extensions, pydantic's old self and its
# plugin, compilers written in JavaScript.
_UNNEEDED: Final = (
    "**/*.pyi",
    "**/py.typed",
    "**/*.pyx",
    "**/*.pxd",
    "**/*.[ch]",
    "**/tests",
    "bin",
    "pydantic/v1",
    "pydantic/mypy.py",
    "dukpy/jsmodules",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
    "*.dist-info/sboms",
)
_COMPILE_RULES: Final = (
    "import sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1]); "
    "from rules.shipped import compile_rules; compile_rules(sys.argv[2])"
)


def main() -> None:
    """Build what the arguments ask for, and print where it is."""
    wanted = _arguments()
    epoch = _epoch()
    # Everything that is made depends on the tree alone: no clock, no order of sets, no umask.
    os.environ |= {"SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    for unwanted in ("PYTHONPATH", "PYTHONPYCACHEPREFIX"):
        os.environ.pop(unwanted, None)
    os.umask(0o022)
    interpreter = _interpreter(wanted.python)
    wanted.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cloudpath-package-") as name:
        stage = Path(name)
        _stage_environment(stage, wanted.python, _MACHINES[wanted.arch])
        _stage_system(stage)
        _stage_documents(stage, epoch)
        _set_times(stage, epoch)
        _compile(stage, wanted.python, interpreter)
        _set_times(stage, epoch)
        for made in _pack(stage, wanted.output, wanted.python, wanted.arch, epoch):
            print(f"{made}  {made.stat().st_size / 1_000_000:.1f} MB")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/package", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="directory [default: dist]")
    parser.add_argument(
        "--arch", choices=sorted(_MACHINES), default="amd64", help="for which machines [default: amd64]"
    )
    parser.add_argument(
        "--python", metavar="X.Y", default="3.11", help="for which Python [default: 3.11, Debian 12's and RHEL 9's]"
    )
    return parser.parse_args()


def _epoch() -> int:
    """Return the time that everything in the packages has: what the caller says, else that of the newest commit."""
    if told := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(told)
    return int(_output(("git", "-C", str(ROOT), "log", "-1", "--format=%ct")))


def _interpreter(version: str) -> str:
    """Return a Python of that version: another one's bytecode would be of no use."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{version}")
    # A version manager has names for Pythons that it would not start.
    if found is None or subprocess.run((found, "-c", ""), capture_output=True, check=False).returncode:
        sys.exit(f"scripts/package: there is no python{version} here to compile for it; install it, or choose --python")
    return found


# --- what is in them --------------------------------------------------------------------------------------------------


def _stage_environment(stage: Path, version: str, machine: str) -> None:
    """Put the locked dependencies and our own wheel where a virtual environment of the system's Python looks for them.

    Written by hand, for `venv` would write the paths of this machine into it.
    """
    packages = _site_packages(stage, version)
    _install(packages, version, machine, "--require-hashes", "--requirement", str(_LOCK))
    _install(packages, version, machine, "--no-deps", str(_wheel(stage / "wheel")))
    home = stage / HOME
    (home / "bin").mkdir()
    (home / "bin/python3").symlink_to(f"/usr/bin/python{version}")
    (home / "pyvenv.cfg").write_text(f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n")
    for pattern in _UNNEEDED:
        for path in list(packages.glob(pattern)):
            _remove(path)


def _install(packages: Path, version: str, machine: str, *what: str) -> None:
    platforms = [word for name in _PLATFORMS for word in ("--platform", f"{name}_{machine}")]
    common = (
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
        "--only-binary=:all:",
        "--python-version",
        version,
    )
    _run((sys.executable, "-m", "pip", "install", *common, *platforms, "--target", str(packages), *what))


def _wheel(directory: Path) -> Path:
    _run((sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)))
    (wheel,) = directory.glob("*.whl")
    return wheel


def _stage_system(stage: Path) -> None:
    """Put command, units, users, man pages and completions where the system looks for them."""
    source = ROOT / "systemd"
    _copy(ROOT / "packaging/cloudpath", stage / "usr/bin/cloudpath")
    for unit in source.glob("*.service"):
        _copy(unit, stage / "usr/lib/systemd/system" / unit.name)
    _copy(source / "cloudpath-agent.sysusers", stage / "usr/lib/sysusers.d/cloudpath-agent.conf")
    for shell, place in (
        ("bash", "usr/share/bash-completion/completions/cloudpath"),
        ("fish", "usr/share/fish/vendor_completions.d/cloudpath.fish"),
        # Its place has another name in each family of distributions: packaging/nfpm.yaml.
        ("zsh", "completions/cloudpath.zsh"),
    ):
        _write(stage / place, _output((sys.executable, "-m", "agent", "completion", shell)))


def _stage_documents(stage: Path, epoch: int) -> None:
    date = datetime.fromtimestamp(epoch, UTC).date().isoformat()
    drafts = stage / "man"
    _run((sys.executable, str(ROOT / "scripts/make_man_pages.py"), str(drafts), date))
    for page in sorted(drafts.iterdir()):
        _compressed(page, stage / "usr/share/man/man1" / f"{page.name}.gz")
    documents = stage / DOCUMENTS
    shutil.copytree(ROOT / "docs", documents / "docs")
    shutil.copytree(ROOT / "packaging/examples", documents / "examples")
    shutil.copytree(
        ROOT / "systemd", documents / "examples/systemd", ignore=shutil.ignore_patterns("*.service", "*.sysusers")
    )
    for name in ("README.md", "CHANGELOG.md", "SECURITY.md"):
        _copy(ROOT / name, documents / name)
    _write(documents / "copyright", "\n".join(_copyright(stage)))


def _copyright(stage: Path) -> Iterator[str]:
    """Yield our licence, and whose work is in the package under which."""
    yield "cloudpath-agent is under the Apache License 2.0:\n"
    yield (ROOT / "LICENSE").read_text()
    yield "It comes with these packages, each below /usr/lib/cloudpath-agent with its licence beside it:\n"
    for place in sorted((stage / HOME).glob("lib/*/site-packages/*.dist-info")):
        if not place.name.startswith("cloudpath_agent"):
            yield _credit(place, f"/{place.relative_to(stage)}")


def _credit(place: Path, shown: str) -> str:
    metadata = HeaderParser().parsestr((place / "METADATA").read_text())
    classified = [
        line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier", []) if line.startswith("License")
    ]
    named = metadata.get("License-Expression") or " ".join(classified) or metadata.get("License")
    texts = [path for path in place.rglob("*") if path.name.upper().startswith(("LICEN", "COPYING", "NOTICE"))]
    if not (named and texts):
        sys.exit(f"scripts/package: {place.name} does not say under which licence it is, or lacks its text")
    return f"  {metadata['Name']} {metadata['Version']}: {named}\n    {shown}"


# --- how they are made ------------------------------------------------------------------------------------------------


def _compile(stage: Path, version: str, interpreter: str) -> None:
    """Compile modules and rules, as installing does: nobody but root could keep them later.

    The rules are kept by the times and sizes of their files, so those must be final; the modules are not compared with
    their sources at all, for only this package writes either.
    """
    home = stage / HOME
    _run((interpreter, "-P", "-m", "compileall", "-qq", "-j0", "--invalidation-mode", "unchecked-hash",
          "-s", str(stage), "-p", "/", str(home / "lib")))  # fmt: skip
    packages = _site_packages(stage, version)
    _run((interpreter, "-P", "-c", _COMPILE_RULES, str(packages), f"/{packages.relative_to(stage)}/rules"))
    _set_modes(stage)


def _pack(stage: Path, output: Path, version: str, arch: str, epoch: int) -> Iterator[Path]:
    """Yield each package that was made."""
    # The project's version as the tree has it.
    sys.path.insert(0, str(ROOT))
    from agent.version import VERSION  # noqa: PLC0415 - the tree must be in the path first

    values = {"stage": stage, "python": version, "arch": arch, "version": VERSION, "mtime": _instant(epoch)}
    settings = stage / "nfpm.yaml"
    settings.write_text(string.Template((ROOT / "packaging/nfpm.yaml").read_text()).substitute(values))
    names = {
        "deb": f"cloudpath-agent_{VERSION}-1_{arch}.deb",
        "rpm": f"cloudpath-agent-{VERSION}-1.{_MACHINES[arch]}.rpm",
    }
    nfpm = Path(sys.executable).with_name("nfpm")
    for kind, name in names.items():
        made = output / name
        _run((str(nfpm), "package", "--config", str(settings), "--packager", kind, "--target", str(made)))
        yield made


def _instant(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _site_packages(stage: Path, version: str) -> Path:
    return stage / HOME / f"lib/python{version}/site-packages"


def _set_times(stage: Path, epoch: int) -> None:
    for path in sorted(stage.rglob("*")):
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _set_modes(stage: Path) -> None:
    """Let everybody read everything, and nobody write it, whatever checkout and wheels say; commands alone are run."""
    commands = stage / "usr/bin"
    for path in stage.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent == commands else 0o644)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def _compressed(source: Path, target: Path) -> None:
    """Write a file as gzip, which carries no time of its own."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(source.read_bytes(), 9, mtime=0))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()


def _run(command: Sequence[str]) -> None:
    _output(command)


def _output(command: Sequence[str]) -> str:
    """Return what a program prints; end with its words if it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"scripts/package: {' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
