"""How many connections there may be: in all and from one caller, counted before anything else is done for one."""

import asyncio
from typing import Final

from edge.http import Connection
from edge.limits import owner_of
from edge.messages import Peer

# A connection with TLS holds a third of a megabyte [measured, asyncio of Python 3.11].
MOST_CONNECTIONS: Final = 400
# An office behind one address shares them.
MOST_OF_ONE: Final = 100


class Doors:
    """Lets connections in and out; when it is full, whoever has idled longest makes room."""

    def __init__(self, most: int = MOST_CONNECTIONS, most_of_one: int = MOST_OF_ONE) -> None:
        """Begin empty."""
        self._most = most
        self._most_of_one = most_of_one
        self._tasks: dict[asyncio.Task[None], Connection | None] = {}
        self._by_owner: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def may_enter(self, peer: Peer) -> bool:
        """Return whether there is room for one more of this caller; an idle connection may be ended for it."""
        if self._by_owner.get(owner_of(peer.address), 0) >= self._most_of_one:
            return False
        return len(self._tasks) < self._most or self._end_an_idle_one()

    def enter(self, peer: Peer, task: asyncio.Task[None]) -> None:
        """Count a connection until its task is done."""
        owner = owner_of(peer.address)
        self._tasks[task] = None
        self._by_owner[owner] = self._by_owner.get(owner, 0) + 1
        task.add_done_callback(lambda done: self._leave(owner, done))

    def opened(self, task: asyncio.Task[None], connection: Connection) -> None:
        """Note what a task serves, once its connection is open."""
        self._tasks[task] = connection

    def end_idle(self) -> None:
        """End every connection that waits for a request."""
        while self._end_an_idle_one():
            pass

    async def empty(self, within_s: float) -> None:
        """Return once everybody has left; who has not in time is cut off."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
            for task in late:
                task.cancel()

    def _end_an_idle_one(self) -> bool:
        # In the order of their coming; one that has not even finished its handshake is idle, too.
        idle = next((task for task, one in self._tasks.items() if one is None or one.idle), None)
        if idle is None:
            return False
        idle.cancel()
        del self._tasks[idle]
        return True

    def _leave(self, owner: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self._by_owner[owner] -= 1
        if not self._by_owner[owner]:
            del self._by_owner[owner]
