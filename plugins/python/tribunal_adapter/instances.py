"""What a handle stands for: an adapter made from its settings, loaded once, with an identity."""

from __future__ import annotations

import hashlib
import inspect
import sys
import threading
import traceback
from dataclasses import asdict
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional

from tribunal_adapter.bases import attribute, own_method
from tribunal_adapter.errors import AdapterError, Cancelled, SettingsError
from tribunal_adapter.tickets import Ticket
from tribunal_adapter.values import Identity, Usage

MOST_TRACE = 8192

Operation = Callable[[Ticket], Dict[str, Any]]


class Instance:
    """An adapter at work. Subclasses add the operations of their component."""

    def __init__(self, adapter: Any, module: Optional[ModuleType], kind: str, version: str) -> None:
        self.adapter = adapter
        self.module = module
        self.kind = kind
        self.version = version
        self._loading = threading.Lock()
        self._loaded = False

    def declares(self) -> Dict[str, Any]:
        """What `check` tells the host."""
        raise NotImplementedError

    def operations(self) -> Dict[str, Operation]:
        """The operations of this component by name; each returns the keys of its reply."""
        return {"identify": self.identify, "load": self.load_first}

    def trait(self, name: str, default: Any) -> Any:
        """An attribute of the adapter or a constant of its module."""
        return attribute(self.adapter, self.module, name, default)

    @property
    def in_flight(self) -> int:
        """How many calls the adapter takes at once."""
        return max(1, int(self.trait("in_flight", 1)))

    def identify(self, ticket: Ticket) -> Dict[str, Any]:
        """Who answers."""
        method = own_method(self.adapter, "identify")
        identity = method() if method else None
        if identity is None:
            identity = Identity(self.kind, f"{self.version}+{source_digest(self.module)}")
        return {"identity": identity if isinstance(identity, dict) else asdict(identity)}

    def load(self) -> None:
        """Has the adapter do its heavy work, once. A failure is tried again at the next call."""
        if not self._loaded:
            with self._loading:
                if not self._loaded:
                    method = own_method(self.adapter, "load")
                    if method:
                        method()
                    self._loaded = True

    def load_first(self, ticket: Ticket) -> Dict[str, Any]:
        """The request to load before the first question."""
        self.load()
        return {}

    def close(self) -> None:
        """Tells the adapter that it is no longer needed."""
        method = own_method(self.adapter, "close")
        if method:
            method()

    def destroy(self, ticket: Ticket) -> Dict[str, Any]:
        """The last request of a handle."""
        self.close()
        return {}

    @property
    def closes(self) -> bool:
        """True when there is something to do at the end."""
        method = getattr(type(self.adapter), "close", None)
        return callable(method) and getattr(method, "__module__", "") != "tribunal_adapter.bases"


def source_digest(module: Optional[ModuleType]) -> str:
    """A digest of the adapter's source file."""
    file = getattr(module, "__file__", None)
    if not file:
        return "no-source"
    with open(file, "rb") as source:
        return "sha256:" + hashlib.sha256(source.read()).hexdigest()[:32]


def positional_count(function: Callable[..., Any]) -> int:
    """How many positional arguments a function can take."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in kinds for parameter in inspect.signature(function).parameters.values())


def error_object(error: BaseException, at_settings: bool = False) -> Dict[str, Any]:
    """An exception as the error object of the protocol."""
    if isinstance(error, SettingsError) and not at_settings:
        hint = f" ({error.hint})" if error.hint else ""
        return {"code": "broken", "message": f"{error.message}{hint}"}
    if isinstance(error, AdapterError):
        return error.on_the_wire()
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        text = str(error)[:MOST_TRACE]
    except Exception:  # an exception of the adapter may fail at this, too
        text = ""
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return {"code": "broken", "message": message, "trace": trace[-MOST_TRACE:]}


LISTENERS: List[Callable[[str], None]] = []
"""Who takes warnings: the running child puts itself here."""


def cancelled_object() -> Dict[str, Any]:
    """The error object of a cancelled request."""
    return Cancelled().on_the_wire()


def usage_object(usage: Usage) -> Dict[str, Any]:
    """What an answer cost, without what is unknown."""
    pairs = {"input-tokens": usage.input_tokens, "output-tokens": usage.output_tokens, "usd": usage.usd}
    return {key: value for key, value in pairs.items() if value is not None}


def log(text: str) -> None:
    """A warning for the person who runs the program; without a host it goes to standard error."""
    if LISTENERS:
        LISTENERS[-1](text)
    else:
        print(text, file=sys.stderr, flush=True)
