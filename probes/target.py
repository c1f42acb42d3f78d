"""What a person may name as a target: a host, an address, either with a port, or a URL."""

from __future__ import annotations

from probes.facts import Family
from probes.frozen import frozen_positional
from probes.sample import Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


# No name is longer (RFC 1035 section 2.3.4), and no URL needs to be.
_LONGEST_TARGET: Final = 2_048
_LONGEST_NAME: Final = 253
_LONGEST_LABEL: Final = 63
_LONGEST_SHOWN: Final = 60
_LARGEST_PORT: Final = 65_535
# IFNAMSIZ - 1 (linux/if.h).
_LONGEST_ZONE: Final = 15
_IPV4_PARTS: Final = 4

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_DIGITS: Final = frozenset("0123456789")
_HEX_DIGITS: Final = frozenset("0123456789abcdef")
# Sharp s, final sigma and the joiners mean one name under IDNA 2003 and another under IDNA 2008 (RFC 5894 section 7.2).
_AMBIGUOUS_LETTERS: Final = frozenset("\u00df\u03c2\u200c\u200d")

_FLAGS: Final = {Family.IPV4: "-4", Family.IPV6: "-6"}
_NAMES: Final = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}


@frozen_positional
class TargetError:
    """Why a text names no target, in one printable line that says what to write instead."""

    message: str


class _NotATarget(Exception):  # noqa: N818 - a way out of the parser, never seen outside this file
    """Leaves the parser with the line that a person reads."""


@frozen_positional
class _Host:
    """A host as the wire needs it (A-labels, canonical address) and as a person wrote it."""

    host: str
    shown: str
    family: Family | None


def parse_target(text: str, *, port: int | None = None, family: Family | None = None) -> Target | TargetError:
    """Return the target that `text` names, or the one-line reason why it names none.

    Args:
        text: `host`, `address`, `host:port`, `[IPv6]:port`, or an http or https URL. IPv6 addresses may be bracketed
            and may carry a zone (`fe80::1%eth0`).
        port: A port asked for beside the text, 1..65535; the text may not name another one.
        family: The only family allowed; an address of the other family is an error.

    Returns:
        A target with a canonical `host` (A-labels, RFC 5952), `literal` for addresses, `port` from the text, the
        argument or the URL's scheme, in this order, and the family of an address or the one asked for.

    Source: RFC 1123 section 2.1 (names), RFC 3986 section 3.2 (URLs), RFC 6874 (zones in URLs), RFC 5952 (IPv6 text).
    """
    try:
        return _target(text, port, family)
    except _NotATarget as problem:
        return TargetError(str(problem))


def is_address(text: str) -> bool:
    """Return whether `text` is an IP address and nothing else: no name, no port, no URL."""
    target = parse_target(text)
    return isinstance(target, Target) and target.literal and target.port is None and target.url is None


def _target(text: str, port: int | None, family: Family | None) -> Target:
    _check_text(text)
    if port is not None and not 1 <= port <= _LARGEST_PORT:
        raise _NotATarget(f"port {port} is out of range; ports go from 1 to {_LARGEST_PORT}")
    scheme, authority, rest = _split_url(text)
    host_text, port_text = _split_port(authority)
    host = _host(host_text, url=scheme is not None)
    if host.family is not None and family is not None and host.family is not family:
        raise _NotATarget(_wrong_family(host, family))
    written = None if port_text is None else _port(port_text)
    if written is not None and port is not None and written != port:
        raise _NotATarget(f"port {written} in the target and port {port} beside it; give one of the two")
    return Target(
        name=host.shown,
        host=host.host,
        url=None if scheme is None else _url(scheme, host, written, rest),
        port=written or port or _DEFAULT_PORTS.get(scheme or ""),
        literal=host.family is not None,
        family=host.family or family,
    )


def _wrong_family(host: _Host, asked: Family) -> str:
    flag, other = _FLAGS[asked], _NAMES[asked]
    return f"{host.shown} is no {other} address; leave {flag} out, or name a host that has one"


def _shown(text: str) -> str:
    """Return a text in quotes, cut, with everything that could move a cursor escaped."""
    cut = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    return f"'{cut}'" if cut.isprintable() else ascii(cut)


