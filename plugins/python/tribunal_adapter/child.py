"""The child: one thread that always reads, workers that call the adapters, and each request answered exactly once."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from typing import Any, BinaryIO, Callable, Dict, List, Optional

from tribunal_adapter.errors import Broken, SettingsError
from tribunal_adapter.instances import LISTENERS, Instance, cancelled_object, error_object, log
from tribunal_adapter.kinds import Kind
from tribunal_adapter.stdio import write_all
from tribunal_adapter.tickets import Ticket, begin, end
from tribunal_adapter.wire import LONGEST_LINE, PROTOCOL, ProtocolError, Request, encode, read_request

CAPABILITIES = ("blob", "cancel", "load")
LONGEST_CLOSE = 1.0  # seconds; the host waits two

Job = Optional[Callable[[], None]]


class Crew:
    """Threads that work off one queue; they start when there is work for them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._open = 0

    def put(self, job: Callable[[], None]) -> None:
        """Has some thread do the job."""
        with self._lock:
            self._open += 1
            if self._threads < min(self._open, self._most):
                self._threads += 1
                threading.Thread(target=self._work, daemon=True).start()
        self._jobs.put(job)

    def dismiss(self) -> None:
        """Ends the threads after the jobs that are queued."""
        with self._lock:
            for _ in range(self._threads):
                self._jobs.put(None)

    @property
    def idle(self) -> bool:
        """True when nothing is queued or being done."""
        return self._open == 0

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            job()
            with self._lock:
                self._open -= 1


