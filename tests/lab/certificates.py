"""The lab's own certificate authority, by the openssl command: a new one for each network, trusted by nobody else."""

import subprocess
from collections.abc import Sequence
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_VALID: Final = ("-x509", "-days", "2")
_AUTHORITY: Final = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
_LONG_AGO: Final = ("-startdate", "20240101000000Z", "-enddate", "20240201000000Z")

# `openssl req` makes no certificate that has ended; `openssl ca` does, and wants books to be kept.
_BOOKS: Final = """\
[ca]
default_ca = lab
[lab]
new_certs_dir = {directory}
database = {directory}/issued
rand_serial = yes
default_md = sha256
policy = names
copy_extensions = copy
[names]
commonName = supplied
"""


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
        made = self._files("authority")
        _openssl("req", *_VALID, *_KEY, *_AUTHORITY, "-subj", f"/O=Lab/CN={self._name}", *_out(made))
        return made

    def issue(self, names: Sequence[str], *, by: str = "lab") -> Certificate:
        """Return a new certificate for host names and addresses.

        Args:
            names: The first one is the subject's common name too.
            by: `lab` for this authority, `itself` for a self-signed one, `expired` for one that ended long ago,
                or any other text for an authority of this name that nobody trusts.
        """
        self._issued += 1
        match by:
            case "lab":
                return self._made(names, *_VALID, *self._as_issuer())
            case "itself":
                return self._made(names, *_VALID)
            case "expired":
                return self._expired(names)
            case _:
                return Authority(self._directory / f"other-{self._issued}", by).issue(names)

    def _made(self, names: Sequence[str], *how: str) -> Certificate:
        """Return a certificate, or with nothing said of how, what asks for one."""
        made = self._files(f"server-{self._issued}")
        named = ("-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={','.join(map(_alternative, names))}")
        server = ("-addext", "basicConstraints=CA:FALSE", "-addext", "extendedKeyUsage=serverAuth")
        _openssl("req", *how, *_KEY, *named, *server, *_out(made))
        return made

    def _expired(self, names: Sequence[str]) -> Certificate:
        asked = self._made(names, "-new")
        made = Certificate(self._directory / f"ended-{self._issued}.pem", asked.key)
        books = self._directory / "books"
        books.write_text(_BOOKS.format(directory=self._directory))
        (self._directory / "issued").touch()
        issuer = ("-cert", str(self.own.certificate), "-keyfile", str(self.own.key))
        where = ("-in", str(asked.certificate), "-out", str(made.certificate))
        _openssl("ca", "-batch", "-notext", "-config", str(books), *issuer, *_LONG_AGO, *where)
        return made

    def _as_issuer(self) -> tuple[str, ...]:
        return ("-CA", str(self.own.certificate), "-CAkey", str(self.own.key))

    def _files(self, stem: str) -> Certificate:
        self._directory.mkdir(parents=True, exist_ok=True)
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
