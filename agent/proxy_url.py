"""What a person may name as a proxy, or as a script that names one."""

import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from probes.sample import Target
from probes.target import parse_target


def proxy_problem(text: str) -> str | None:
    """Return why a text is no proxy (`[http://][user:password@]host:port`), or None if it is one.

    The answer never repeats the text: it may hold a password.
    """
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return "it cannot be read; write it as in http://proxy.example.com:3128"
    if parts.scheme not in {"http", "https"}:
        return f"{parts.scheme!a} proxies are not supported; write it as in http://proxy.example.com:3128"
    if not host or not port or not isinstance(parse_target(host), Target):
        return "it needs a host and a port; write it as in http://proxy.example.com:3128"
    return None if parts.path in {"", "/"} and not parts.query else "it has a path; leave out all behind the port"


def pac_source(text: str) -> str:
    """Return where a script lies, as a URL or `file:` and an absolute path, from what a person writes behind `pac+`.

    Raises:
        ValueError: It names no script; the text says why.
    """
    if not text.startswith("file:"):
        target = parse_target(text)
        if not isinstance(target, Target) or target.url is None:
            raise ValueError("a script is named as in pac+https://pac.example.com/proxy.pac or pac+file:/etc/proxy.pac")
        return target.url
    # `file:///etc/proxy.pac` is the same as `file:/etc/proxy.pac` (RFC 8089 section 2).
    path = Path(text.removeprefix("file:").removeprefix("//")).absolute()
    if not path.is_file():
        raise ValueError(f"there is no file {str(path)!r}")
    return f"file:{path}"


def pac_problem() -> str | None:
    """Return why no script can be evaluated here, in one line that says what to do, or None if one can."""
    if find_spec("pypac") is not None:
        return None
    # Into this very environment: the agent is no package of any index.
    return f"a proxy by a PAC script needs a package that is not installed: {sys.executable} -m pip install pypac"
