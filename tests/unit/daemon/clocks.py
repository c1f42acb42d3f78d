"""A clock that a test sets forward."""

from probes.clock import SystemClock


class SetClock(SystemClock):
    """Stands still unless somebody moves it."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def monotonic(self) -> float:  # type: ignore[explicit-override] # typing.override came with Python 3.12
        return self.now
