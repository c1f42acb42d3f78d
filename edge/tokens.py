"""Who may ask: bearer tokens, compared in constant time."""

from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest
from typing import Final

_SCHEME: Final = b"bearer"


class Tokens:
    """The tokens that are known, kept as digests: a dump of the process shows none of them."""

    def __init__(self, tokens: Iterable[str]) -> None:
        """Take every token that counts."""
        self._digests = tuple(sha256(token.encode()).digest() for token in tokens)

    def __len__(self) -> int:
        return len(self._digests)

    def owner(self, authorization: bytes | None) -> bytes | None:
        """Return the digest of the token that a request carries, None where it is nobody's.

        Every known token is compared, whether or not one before it fits: how long it takes tells nothing of them.

        Args:
            authorization: The value of the header of this name (RFC 6750 section 2.1).
        """
        scheme, _, token = (authorization or b"").partition(b" ")
        shown = sha256(token.strip()).digest()
        known = False
        for digest in self._digests:
            known |= compare_digest(digest, shown)
        return shown if known and scheme.lower() == _SCHEME else None
