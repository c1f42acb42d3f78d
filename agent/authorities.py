"""Whether a file holds certificates of authorities that somebody could be trusted by."""

from pathlib import Path

_BEGIN = b"-----BEGIN CERTIFICATE-----"


def why_no_authorities(file: Path) -> str | None:
    """Return why a file is of no use as one of authorities (PEM), in a few words, or None if it looks as if it were."""
    try:
        data = file.read_bytes()
    except OSError as error:
        return f"it cannot be read: {(error.strerror or str(error)).lower()}"
    return (
        None if _BEGIN in data else "there is no certificate in it; a PEM file has a line -----BEGIN CERTIFICATE-----"
    )
