"""What a person may name as a proxy."""

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
