"""Whose certificates are believed: by web checks, proxies that are spoken to by TLS, and whoever collects samples."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from probes.drivers.web_stream import EndedError
from probes.failure import Failure


class Trust:
    """Whose certificates are believed: the host's authorities, and those of a file where one is named."""

    def __init__(self, ca_file: Path | None) -> None:
        self._file = ca_file
        self._context: ssl.SSLContext | None = None
        self._refusal: str | None = None

    def prepare(self) -> None:
        """Read the authorities: 35 ms that no step should be charged with [measured]."""
        if self._context is not None or self._refusal is not None:
            return
        try:
            self._context = _context(self._file, _changed_at(_authorities()), _changed_at(self._file))
        except OSError as error:
            self._refusal = f"{self._file}: {(error.strerror or str(error)).lower()}"

    def context(self) -> ssl.SSLContext:
        """Return the context for every handshake of the check.

        Raises:
            EndedError: The file cannot be read, or holds no certificates.
        """
        self.prepare()
        if self._context is None:
            raise EndedError(Failure.INVALID_SETTING, self._refusal)
        return self._context


# An agent with many targets reads the authorities once, and again when they change.
@lru_cache(maxsize=4)
def _context(ca_file: Path | None, *_changed_at_ns: int) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def _authorities() -> Path | None:
    """Return the file with the host's authorities, SSL_CERT_FILE where it is set; None where there is only a folder."""
    file = ssl.get_default_verify_paths().cafile
    return Path(file) if file else None


def _changed_at(file: Path | None) -> int:
    """Return when a file was changed last in nanoseconds, -1 for none."""
    return -1 if file is None else file.stat().st_mtime_ns
