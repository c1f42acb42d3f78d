"""A program of its own: fetches one PAC script, gives up every right, and evaluates it.

It is run by its path in an isolated interpreter (`probes.drivers.pac`), and imports the standard library and pypac
alone. It reads one JSON object from standard input, and writes JSON objects to standard output, one a line:
`{"resolve": NAME}`, which asks for the addresses of a name and is answered on standard input, and at the end
`{"result": …}` or `{"error": KIND, "detail": …}`.
"""

import json
import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

# A script of a large organisation has some 100 kB.
_LARGEST_SCRIPT: Final = 1 << 20
_LONGEST_RESULT: Final = 2_000
_LONGEST_DETAIL: Final = 200
# A script that asks for more names than this does it to be a nuisance.
_MOST_NAMES: Final = 50
_FETCH_TIMEOUT_S: Final = 5
_NOBODY: Final = 65_534
_MEMORY: Final = 256 << 20
_CPU_S: Final = 2

_FUNCTION: Final = (
    "function NAME() { return call_python.apply(null, ['NAME'].concat([].slice.call(arguments))) }; void 0"
)
# Microsoft's extension for IPv6 counts where the usual function is not there.
_CALL: Final = "(typeof FindProxyForURL == 'function' ? FindProxyForURL : FindProxyForURLEx)(dukpy.url, dukpy.host)"

# RFC 5737, RFC 3849: nothing is sent there; the kernel's routes tell which address would be the source.
_SOMEWHERE: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


class _Problem(Exception):  # noqa: N818 - a way out, never seen outside this file
    def __init__(self, error: str, detail: object, number: int | None = None) -> None:
        super().__init__(detail)
        self.report = {"error": error, "detail": " ".join(str(detail).split())[:_LONGEST_DETAIL], "errno": number}


def main() -> None:
    """Do it all once."""
    asked = json.loads(sys.stdin.readline())
    try:
        context = _context(_own_addresses())
        script = _script(asked["source"])
        _give_up_rights()
        _tell({"result": _evaluated(context, script, asked["url"], asked["host"])})
    except _Problem as problem:
        _tell(problem.report)
    except MemoryError:
        _tell({"error": "script", "detail": f"it needs more than {_MEMORY >> 20} MB of memory"})


def _tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


# --- the script -------------------------------------------------------------------------------------------------------


