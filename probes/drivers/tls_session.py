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
    cipher = stream.cipher()
    return session(
        stream.getpeercert() or {},
        version=stream.version(),
        cipher=None if cipher is None else cipher[0],
        verified=True,
    )


def session(
    certificate: dict[str, Any],
    *,
    version: str | None,
    cipher: str | None,
    verified: bool | None,
    verify_error: str | None = None,
) -> TlsSession:
    """Return what is known of a session, given the certificate as `ssl.SSLSocket.getpeercert` decodes it."""
    import ssl  # noqa: PLC0415 - whoever has a certificate has loaded it

    not_after = certificate.get("notAfter")
    return TlsSession(
        version=version,
        cipher=cipher,
        subject=name(certificate.get("subject", ())),
        issuer=name(certificate.get("issuer", ())),
        not_after=None if not_after is None else utc_text(ssl.cert_time_to_seconds(not_after) * 1_000_000_000),
        verified=verified,
        verify_error=verify_error,
    )


def name(parts: tuple[tuple[tuple[str, str], ...], ...]) -> str | None:
    """Return a distinguished name as RFC 4514 section 2 writes it: the most specific part first."""
    written = ["+".join(f"{_SHORT_NAMES.get(key, key)}={_escaped(value)}" for key, value in part) for part in parts]
    return ",".join(reversed(written)) or None


def _escaped(value: str) -> str:
    """Return a value with what RFC 4514 section 2.4 wants escaped."""
    text = "".join(f"\\{character}" if character in _SPECIAL else character for character in value)
    return f"\\{text}" if text[:1] in {" ", "#"} else text
