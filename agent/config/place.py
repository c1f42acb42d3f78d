"""Where the configuration lies that nobody names."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

DEFAULT_FILE: Final = Path("/etc/cloudpath-agent/agent.yaml")
# Names the file where the command line does not; a setting of the command's, and no key of that file.
FILE_VARIABLE: Final = "CLOUDPATH_CONFIG"


def default_configuration(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file that CLOUDPATH_CONFIG names, or the usual one if it is there; None where neither is."""
    if named := environment.get(FILE_VARIABLE):
        return Path(named)
    return DEFAULT_FILE if os.path.lexists(DEFAULT_FILE) else None