def _check_text(text: str) -> None:
    if not text:
        raise _NotATarget("the target is empty; name a host, an address or a URL")
    if len(text) > _LONGEST_TARGET:
        raise _NotATarget(f"the target has {len(text):,} characters; {_LONGEST_TARGET:,} is the most that one can have")
    if any(character.isspace() for character in text):
        raise _NotATarget(f"{_shown(text)} has a blank in it; name one host, address or URL, without blanks")
    if not all(character.isprintable() or character in _AMBIGUOUS_LETTERS for character in text):
        raise _NotATarget(f"{_shown(text)} has a character that cannot be seen; type the target anew")


# --- URLs -------------------------------------------------------------------------------------------------------------


def _split_url(text: str) -> tuple[str | None, str, str]:
    """Return scheme (lower case, None without one), authority, and path with query."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return None, _bare_authority(text), ""
    scheme = scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise _NotATarget(f"{_shown(scheme)} URLs cannot be checked; use http:// or https://, or host:port")
    rest = rest.partition("#")[0]
    authority = rest
    for character in "/?":
        authority = authority.partition(character)[0]
    if "@" in authority:
        raise _NotATarget("the URL has a user name or password in it; leave out everything up to the @")
    if "\\" in rest:
        raise _NotATarget(f"{_shown(text)} has a backslash in it; URLs use /")
    return scheme, authority, rest[len(authority) :]


def _bare_authority(text: str) -> str:
    address, slash, after = text.partition("/")
    if slash and (":" in address or _looks_like_ipv4(address)) and after and _DIGITS.issuperset(after):
        raise _NotATarget(f"{_shown(text)} is a network; name one address in it")
    if "/" in text:
        raise _NotATarget(f"{_shown(text)} is neither a host nor a URL; a URL starts with http:// or https://")
    if "@" in text:
        raise _NotATarget(f"{_shown(text)} has an @ in it; name the host alone")
    return text


def _url(scheme: str, host: _Host, port: int | None, rest: str) -> str:
    name = f"[{host.host.replace('%', '%25')}]" if host.family is Family.IPV6 else host.host
    path = rest if rest.startswith("/") else f"/{rest}"
    return f"{scheme}://{name}{'' if port is None else f':{port}'}{_escaped(path)}"


def _escaped(rest: str) -> str:
    """Return path and query with all that is not ASCII percent-encoded (RFC 3987 section 3.1)."""
    return rest if rest.isascii() else "".join(c if c.isascii() else _percent(c) for c in rest)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode(errors="replace"))


# --- ports ------------------------------------------------------------------------------------------------------------


def _split_port(authority: str) -> tuple[str, str | None]:
    """Return host and port as written; two colons without brackets are an IPv6 address, never a port."""
    if authority.startswith("["):
        host, bracket, after = authority[1:].partition("]")
        if not bracket:
            raise _NotATarget(f"{_shown(authority)} has no closing bracket; write [address] or [address]:port")
        if after and not after.startswith(":"):
            raise _NotATarget(f"{_shown(authority)} goes on after the bracket; write [address] or [address]:port")
        if ":" not in host:
            raise _NotATarget(f"{_shown(authority)} is no IPv6 address; brackets are for IPv6 addresses only")
        return host, after[1:] if after else None
    if authority.count(":") != 1:
        return authority, None
    host, _, port = authority.partition(":")
    return host, port


def _port(text: str) -> int:
    if not text:
        raise _NotATarget("there is a colon and no port behind it; write host:port, or the host alone")
    if not _DIGITS.issuperset(text):
        raise _NotATarget(f"port {_shown(text)} is no number; ports go from 1 to {_LARGEST_PORT}")
    # The length first: int() takes quadratic time and refuses beyond 4,300 digits.
    if len(text) > len(str(_LARGEST_PORT)) or not 1 <= int(text) <= _LARGEST_PORT:
        raise _NotATarget(f"port {_shown(text)} is out of range; ports go from 1 to {_LARGEST_PORT}")
    return int(text)


# --- hosts ------------------------------------------------------------------------------------------------------------


def _host(text: str, *, url: bool) -> _Host:
    if not text:
        raise _NotATarget("there is no host in the target; name a host, an address or a URL")
    if ":" in text:
        return _ipv6(text.replace("%25", "%", 1) if url else text)
    if _looks_like_ipv4(text):
        return _ipv4(text)
    return _name(text)


def _looks_like_ipv4(text: str) -> bool:
    """Return whether the last label is a number, so that it can be no name (RFC 1123 section 2.1)."""
    last = text.removesuffix(".").rpartition(".")[2].lower()
    if last.startswith("0x"):
        return _HEX_DIGITS.issuperset(last[2:])
    return bool(last) and _DIGITS.issuperset(last)


def _ipv4(text: str) -> _Host:
    parts = text.split(".")
    # A leading zero makes a part octal for some programs and decimal for others (RFC 6943 section 3.1.1).
    plain = all(part and _DIGITS.issuperset(part) and (part == "0" or part[0] != "0") for part in parts)
    if len(parts) != _IPV4_PARTS or not plain or any(len(part) > 3 or int(part) > 255 for part in parts):  # noqa: PLR2004 - RFC 791
        raise _NotATarget(f"{_shown(text)} is no IPv4 address; write four numbers from 0 to 255, as in 192.0.2.1")
    first = int(parts[0])
    if text in {"0.0.0.0", "255.255.255.255"}:
        raise _NotATarget(f"{text} is the address of no host; name one host")
    if 224 <= first <= 239:  # noqa: PLR2004 - RFC 5771
        raise _NotATarget(f"{text} is a multicast address; name one host")
    return _Host(text, text, Family.IPV4)


def _ipv6(text: str) -> _Host:
    # Only for IPv6 texts: 3 ms of the start-up that a name or an IPv4 address need not pay.
    import ipaddress  # noqa: PLC0415

    bare, percent, zone = text.partition("%")
    try:
        address = ipaddress.IPv6Address(bare)
    except ValueError:
        hint = "write it as in 2001:db8::1, with a port as in [2001:db8::1]:443"
        raise _NotATarget(f"{_shown(text)} is no IPv6 address; {hint}") from None
    if percent and (not zone or len(zone) > _LONGEST_ZONE or not zone.isascii() or set(zone) & set("/%[]:?#")):
        raise _NotATarget(f"{_shown(text)} names no interface behind the %; write it as in fe80::1%eth0")
    if address.ipv4_mapped is not None:
        raise _NotATarget(f"{_shown(text)} is an IPv4 address in disguise; write {address.ipv4_mapped}")
    if address.is_unspecified:
        raise _NotATarget(f"{address} is the address of no host; name one host")
    if address.is_multicast:
        raise _NotATarget(f"{address} is a multicast address; name one host")
    canonical = f"{address}{percent}{zone}"
    return _Host(canonical, canonical, Family.IPV6)


def _name(text: str) -> _Host:
    name = text.lower() if text.isascii() else _a_labels(text)
    labels = name.removesuffix(".").split(".")
    if len(name.removesuffix(".")) > _LONGEST_NAME:
        raise _NotATarget(f"{_shown(text)} is longer than the {_LONGEST_NAME} characters that a name can have")
    for label in labels:
        _check_label(text, label)
    return _Host(name, text, None)


def _check_label(name: str, label: str) -> None:
    if not label:
        raise _NotATarget(f"{_shown(name)} has nothing between two dots; check the name")
    if len(label) > _LONGEST_LABEL:
        raise _NotATarget(f"{_shown(name)} has a part of {len(label)} characters; {_LONGEST_LABEL} is the most")
    if not _NAME_CHARACTERS.issuperset(label):
        wrong = next(character for character in label if character not in _NAME_CHARACTERS)
        raise _NotATarget(f"{_shown(name)} is no name, address or URL: a name cannot have {_shown(wrong)} in it")
    if label.startswith("-") or label.endswith("-"):
        raise _NotATarget(f"{_shown(name)} has a part that starts or ends with a hyphen; check the name")


def _a_labels(text: str) -> str:
    """Return a name in letters of any script as DNS carries it (RFC 3490, the codec of the standard library)."""
    if _AMBIGUOUS_LETTERS & set(text):
        raise _NotATarget(f"{_shown(text)} has a letter that stands for two names; write the name's xn-- form")
    # Twice the limit, before the codec: its work grows faster than the name.
    if len(text) > 2 * _LONGEST_NAME:
        raise _NotATarget(f"{_shown(text)} is longer than the {_LONGEST_NAME} characters that a name can have")
    try:
        return text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _NotATarget(f"{_shown(text)} is no name that DNS can carry; write the name's xn-- form") from None
