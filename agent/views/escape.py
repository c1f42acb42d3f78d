r"""Outside text made safe to show: what arrives from the network is printed, never obeyed.

Reverse DNS names, server texts and file contents may hold terminal escapes, line breaks or characters that turn the
reading direction round. Only printable ASCII passes; everything else becomes a visible `\u....`.
"""

from typing import Final

# RFC 1035 section 2.3.4: the longest name; what is longer is no name.
NAME_LIMIT: Final = 253
TEXT_LIMIT: Final = 2_000
_CUT: Final = "..."
_LAST_OF_FOUR_DIGITS: Final = 0xFFFF


class _Escapes(dict[int, str]):
    """The translation of one character, made when it is first met."""

    def __missing__(self, code: int) -> str:
        return f"\\u{code:04x}" if code <= _LAST_OF_FOUR_DIGITS else f"\\U{code:08x}"


_ESCAPES: Final = _Escapes({code: chr(code) for code in range(0x20, 0x7F)})
# A backslash of the sender's own is doubled, so that two different texts never look the same.
_ESCAPES[ord("\\")] = "\\\\"


def escape(text: str, limit: int = NAME_LIMIT) -> str:
    """Return `text` as printable ASCII of at most `limit` characters; what was cut ends in `...`.

    Two different texts give two different results unless one was cut.
    """
    # One character more than fits is enough to know that it must be cut: megabytes cost no more than a long name.
    escaped = "".join([_ESCAPES[ord(character)] for character in text[: limit + 1]])
    if len(escaped) <= limit and len(text) <= limit:
        return escaped
    return escaped[: max(0, limit - len(_CUT))] + _CUT[:limit]


def escape_text(text: str) -> str:
    """Return a sentence from outside as printable ASCII of at most 2,000 characters."""
    return escape(text, TEXT_LIMIT)
