"""nginx as the lab configures it: web servers, portals and whatever else answers HTTP there."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.lab.certificates import Authority
from tests.lab.network_map import MapError
from tests.lab.program import Program

_KEYS: Final = {"listen", "tls", "issuer", "locations", "files", "more"}

_WHOLE: Final = """\
user root;
daemon off;
master_process off;
error_log stderr;
pid {directory}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    access_log {directory}/access.log;
    default_type text/plain;
    ssl_protocols TLSv1.2 TLSv1.3;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxied;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
{servers}
}}
"""


def program(servers: Iterable[Mapping[str, Any]], directory: Path, authority: Authority) -> Program:
    """Return one nginx with all the servers of a node.

    Each server: `listen` (a port), `tls` (the names of its certificate; left out: plain HTTP), `issuer` (see
    `Authority.issue`), `locations` (each with nginx's own directives), `files` (served below /), `more` (directives).
    """
    wanted = list(servers)
    text = "\n".join(_server(server, directory, authority) for server in wanted)
    configuration = directory / "nginx.conf"
    configuration.write_text(_WHOLE.format(directory=directory, servers=text))
    command = ("nginx", "-e", "stderr", "-p", str(directory), "-c", str(configuration))
    return Program(kind="web", command=command, transport="tcp", port=int(wanted[-1]["listen"]))


def _server(server: Mapping[str, Any], directory: Path, authority: Authority) -> str:
    if unknown := server.keys() - _KEYS:
        raise MapError(f"web server: unknown {', '.join(sorted(unknown))}; there are {', '.join(sorted(_KEYS))}")
    root = directory / f"files-{server['listen']}"
    root.mkdir()
    for name, text in server.get("files", {}).items():
        (root / name).write_text(text)
    secured = "tls" in server
    lines = [f"listen [::]:{server['listen']} ipv6only=off{' ssl' if secured else ''};", f"root {root};"]
    if secured:
        made = authority.issue(server["tls"], by=server.get("issuer", "lab"))
        lines += [f"ssl_certificate {made.certificate};", f"ssl_certificate_key {made.key};"]
    lines += [str(server.get("more", ""))]
    lines += [f"location {path} {{ {text} }}" for path, text in server.get("locations", {}).items()]
    return "    server {\n" + "\n".join(f"        {line}" for line in lines) + "\n    }"