def _script(source: str) -> str:
    data = _file(source.removeprefix("file:")) if source.startswith("file:") else _download(source)
    if len(data) > _LARGEST_SCRIPT:
        raise _Problem("size", f"it is larger than {_LARGEST_SCRIPT >> 10} kB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib would be imported for this alone
            return file.read(_LARGEST_SCRIPT + 1)
    except OSError as error:
        raise _Problem("file", f"{path}: {error.strerror}") from error


def _download(url: str) -> bytes:
    """Return what lies there; the proxy that it is to name cannot be used to get it."""
    from urllib.error import HTTPError, URLError  # noqa: PLC0415 - a file needs none of it
    from urllib.request import HTTPHandler, HTTPSHandler, ProxyHandler, build_opener  # noqa: PLC0415 - likewise

    opener = build_opener(ProxyHandler({}), HTTPHandler(), HTTPSHandler())
    opener.addheaders = [("User-Agent", "cloudpath-agent"), ("Accept", "application/x-ns-proxy-autoconfig, */*")]
    try:
        with opener.open(url, timeout=_FETCH_TIMEOUT_S) as response:
            data: bytes = response.read(_LARGEST_SCRIPT + 1)
            return data
    except HTTPError as error:
        raise _Problem("status", f"HTTP {error.code} {error.reason}") from error
    except URLError as error:
        raise _transport_problem(error.reason) from error
    except Exception as error:
        raise _transport_problem(error) from error


def _transport_problem(reason: object) -> _Problem:
    if isinstance(reason, socket.gaierror):
        return _Problem("name", reason.strerror, reason.errno)
    if isinstance(reason, TimeoutError):
        return _Problem("timeout", "it took too long to fetch")
    if type(reason).__module__ == "ssl":
        return _Problem("tls", getattr(reason, "verify_message", None) or reason)
    if isinstance(reason, OSError) and reason.errno is not None:
        return _Problem("network", reason.strerror, reason.errno)
    return _Problem("reply", reason)


# --- the room that it runs in -----------------------------------------------------------------------------------------


def _context(own: list[str]) -> Any:
    """Return an interpreter with the functions of PAC; all that it needs is loaded: later no file can be opened."""
    import calendar  # noqa: F401, PLC0415 - pypac's functions import these when they are called
    import encodings.idna  # noqa: F401, PLC0415 - likewise
    import fnmatch  # noqa: F401, PLC0415 - likewise
    import struct  # noqa: F401, PLC0415 - likewise

    time.localtime()
    try:
        from dukpy import JSInterpreter  # noqa: PLC0415 - an extra
        from pypac.parser_functions import function_injections  # noqa: PLC0415 - likewise
        from pypac.parser_functions_ex import function_injections as more_injections  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise _Problem("missing", error) from error
    context = JSInterpreter()
    for name, function in {**function_injections, **more_injections, **_about_names(_Names(), own)}.items():
        context.export_function(name, function)
        context.evaljs(_FUNCTION.replace("NAME", name))
    return context


def _own_addresses() -> list[str]:
    """Return the addresses that this host sends from, one of each family that it has a way out by."""
    found = []
    for family, address in _SOMEWHERE:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((address, 80))
            found.append(str(asking.getsockname()[0]))
    return found or ["127.0.0.1"]


def _give_up_rights() -> None:
    """Keep memory, a little time, and the two pipes: no file, no socket, no process, no rights of root's."""
    if os.geteuid() == 0:
        # In a user namespace there may be nobody else to become.
        with suppress(OSError):
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    used_s = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime) + 1
    for limit, value in (
        (resource.RLIMIT_CPU, used_s + _CPU_S),
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(limit, (value, value))


# --- evaluation -------------------------------------------------------------------------------------------------------


class _Names:
    """Asks the parent for addresses: each name once, and not too many of them."""

    def __init__(self) -> None:
        self._known: dict[str, list[str]] = {}

    def addresses(self, name: object) -> list[str]:
        if not isinstance(name, str) or not 0 < len(name) <= 255:  # noqa: PLR2004 - RFC 1035 section 2.3.4
            return []
        if name not in self._known:
            if len(self._known) >= _MOST_NAMES:
                raise _Problem("script", f"it asks for more than {_MOST_NAMES} names")
            _tell({"resolve": name})
            self._known[name] = json.loads(sys.stdin.readline())
        return self._known[name]


def _evaluated(context: Any, script: str, url: str, host: str) -> str:
    """Return the script's answer, empty for null, which means no proxy."""
    try:
        context.evaljs(f"{script}\n;void 0")
        answer = context.evaljs(_CALL, url=url, host=host)
    except Exception as error:
        raise _Problem("script", error) from error
    if answer is None:
        return ""
    if not isinstance(answer, str):
        raise _Problem("script", f"FindProxyForURL returned {type(answer).__name__} and no text")
    if len(answer) > _LONGEST_RESULT or not answer.isprintable():
        raise _Problem("script", "FindProxyForURL returned an endless or unprintable text")
    return answer


def _about_names(names: _Names, own: list[str]) -> dict[str, Callable[..., object]]:
    """Return the functions about names and addresses, with the parent behind them: here is no socket to ask by."""
    ipv4 = next((address for address in own if ":" not in address), own[0])

    def resolve(host: object = None) -> str:
        return next((address for address in names.addresses(host) if ":" not in address), "")

    def lookup(host: str) -> str:
        if found := resolve(host):
            return found
        raise socket.gaierror(socket.EAI_NONAME, "no address")

    # pypac's isInNet asks by it.
    socket.gethostbyname = lookup
    return {
        "dnsResolve": resolve,
        "isResolvable": lambda host=None: bool(resolve(host)),
        "myIpAddress": lambda: ipv4,
        "dnsResolveEx": lambda host=None: ";".join(names.addresses(host)),
        "isResolvableEx": lambda host=None: bool(names.addresses(host)),
        "myIpAddressEx": lambda: ";".join(own),
    }


if __name__ == "__main__":
    main()
