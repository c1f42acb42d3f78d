"""What a finished TLS handshake says of itself and of the certificate that was shown."""

from __future__ import annotations

from probes.clock import utc_text
from probes.web_facts import TlsSession

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Any, Final


# RFC 4514 section 3; other attributes keep OpenSSL's long name.
_SHORT_NAMES: Final = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "countryName": "C",
    "domainComponent": "DC",
}
_SPECIAL: Final = frozenset('",+;<>\\')


def session_of(stream: ssl.SSLSocket) -> TlsSession:
    """Return the session of a socket whose peer was verified."""
    import ssl  # noqa: PLC0415 - whoever has such a socket has loaded it

    certificate: dict[str, Any] = stream.getpeercert() or {}
    not_after = certificate.get("notAfter")
    cipher = stream.cipher()
    return TlsSession(
        version=stream.version(),
        cipher=None if cipher is None else cipher[0],
        subject=_name(certificate.get("subject", ())),
        issuer=_name(certificate.get("issuer", ())),
        not_after=None if not_after is None else utc_text(ssl.cert_time_to_seconds(not_after) * 1_000_000_000),
        verified=True,
    )


def _name(parts: tuple[tuple[tuple[str, str], ...], ...]) -> str | None:
    """Return a distinguished name as RFC 4514 section 2 writes it: the most specific part first."""
    written = ["+".join(f"{_SHORT_NAMES.get(key, key)}={_escaped(value)}" for key, value in part) for part in parts]
    return ",".join(reversed(written)) or None


def _escaped(value: str) -> str:
    """Return a value with what RFC 4514 section 2.4 wants escaped."""
    text = "".join(f"\\{character}" if character in _SPECIAL else character for character in value)
    return f"\\{text}" if text[:1] in {" ", "#"} else text
