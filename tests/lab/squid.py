"""Squid as the lab configures it: open, with users, with TLS, or with whatever lines a map gives it."""

import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.lab.certificates import Authority
from tests.lab.network_map import MapError
from tests.lab.program import Program

_KEYS: Final = {"port", "tls", "issuer", "users", "lines"}
_CHECKER: Final = "/usr/lib/squid/basic_ncsa_auth"

_WHOLE: Final = """\
{listen}
visible_hostname {node}
pid_filename none
cache deny all
cache_mem 1 MB
memory_cache_shared off
pinger_enable off
cache_log {directory}/squid.log
access_log stdio:{directory}/access.log
cache_store_log none
netdb_filename none
coredump_dir {directory}
shutdown_lifetime 0
max_filedescriptors 256
{lines}
{access}
"""

_WITH_USERS: Final = """\
auth_param basic program {check} {file}
auth_param basic children 1 startup=1 idle=1
auth_param basic realm lab
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
"""

# It refuses to be root, so it sees another user's number; files and ports stay what they are for the lab's own user.
_NOT_ROOT: Final = ("unshare", "--user", "--map-user=65534", "--map-group=65534")


def program(node: str, wanted: Mapping[str, Any], directory: Path, authority: Authority) -> Program:
    """Return a squid: `port`, `tls` (the names of its certificate, by `issuer`), `users` (name: password), `lines`.

    `lines` come before the access rules, so that `http_access deny ...` there counts first.
    """
    if unknown := wanted.keys() - _KEYS:
        raise MapError(f"squid: unknown {', '.join(sorted(unknown))}; there are {', '.join(sorted(_KEYS))}")
    port = int(wanted.get("port", 3128))
    listen = f"http_port {port}"
    if "tls" in wanted:
        made = authority.issue(wanted["tls"], by=wanted.get("issuer", "lab"))
        listen = f"https_port {port} tls-cert={made.certificate} tls-key={made.key}"
    configuration = directory / "squid.conf"
    configuration.write_text(
        _WHOLE.format(
            listen=listen,
            node=node,
            directory=directory,
            lines=wanted.get("lines", ""),
            access=_access(wanted.get("users"), directory),
        )
    )
    # Each has a name of its own: squids of one name would share segments in /dev/shm.
    named = ("-n", f"lab{secrets.token_hex(6)}")
    command = (*_NOT_ROOT, "squid", "-N", *named, "-f", str(configuration))
    return Program(kind="squid", command=command, transport="tcp", port=port)


def _access(users: Mapping[str, str] | None, directory: Path) -> str:
    if users is None:
        return "http_access allow all"
    file = directory / "users"
    file.write_text("".join(f"{name}:{_hashed(password)}\n" for name, password in users.items()))
    return _WITH_USERS.format(check=_CHECKER, file=file)


def _hashed(password: str) -> str:
    command = ("openssl", "passwd", "-apr1", "-stdin")
    done = subprocess.run(command, input=password, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
