"""What the values of a configuration may be: the types, ranges and checks that its keys are made of."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema

from agent.authorities import why_no_authorities
from probes.sample import NdrSetting, Target
from probes.target import TargetError, parse_target

# The ranges that options and files share; docs/configuration.md and docs/cli.md print them.
LARGEST_TTL: Final = 255
MOST_QUERIES: Final = 20
SHORTEST_TIMEOUT_S: Final = 0.1
LONGEST_TIMEOUT_S: Final = 10.0
LARGEST_PORT: Final = 65_535
SHORTEST_INTERVAL_S: Final = 10
LONGEST_INTERVAL_S: Final = 86_400
LONGEST_INTERFACE_NAME: Final = 15


_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
# As who asks an edge reads it (RFC 6750 section 2.1).
_LONGEST_TOKEN: Final = 4_096
# RFC 9110 sections 5.1 and 5.5.
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")


class Section(BaseModel):
    """A mapping of the file: no key beyond the known ones, no value bent into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the kinds of mapping that a key's annotation names, those of a list's items too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from sections_in(part)


def _host(text: str) -> str:
    return _named(text).host


def _named(text: str) -> Target:
    target = parse_target(text)
    if isinstance(target, Target):
        return target
    raise ValueError(target.message)


def _plain_host(text: str) -> str:
    target = _named(text)
    if target.port is not None or target.url is not None:
        raise ValueError("expected a host or an address alone; a port has a key of its own, and so has a URL")
    return target.host


def _control(text: str) -> str:
    _named(text)
    return text


def _url(text: str) -> str:
    target = _named(text)
    if target.url is None:
        raise ValueError(f"{text!r} is no URL; a URL starts with http:// or https://")
    return target.url


def _address(text: str) -> str:
    target = _named(text)
    if not target.literal or target.port is not None:
        raise ValueError(f"{text!r} is no IP address; write it as in 192.0.2.1 or 2001:db8::1")
    return target.host


def listening_address(text: str, example: str = "127.0.0.1:9601") -> str:
    """Accept what a socket can listen on: an address (0.0.0.0 and [::] too) and a port."""
    host, _, port = text.rpartition(":")
    everywhere = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
    target = parse_target(f"{everywhere.get(host, host)}:{port}")
    if isinstance(target, TargetError) or target.port is None or not target.literal:
        raise ValueError(f"{text!r} is no address to listen on; write address:port, as in {example}")
    return text


def _prefix(text: str) -> str:
    from ipaddress import ip_network  # noqa: PLC0415 - for those who write one

    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(f"{text!r} is no range of addresses; write it as in 100.64.0.0/16") from None


def _interface_name(text: str) -> str:
    # IFNAMSIZ less one, and what dev_valid_name (net/core/dev.c) refuses.
    if 0 < len(text.encode()) <= LONGEST_INTERFACE_NAME and not set(text) & set("/: \t\n") and text not in {".", ".."}:
        return text
    raise ValueError(f"{text!r} is no name of an interface; `ip link` lists them")


def path_in(path: Path, info: ValidationInfo) -> Path:
    """Return the path, seen from the directory of the configuration file."""
    if info.context is None:
        return path
    directory: Path = info.context["directory"]
    return directory / path


def _place(path: Path, info: ValidationInfo) -> Path:
    place = path_in(path, info)
    if place.is_dir():
        raise ValueError(f"{place} is a directory; name a file")
    return place


def _directory(path: Path, info: ValidationInfo) -> Path:
    place = path_in(path, info)
    if place.exists() and not place.is_dir():
        raise ValueError(f"{place} is no directory")
    return place


def _file(path: Path, info: ValidationInfo) -> Path:
    file = path_in(path, info)
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        raise ValueError(f"cannot read {file}: {(error.strerror or str(error)).lower()}") from None
    return file


def _token(path: Path, info: ValidationInfo) -> Path:
    file = _file(path, info)
    with file.open("rb") as opened:
        text = opened.read(_LONGEST_TOKEN + 1).decode("ascii", "replace").strip()
    if 0 < len(text) <= _LONGEST_TOKEN and all("!" <= character <= "~" for character in text):
        return file
    # Never what is in it.
    raise ValueError(f"{file} holds no token; a token is one line of ASCII without blanks")


def _authorities(path: Path, info: ValidationInfo) -> Path:
    file = _file(path, info)
    if problem := why_no_authorities(file):
        raise ValueError(f"{file}: {problem}")
    return file


def _ndr(value: object) -> NdrSetting:
    # YAML has booleans for two of the three.
    if value == "auto" or isinstance(value, bool):
        return NdrSetting(str(value).lower())
    raise ValueError(f"expected auto, true or false, found {value!r}")


def _name(text: str) -> str:
    if _NAME.fullmatch(text):
        return text
    raise ValueError(f"{text!r} is no name; use up to 63 letters, digits, dots, hyphens and underscores")


def _header_name(text: str) -> str:
    if _HEADER_NAME.fullmatch(text):
        return text
    raise ValueError("a header's name is one word without blanks and colons")


def _header_value(text: str) -> str:
    if _HEADER_VALUE.fullmatch(text):
        return text
    # Never the value: it may be a secret.
    raise ValueError("a header's value is one line of ASCII text")


Host = Annotated[str, AfterValidator(_plain_host)]
Control = Annotated[str, AfterValidator(_control)]
Url = Annotated[str, AfterValidator(_url)]
Address = Annotated[str, AfterValidator(_address)]
ListeningAddress = Annotated[str, AfterValidator(listening_address)]
IpPrefix = Annotated[str, AfterValidator(_prefix)]
InterfaceName = Annotated[str, AfterValidator(_interface_name)]
FilePath = Annotated[Path, AfterValidator(_place)]
Directory = Annotated[Path, AfterValidator(_directory)]
ReadableFile = Annotated[Path, AfterValidator(_file)]
TokenFile = Annotated[Path, AfterValidator(_token)]
AuthoritiesFile = Annotated[Path, AfterValidator(_authorities)]
Port = Annotated[int, Field(ge=1, le=LARGEST_PORT)]
IntervalSeconds = Annotated[int, Field(ge=SHORTEST_INTERVAL_S, le=LONGEST_INTERVAL_S)]
Ttl = Annotated[int, Field(ge=1, le=LARGEST_TTL)]
TimeoutSeconds = Annotated[float, Field(ge=SHORTEST_TIMEOUT_S, le=LONGEST_TIMEOUT_S)]
Ndr = Annotated[NdrSetting, BeforeValidator(_ndr), WithJsonSchema({"enum": [NdrSetting.AUTO, True, False]})]
Name = Annotated[str, AfterValidator(_name)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
