"""What a keyboard sends, as keys: pure."""

from __future__ import annotations

import re
from typing import Final

from agent.watch.controls import Key

# ECMA-48 section 5.4 (control sequences) and VT100's application keypad (SS3); what is no key of ours is passed over
# as a whole, so that no part of it is taken for one.
_SEQUENCE: Final = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO[ -~]")
# xterm's control sequences, "PC-Style Function Keys"; the second form of HOME and END is the VT220's.
_KEYS: Final = {
    b"\x1b[A": Key.UP,
    b"\x1bOA": Key.UP,
    b"\x1b[B": Key.DOWN,
    b"\x1bOB": Key.DOWN,
    b"\x1b[5~": Key.PAGE_UP,
    b"\x1b[6~": Key.PAGE_DOWN,
    b"\x1b[H": Key.HOME,
    b"\x1bOH": Key.HOME,
    b"\x1b[1~": Key.HOME,
    b"\x1b[F": Key.END,
    b"\x1bOF": Key.END,
    b"\x1b[4~": Key.END,
}
_CONTROLS: Final = {0x0A: Key.ENTER, 0x0D: Key.ENTER, 0x1B: Key.ESCAPE}


def keys_in(data: bytes) -> list[str]:
    """Return the keys that were pressed: printed ASCII characters and members of `Key`; anything else is left out."""
    keys: list[str] = []
    at = 0
    while at < len(data):
        sequence = _SEQUENCE.match(data, at)
        if sequence is not None:
            keys += [_KEYS[sequence[0]]] if sequence[0] in _KEYS else []
            at = sequence.end()
            continue
        byte = data[at]
        at += 1
        if byte in _CONTROLS:
            keys.append(_CONTROLS[byte])
        elif 0x20 <= byte < 0x7F:  # noqa: PLR2004 - printed ASCII
            keys.append(chr(byte))
    return keys
