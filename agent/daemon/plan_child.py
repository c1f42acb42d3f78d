"""Reads a configuration in a process of its own, and hands on the plan that it amounts to; `plan_reading` starts it.

What reads and checks configurations (pydantic, YAML) takes 8 MB that the service would keep for nothing
(docs/adr/0035-a-configuration-is-read-by-a-child.md).
"""

import os
import pickle
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.daemon.plan import PlanProblems

if TYPE_CHECKING:
    from agent.daemon.plan import ServicePlan

_LONGEST_LIFE_S: Final = 35


def main(file: str) -> None:
    """Write the plan of a configuration file, or its problems, to standard output, pickled, and end the process."""
    # Whoever started it waits for less; if that process is gone, nobody ends this one.
    signal.alarm(_LONGEST_LIFE_S)
    told = os.dup(sys.stdout.fileno())
    # Whatever a library prints is no part of the plan.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with os.fdopen(told, "wb") as output:
        pickle.dump(plan_of(Path(file)), output, protocol=pickle.HIGHEST_PROTOCOL)


def plan_of(file: Path) -> "ServicePlan | PlanProblems":
    """Return the plan of a configuration file with one target at least, or what is wrong with it."""
    from agent.config.reading import ConfigurationError, load_configuration  # noqa: PLC0415 - not before stdout is out of reach
    from agent.daemon.plan_making import service_plan  # noqa: PLC0415 - likewise

    try:
        plan = service_plan(load_configuration(file))
    except ConfigurationError as error:
        return PlanProblems(lines=error.problems)
    if not plan.targets:
        return PlanProblems(lines=(f"{file}: no target in it; name one at least, under `targets`",))
    return plan
