"""The lab's own certificate authority, by the openssl command: a new one for each network, trusted by nobody else."""

import subprocess
from collections.abc import Sequence
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_VALID: Final = ("-days", "2")
_AUTHORITY: Final = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")


class Certificate(NamedTuple):
    """A certificate with its key: two PEM files."""

    certificate: Path
    key: Path


class Authority:
    """An authority, made when first asked for; `name` is what its certificates say who issued them."""

    def __init__(self, directory: Path, name: str = "Lab Authority") -> None:
        self._directory = directory
        self._name = name
        self._issued = 0

    @cached_property
    def own(self) -> Certificate:
        """Return the authority's own certificate; clients trust it."""
        self._directory.mkdir(exist_ok=True)
        made = self._files("authority")
        _openssl("req", "-x509", *_KEY, *_VALID, *_AUTHORITY, "-subj", f"/O=Lab/CN={self._name}", *_out(made))
        return made

    def issue(self, names: Sequence[str], *, by: str = "lab") -> Certificate:
        """Return a new certificate for host names and addresses.

        Args:
            names: The first one is the subject's common name too.
            by: `lab` for this authority, `itself` for a self-signed one, `expired` for one that ended yesterday,
                or any other text for an authority of this name that nobody trusts.
        """
        self._issued += 1
        if by not in {"lab", "itself", "expired"}:
            return Authority(self._directory / f"other-{self._issued}", by).issue(names)
        issuer = () if by == "itself" else ("-CA", str(self.own.certificate), "-CAkey", str(self.own.key))
        made = self._files(f"server-{self._issued}")
        named = ("-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={','.join(map(_alternative, names))}")
        server = ("-addext", "basicConstraints=CA:FALSE", "-addext", "extendedKeyUsage=serverAuth")
        days = ("-days", "-1") if by == "expired" else _VALID
        _openssl("req", "-x509", *_KEY, *days, *issuer, *named, *server, *_out(made))
        return made

    def _files(self, stem: str) -> Certificate:
        return Certificate(self._directory / f"{stem}.pem", self._directory / f"{stem}.key")


def _out(made: Certificate) -> tuple[str, ...]:
    return ("-out", str(made.certificate), "-keyout", str(made.key))


def _alternative(name: str) -> str:
    try:
        return f"IP:{ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


def _openssl(*arguments: str) -> None:
    done = subprocess.run(("openssl", *arguments), capture_output=True, text=True, timeout=10, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {' '.join(arguments)}: {done.stderr}")
