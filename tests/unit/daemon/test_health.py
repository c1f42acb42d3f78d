"""Alive while the loop comes round, ready while work is done; what is down elsewhere is neither's business."""

from agent.daemon.health import TURNED_WITHIN_S, what_ails, what_is_missing
from agent.daemon.status import ServiceStatus
from probes.frozen import replace
from tests.unit.daemon.pictures import SERVICE, STORE


def service(**changes: object) -> ServiceStatus:
    """Return a service with nothing wrong but that a sink is down, and that a target is critical."""
    return replace(SERVICE, **{"store": replace(STORE, problem=None), **changes})


def test_a_service_at_work_is_alive_and_ready() -> None:
    assert what_ails(service()) == what_is_missing(service()) == ()


def test_a_loop_that_stands_still_is_told() -> None:
    assert what_ails(service(turned_at_s=1_000.0 - TURNED_WITHIN_S)) == ()
    standing = service(turned_at_s=1_000.0 - TURNED_WITHIN_S - 1.0)
    assert what_ails(standing) == ("the loop that does the work has not come round for 31 s",)
    assert what_is_missing(standing) == what_ails(standing)


def test_a_service_without_a_store_or_a_plan_is_alive_and_not_ready() -> None:
    for lacking, why in (
        (service(store=STORE), "the store takes nothing: disk full"),
        (service(ready=False), "the configuration is not at work yet"),
    ):
        assert what_ails(lacking) == ()
        assert what_is_missing(lacking) == (why,)
