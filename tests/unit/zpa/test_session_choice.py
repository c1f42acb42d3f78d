"""Which events join a target's sample: those of its application, its port, its user, and its time."""

from datetime import datetime
from typing import Any

import pytest

from probes.sample import Target
from probes.session_choice import recent_events_of
from tests.unit.zpa.session_events import event

NOW_S = datetime.fromisoformat("2025-03-01T12:05:00Z").timestamp()
CRM = Target(name="customers", host="crm.example.com", port=443)


def chosen(target: Target = CRM, window_s: float = 300, username: str | None = None, **facts: Any) -> bool:
    (one,) = [event(**facts)]
    return recent_events_of(target, [one], now_s=NOW_S, window_s=window_s, username=username) == (one,)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"host": "CRM.Example.com."},
        {"host": None, "application": "crm.example.com"},
        {"host": "10.1.2.3", "application": "customers"},
        {"host": "a.example.com", "server": "crm.example.com"},
        {"port": None},
    ],
)
def test_an_event_of_the_target_s_application_is_chosen(facts: dict[str, Any]) -> None:
    assert chosen(**facts)


@pytest.mark.parametrize(
    "facts",
    [
        {"host": "crm.example.com.evil.example"},
        {"host": "www.crm.example.com"},
        {"host": "rm.example.com"},
        {"host": "db.example.com", "application": "Customers"},
        {"host": None},
        {"port": 22},
        {"at": None},
        {"at": "2025-03-01T11:59:59.999Z"},
    ],
)
def test_any_other_is_not(facts: dict[str, Any]) -> None:
    assert not chosen(**facts)


def test_an_address_is_compared_with_the_server_s() -> None:
    target = Target(name="192.0.2.80", host="192.0.2.80", literal=True)
    assert chosen(target, server="192.0.2.80", port=8080)


def test_the_window_ends_on_its_first_instant_and_the_future_counts() -> None:
    assert chosen(at="2025-03-01T12:00:00.000Z")
    assert chosen(at="2025-03-01T12:09:00.000Z")
    assert chosen(at="2025-03-01T12:00:00.000Z", window_s=300.0)
    assert not chosen(at="2025-03-01T12:00:00.000Z", window_s=299.9)


def test_only_the_user_who_is_named_counts_and_whoever_is_not_named_in_the_log() -> None:
    assert chosen(username="Ann@example.com")
    assert recent_events_of(CRM, [event(username="bob")], now_s=NOW_S, window_s=300, username="ann") == ()
    own = event(username="ANN")
    assert recent_events_of(CRM, [own], now_s=NOW_S, window_s=300, username="ann") == (own,)


def test_of_many_the_newest_fifty_join() -> None:
    many = [event(line=line % 60, connection_id=str(line)) for line in range(120)]
    assert recent_events_of(CRM, many, now_s=NOW_S, window_s=600) == tuple(many[-50:])
