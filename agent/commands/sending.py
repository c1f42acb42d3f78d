"""Whether this host can send as the options want it to, found out before anything is sent."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from agent.world import Sending


def check_sending(sending: "Sending") -> None:
    """Complain of an interface or a source address that this host does not have.

    Raises:
        click.UsageError: It has not.
    """
    if sending.interface is None and sending.source is None:
        return
    from agent.composition import interface_names, own_address_failure  # noqa: PLC0415 - drivers, for those who ask
    from agent.sending_check import sending_problem  # noqa: PLC0415 - likewise

    problem = sending_problem(sending, interface_names(), own_address_failure)
    if problem is not None:
        raise click.UsageError(problem)