class Handle:
    """An adapter that was created, with the threads that call it."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.operations = instance.operations()
        self.crew = Crew(instance.in_flight)


class Child:
    """Speaks the protocol for some kinds until the host says so or goes away."""

    def __init__(self, kinds: List[Kind], name: str, version: str, requests: BinaryIO, replies: int) -> None:
        self._kinds = {(kind.component, kind.name): kind for kind in kinds}
        self._name = name
        self._version = version
        self._requests = requests
        self._replies = replies
        self._writing = threading.Lock()
        self._open: Dict[int, Ticket] = {}
        self._handles: Dict[int, Handle] = {}
        self._created = 0
        self._desk = Crew(1)

    def run(self) -> int:
        """Answers requests; returns the exit status, at once also when an adapter hangs."""
        try:
            request = read_request(self._requests)
            while request is not None and request.get("op") != "shutdown":
                if request.get("op") == "hello":
                    if not self._greet(request):
                        return 3
                elif request.get("op") == "cancel":
                    self._cancel(request.get("id"))
                else:
                    self._accept(request)
                request = read_request(self._requests)
        except ProtocolError as error:
            log(f"tribunal_adapter: {error}")
            return 2
        except KeyboardInterrupt:
            return 1
        self._close_idle()
        return 0

    def _greet(self, request: Request) -> bool:
        theirs = request.get("protocol") or [0, 0]
        offered = request.get("caps") or []
        greeting = {
            "op": "hello",
            "protocol": list(PROTOCOL),
            "name": self._name,
            "version": self._version,
            "sdk": f"tribunal_adapter 0.1.0, Python {sys.version.split()[0]}",
            "caps": [capability for capability in CAPABILITIES if capability in offered],
            "kinds": [kind.card() for kind in self._kinds.values()],
        }
        self._write(encode(greeting))
        if theirs[0] != PROTOCOL[0]:
            log(f"tribunal_adapter: the host speaks protocol {theirs}, this child {list(PROTOCOL)}")
            return False
        LISTENERS.append(lambda text: self._write(encode({"op": "log", "level": "warn", "text": text})))
        return True

    def _cancel(self, id: Any) -> None:
        ticket = self._open.get(id)
        if ticket is not None:
            ticket.cancelled = True
            if not ticket.started:
                self._answer(ticket, {"error": cancelled_object()})

    def _accept(self, request: Request) -> None:
        id = request.get("id")
        if not isinstance(id, int) or id in self._open:
            raise ProtocolError(f"the host sent the request id {id!r}, which is no new whole number")
        ticket = self._open[id] = Ticket(id, request)
        op = request.get("op")
        if op in ("check", "create"):
            self._desk.put(lambda: self._work(ticket, self._check if op == "check" else self._create))
            return
        handle = self._handles.get(request.get("handle", 0))
        if handle is None:
            self._answer(ticket, {"error": Broken(f"there is no handle {request.get('handle')}").on_the_wire()})
        elif op == "destroy":
            del self._handles[request["handle"]]
            handle.crew.put(lambda: self._work(ticket, handle.instance.destroy))
            handle.crew.dismiss()
        elif op in handle.operations:
            operation = handle.operations[str(op)]
            handle.crew.put(lambda: self._work(ticket, operation))
        else:
            self._answer(ticket, {"error": Broken(f"there is no operation `{op}`").on_the_wire()})

    def _work(self, ticket: Ticket, operation: Callable[[Ticket], Dict[str, Any]]) -> None:
        ticket.started = True
        if ticket.cancelled:
            # The reader may have answered already; an answer that was given is not given again.
            self._answer(ticket, {"error": cancelled_object()})
            return
        begin(ticket)
        try:
            reply = operation(ticket)
        except BaseException as error:  # also `SystemExit`: the child outlives what an adapter does
            reply = {"error": error_object(error, at_settings=ticket.request["op"] in ("check", "create"))}
        finally:
            end()
        self._answer(ticket, reply)

    def _answer(self, ticket: Ticket, reply: Dict[str, Any]) -> None:
        if self._open.pop(ticket.id, None) is not ticket:
            return
        try:
            line = encode({"id": ticket.id, **reply})
        except (TypeError, ValueError, RecursionError):
            line = encode({"id": ticket.id, **readable(reply)})
        if len(line) > LONGEST_LINE:
            line = encode({"id": ticket.id, "error": Broken(f"the answer has {len(line)} bytes, and 64 MiB is most").on_the_wire()})
        self._write(line)

    def _write(self, line: bytes) -> None:
        try:
            with self._writing:
                write_all(self._replies, line)
        except OSError:
            leave(1)  # nobody reads any more

    def _kind(self, request: Request) -> Kind:
        kind = self._kinds.get((request.get("component", ""), request.get("kind", "")))
        if kind is None:
            known = [name for component, name in self._kinds if component == request.get("component")]
            raise SettingsError("kind", f"there is no {request.get('component')} `{request.get('kind')}`", known=known)
        return kind

    def _check(self, ticket: Ticket) -> Dict[str, Any]:
        return {"declares": self._kind(ticket.request).make(ticket.request.get("settings") or {}).declares()}

    def _create(self, ticket: Ticket) -> Dict[str, Any]:
        handle = Handle(self._kind(ticket.request).make(ticket.request.get("settings") or {}))
        self._created += 1
        self._handles[self._created] = handle
        return {"handle": self._created}

    def _close_idle(self) -> None:
        # The host says `destroy` and `shutdown` in one breath: what is closing already is waited for.
        until = time.monotonic() + LONGEST_CLOSE
        while time.monotonic() < until and any(open.request.get("op") == "destroy" for open in list(self._open.values())):
            time.sleep(0.005)
        # Adapters that are at work are not waited for, and those that close slowly not for long.
        closing = [
            threading.Thread(target=_quietly, args=(handle.instance.close,), daemon=True)
            for handle in list(self._handles.values())
            if handle.instance.closes and handle.crew.idle
        ]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join(LONGEST_CLOSE)


def readable(reply: Dict[str, Any]) -> Dict[str, Any]:
    """A reply that is no JSON, with an error in the place of each entry that is the reason."""
    for key in ("answers", "completions"):
        if key in reply:
            return {key: [_or_error(entry) for entry in reply[key]]}
    return dict(_or_error(reply))


def _or_error(entry: Any) -> Any:
    try:
        encode(entry)
    except (TypeError, ValueError, RecursionError) as error:
        return {"error": Broken(f"the answer is no JSON: {error}").on_the_wire()}
    return entry


def _quietly(close: Callable[[], None]) -> None:
    try:
        close()
    except Exception as error:
        log(f"tribunal_adapter: while closing: {error}")


def leave(status: int) -> None:
    """Ends the process at once; threads that hang are not waited for."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
    os._exit(status)


