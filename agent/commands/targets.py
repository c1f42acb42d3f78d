"""What the single checks take: a target, and the family to use."""

# The overridden method is click's; typing.override came with Python 3.12.
# mypy: disable-error-code="explicit-override"

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from probes.sample import Target


class Seconds(click.FloatRange):
    """A range of seconds; `nan` is in no range, although it is neither below nor above it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        seconds = super().convert(value, param, ctx)
        if seconds != seconds:  # noqa: PLR0124 - what only nan does
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return seconds


SECONDS: Final = Seconds(0.01, 60)


def family_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Put -4 and -6 to a command."""
    command = click.option("-6", "--ipv6", is_flag=True, help="Use IPv6 only.")(command)
    return click.option("-4", "--ipv4", is_flag=True, help="Use IPv4 only.")(command)


def named_target(text: str, *, ipv4: bool, ipv6: bool) -> "Target":
    """Return the target that a person named.

    Raises:
        click.UsageError: There is none of this name, or not of this family.
    """
    from probes.facts import Family  # noqa: PLC0415 - 40 ms that --help need not pay
    from probes.sample import Target  # noqa: PLC0415 - 40 ms that --help need not pay
    from probes.target import parse_target  # noqa: PLC0415

    if ipv4 and ipv6:
        raise click.UsageError("-4 and -6 exclude each other; give one")
    family = Family.IPV4 if ipv4 else Family.IPV6 if ipv6 else None
    target = parse_target(text, family=family)
    if isinstance(target, Target):
        return target
    raise click.UsageError(target.message)
