"""What the single checks take: a target, and the family to use."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from probes.facts import Target


def family_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Put -4 and -6 to a command."""
    command = click.option("-6", "--ipv6", is_flag=True, help="Use IPv6 only.")(command)
    return click.option("-4", "--ipv4", is_flag=True, help="Use IPv4 only.")(command)


def named_target(text: str, *, ipv4: bool, ipv6: bool) -> "Target":
    """Return the target that a person named.

    Raises:
        click.UsageError: There is none of this name, or not of this family.
    """
    from probes.facts import Family, Target  # noqa: PLC0415 - 40 ms that --help need not pay
    from probes.target import parse_target  # noqa: PLC0415

    if ipv4 and ipv6:
        raise click.UsageError("-4 and -6 exclude each other; give one")
    family = Family.IPV4 if ipv4 else Family.IPV6 if ipv6 else None
    target = parse_target(text, family=family)
    if isinstance(target, Target):
        return target
    raise click.UsageError(target.message)
