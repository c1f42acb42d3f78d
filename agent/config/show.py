"""A configuration as a person may see it: with its defaults, without its secrets."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from agent.config.reading import Loaded
from agent.config.values import Steps
from agent.views.escape import escape, escape_text
from rules.yaml_marks import dotted

MASK: Final = "***"
_PROXY_KEYS: Final = frozenset({"url", "proxy"})
# Every value below a key of this name is a secret: tokens travel in headers.
_SECRET_SECTIONS: Final = frozenset({"headers"})


def shown(loaded: Loaded) -> dict[str, Any]:
    """Return the settings as plain mappings, lists and scalars, secrets masked.

    A value that came from elsewhere is shown as it is written (`${file:token}`), which tells more than the mask.
    """
    plain = _walk(loaded.settings.model_dump(mode="json"), (), loaded.written)
    return plain if isinstance(plain, dict) else {}


def origins(loaded: Loaded) -> Iterator[str]:
    """Yield which files were read, and where each value stands that is not in the first of them; a line each."""
    yield "Read from:"
    yield from (f"  {escape_text(str(source))}" for source in loaded.sources)
    later = list(loaded.merged.later())
    if later:
        yield "From elsewhere than the first:"
    yield from (f"  {escape(dotted(steps))}: {escape_text(place.text)}" for steps, place in later)


def _walk(value: object, steps: Steps, written: Mapping[Steps, str]) -> object:
    if isinstance(value, dict):
        return {key: _walk(item, (*steps, key), written) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, (*steps, index), written) for index, item in enumerate(value)]
    if steps in written:
        return _without_password(written[steps], steps)
    if not isinstance(value, str):
        return value
    return MASK if _SECRET_SECTIONS.intersection(steps) else _without_password(value, steps)


def _without_password(text: str, steps: Steps) -> str:
    """Return a URL with its user name and password masked, any other text as it is.

    A proxy may be written without `http://`; elsewhere an @ alone is no sign of a password (`ann@example.com`).
    """
    scheme, separator, rest = text.partition("://")
    authority = rest.partition("/")[0]
    if "@" not in (authority if separator else text) or not (separator or steps[-1] in _PROXY_KEYS):
        return text
    return f"{scheme}://{MASK}@{rest.rpartition('@')[2]}" if separator else f"{MASK}@{text.rpartition('@')[2]}"
