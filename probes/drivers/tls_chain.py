"""What the certificates of a handshake say, verified or not: whose they are, and whether the public trusts their root.

Before Python 3.13 the standard library shows only the verified leaf. Its own object for a chain is there since 3.10, in
the attribute that truststore reads on those versions too; this module alone knows it.
"""

from __future__ import annotations

import ssl
from functools import cache

from probes.drivers.tls_session import name, session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from probes.web_facts import TlsSession


# `_ssl.ENCODING_DER`.
_DER: Final = 2
_PEM_END: Final = "-----END CERTIFICATE-----"


def session_of(tls: ssl.SSLObject, *, verified: bool | None, verify_error: str | None) -> TlsSession:
    """Return what a handshake told, also where it failed over the certificate; all None where it told nothing."""
    shown = _unverified(tls)
    cipher = tls.cipher()
    return session(
        shown[0].get_info() if shown else {},
        version=tls.version() if shown else None,
        cipher=None if cipher is None or not shown else cipher[0],
        verified=verified,
        verify_error=verify_error,
    )


def root_of(tls: ssl.SSLObject) -> str | None:
    """Return the name of the root that a verified chain ends in, None where nothing was verified."""
    chain = _verified(tls)
    return name(chain[-1].get_info().get("subject", ())) if chain else None


def publicly_rooted(tls: ssl.SSLObject) -> bool | None:
    """Return whether one of the public's roots (Mozilla's, as certifi has them) vouches for a verified chain.

    Names are compared too: hosts hold cross-signed twins of public roots. None where nothing was verified.
    """
    chain = _verified(tls)
    if not chain:
        return None
    if chain[-1].public_bytes(_DER) in _public_roots():
        return True
    names = _public_names()
    return any(certificate.get_info().get("subject", ()) in names for certificate in chain)


def _verified(tls: ssl.SSLObject) -> list[Any]:
    return getattr(tls, "_sslobj").get_verified_chain() or []  # noqa: B009 - see above


def _unverified(tls: ssl.SSLObject) -> list[Any]:
    return getattr(tls, "_sslobj").get_unverified_chain() or []  # noqa: B009 - see above


@cache
def _public_roots() -> frozenset[bytes]:
    from certifi import contents  # noqa: PLC0415 - 270 kB, for chains of an https address alone

    blocks = contents().split(_PEM_END)[:-1]
    return frozenset(ssl.PEM_cert_to_DER_cert(f"{block[block.index('-----BEGIN') :]}{_PEM_END}\n") for block in blocks)


@cache
def _public_names() -> frozenset[Any]:
    from certifi import where  # noqa: PLC0415 - likewise

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(where())
    return frozenset(certificate.get("subject", ()) for certificate in context.get_ca_certs())
