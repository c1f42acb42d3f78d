"""`cloudpath dns`: what every configured resolver says about a name."""

import click

from agent.commands.group import Subcommand
from agent.commands.showing import JSON_OPTION, deliver_json, style_of_output
from agent.commands.targets import family_options, named_target
from agent.exit_codes import ExitCode
from agent.output import deliver


@click.command("dns", cls=Subcommand)
@click.argument("name")
@family_options
@JSON_OPTION
def command(name: str, *, ipv4: bool, ipv6: bool, as_json: bool) -> int:
    """Ask every configured resolver for the addresses of NAME (a URL's host, if it is a URL).

    The exit code is 0 if an address came out, else 1.
    """
    target = named_target(name, ipv4=ipv4, ipv6=ipv6)
    from agent.live_world import LiveWorld  # noqa: PLC0415 - drivers, not needed for --help
    from probes.facts import Role  # noqa: PLC0415

    check = LiveWorld().check_name(Role.DESTINATION, target.host, target.family)
    if as_json:
        from agent.record import plain  # noqa: PLC0415

        deliver_json({"target": plain(target), "dns": [plain(check)]})
    else:
        from agent.views.dns_view import dns_view  # noqa: PLC0415

        deliver(dns_view(check, style_of_output()))
    return ExitCode.CLEAN if check.addresses else ExitCode.FOUND
