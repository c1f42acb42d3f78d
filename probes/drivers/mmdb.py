"""An operator's databases of addresses: MMDB files, read with maxminddb when somebody asks, and never a network."""

from __future__ import annotations

import errno
import sys
from itertools import islice
from pathlib import Path
from types import ModuleType

from probes.failure import Failure
from probes.origin import NOWHERE, DatabaseError, Origin, is_local, merged, origin_in
from probes.sample import AgentFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final

    from maxminddb import Reader

# Where geoipupdate and distributions put them.
USUAL_DIRECTORIES: Final = tuple(map(Path, ("/usr/share/GeoIP", "/usr/local/share/GeoIP", "/var/lib/GeoIP")))
# A database that says nothing of networks and places in so many records is about something else.
_RECORDS_TO_TRY: Final = 200
_LONGEST_TYPE: Final = 60


def usual_databases(directories: Sequence[Path] = USUAL_DIRECTORIES) -> tuple[Path, ...]:
    """Return the MMDB files in the usual directories that know networks or places, in the order of their names.

    Raises:
        DatabaseError: One of them is damaged or cannot be read.
    """
    files = sorted((file for directory in directories for file in directory.glob("*.mmdb")), key=lambda file: file.name)
    return tuple(file for file in files if _is_about_origins(file))


def check_database(file: Path) -> None:
    """Make sure that a file is a database that knows networks or places.

    Raises:
        DatabaseError: It is not; the text says what it is instead.
    """
    if not _is_about_origins(file):
        with _opened(file) as reader:
            kind = str(reader.metadata().database_type)[:_LONGEST_TYPE]
        raise DatabaseError(f"{file} knows neither AS numbers nor places; it is of type {kind!r}")


def origins_of(files: Sequence[Path], addresses: Sequence[str]) -> tuple[dict[str, Origin], tuple[AgentFailure, ...]]:
    """Return what the databases know of each address that they know, and why one of them was of no use.

    Addresses that mean something only within one network are not looked up.
    """
    wanted = [address for address in addresses if not is_local(address)]
    answers: dict[str, list[Origin]] = {address: [] for address in wanted}
    failures: list[AgentFailure] = []
    for file in files:
        try:
            for address, origin in _answers(file, wanted):
                answers[address].append(origin)
        except DatabaseError as error:
            failures.append(
                AgentFailure(operation="address_database", failure=Failure.INVALID_SETTING, detail=str(error))
            )
    known = {address: merged(origins) for address, origins in answers.items()}
    return {address: origin for address, origin in known.items() if origin != NOWHERE}, tuple(failures)


def _answers(file: Path, addresses: Sequence[str]) -> Iterator[tuple[str, Origin]]:
    with _opened(file) as reader:
        ipv6 = reader.metadata().ip_version == 6  # noqa: PLR2004 - the format's own number
        for address in addresses:
            if ipv6 or ":" not in address:
                yield address, origin_in(_looked_up(reader, address, file))


def _looked_up(reader: Reader, address: str, file: Path) -> object:
    # Whatever a reader trips over in a damaged file: here and below every exception says the same.
    try:
        return reader.get(address.partition("%")[0])
    except Exception as error:
        raise _damaged(file, error) from error


def _is_about_origins(file: Path) -> bool:
    with _opened(file) as reader:
        try:
            return any(origin_in(record) != NOWHERE for _, record in islice(reader, _RECORDS_TO_TRY))
        except Exception as error:
            raise _damaged(file, error) from error


def _opened(file: Path) -> Reader:
    """Return a reader of a file, to be closed.

    Raises:
        DatabaseError: There is no such file, or it is no MMDB.
    """
    if file.exists() and not file.is_file():
        # A FIFO would be waited for.
        raise DatabaseError(f"{file} is no file")
    _load_maxminddb()
    # 30 ms, for those only who look addresses up.
    from maxminddb import MODE_FILE, InvalidDatabaseError, open_database  # noqa: PLC0415

    try:
        # Read, not mapped: a file that is cut while it is read is an error then, and not a SIGBUS.
        return open_database(file, MODE_FILE)
    except OSError as error:
        if error.errno == errno.EINVAL:
            # What comes of looking for the end of an empty file.
            raise DatabaseError(f"{file} is no MMDB file: it is empty") from error
        raise DatabaseError(f"cannot read {file}: {(error.strerror or str(error)).lower()}") from error
    except InvalidDatabaseError as error:
        raise DatabaseError(f"{file} is no MMDB file, or a part of it is missing") from error
    except Exception as error:
        raise _damaged(file, error) from error


def _damaged(file: Path, error: Exception) -> DatabaseError:
    return DatabaseError(f"{file} is damaged ({type(error).__name__}); fetch it anew")


def _load_maxminddb() -> None:
    """Import maxminddb in half its time: 30 ms instead of 60 [measured].

    The other half goes to `importlib.metadata`, which it loads to learn its own version; that is told here.
    """
    heavy = "importlib.metadata"
    if "maxminddb" in sys.modules or heavy in sys.modules:
        return
    stand_in = ModuleType(heavy)
    vars(stand_in)["version"] = lambda _name: ""
    sys.modules[heavy] = stand_in
    try:
        import maxminddb  # noqa: F401, PLC0415 - see above
    finally:
        del sys.modules[heavy]
