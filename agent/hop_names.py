"""What is put to hops once they are known: reverse names, and networks and places from an operator's databases."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from probes.facts import Leg, Responder
from probes.frozen import replace

if TYPE_CHECKING:
    from probes.origin import Origin


def addresses_of(legs: Iterable[Leg]) -> list[str]:
    """Return every address that answered on these legs, sorted."""
    return sorted({responder.address for leg in legs for hop in leg.hops for responder in hop.responders})


def with_names(leg: Leg, names: Mapping[str, str]) -> Leg:
    """Return the leg with the reverse names of those who answered."""

    def named(responder: Responder) -> Responder:
        name = names.get(responder.address)
        return responder if name is None else replace(responder, name=name)

    return _with_responders(leg, named)


def with_origins(leg: Leg, origins: "Mapping[str, Origin]") -> Leg:
    """Return the leg with the networks and places of those who answered."""

    def located(responder: Responder) -> Responder:
        origin = origins.get(responder.address)
        if origin is None:
            return responder
        return replace(responder, asn=origin.asn, as_name=origin.as_name, place=origin.place)

    return _with_responders(leg, located)


def _with_responders(leg: Leg, changed: Callable[[Responder], Responder]) -> Leg:
    hops = tuple(replace(hop, responders=tuple(changed(one) for one in hop.responders)) for hop in leg.hops)
    return replace(leg, hops=hops)
