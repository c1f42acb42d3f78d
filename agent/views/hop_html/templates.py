"""The pages' templates, styles and scripts as they are on disk, and the policy that lets in these and nothing else."""

from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE: Final = Path(__file__).parent


@cache
def environment(*folders: Path) -> "Environment":
    """Return jinja2 with everything escaped; templates of `folders` may use those of this one (`parts.html`)."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - 30 ms that only a page needs

    return Environment(
        autoescape=True,
        loader=FileSystemLoader([*folders, _HERE]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def rendered(template: str, **values: object) -> str:
    """Return a template of this folder with its values, ending in a line break."""
    return environment().get_template(template).render(**values).strip() + "\n"


def macro(template: str, name: str, *arguments: object) -> str:
    """Return what one macro of a template of this folder makes of its arguments."""
    made: str = getattr(environment().get_template(template).module, name)(*arguments)
    return made.strip() + "\n"


@cache
def asset(name: str, folder: Path = _HERE) -> str:
    """Return a style or a script as it is on disk."""
    return (folder / name).read_text(encoding="utf-8")


def policy(styles: Iterable[str], scripts: Iterable[str]) -> str:
    """Return a content security policy that lets in exactly these, and nothing from elsewhere.

    Source: CSP level 3 section 2.3.1: hashes of exactly what stands between the tags.
    """
    return (
        f"default-src 'none'; style-src {_hashes(styles)}; script-src {_hashes(scripts)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hashes(texts: Iterable[str]) -> str:
    return " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in texts) or "'none'"
