"""Open requests: each is answered once, and user code can ask whether its own was cancelled."""

from __future__ import annotations

import threading
from typing import Optional

from tribunal_adapter.wire import Request


class Ticket:
    """A request on its way. `cancelled` is set by the reader while a worker may be busy with it."""

    __slots__ = ("id", "request", "started", "cancelled")

    def __init__(self, id: int, request: Request) -> None:
        self.id = id
        self.request = request
        self.started = False
        self.cancelled = False


class _Current(threading.local):
    ticket: Optional[Ticket] = None


_current = _Current()


def begin(ticket: Ticket) -> None:
    """Says that this thread now works on the ticket."""
    _current.ticket = ticket


def end() -> None:
    """Says that this thread has no work."""
    _current.ticket = None


def cancelled() -> bool:
    """True when the request that this thread works on was cancelled: stop soon, what is returned or raised still counts.

    Always false in threads that the adapter started itself.
    """
    ticket = _current.ticket
    return ticket is not None and ticket.cancelled
