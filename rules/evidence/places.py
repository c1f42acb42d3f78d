"""The places of a path, and what they are called elsewhere in a sample."""

from typing import Final

from probes.facts import EndReason, Node, Role, RouteKind

# Ends of a leg at which no probe was ever on the wire.
UNSENT_ENDS: Final = frozenset({EndReason.NOT_TRACED, EndReason.NOT_OPENED, EndReason.SEND_FAILED})

# What the agent's own probes aim at where no proxy stands before it.
ROUTED_TO: Final[dict[RouteKind, Node]] = {
    RouteKind.DIRECT: Node.DESTINATION,
    RouteKind.SERVICE_EDGE: Node.SERVICE_EDGE,
    RouteKind.PRIVATE_ACCESS: Node.PRIVATE_EDGE,
}

_ROLES: Final[dict[Node, Role]] = {
    Node.SERVICE_EDGE: Role.SERVICE_EDGE,
    Node.PRIVATE_EDGE: Role.SERVICE_EDGE,
    Node.EXTERNAL_PROXY: Role.PROXY,
    Node.EGRESS: Role.EGRESS,
    Node.GATEWAY: Role.GATEWAY,
}


def role_of(node: Node) -> Role:
    """Return under which role a node appears in name and reachability checks."""
    return _ROLES.get(node, Role.DESTINATION)
