"""What adapters raise: an abstention, or an error that says who acts. Anything else that is raised is a defect of the adapter."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Union

REASONS = ("unreadable", "refused", "truncated", "too-long", "missing")


class Abstain(Exception):
    """No scores although the source was asked and did reply. Data, not an error.

    `reason` is `unreadable`, `refused`, `truncated`, `too-long` or `missing`; `note` says to a person what was seen.
    """

    def __init__(self, reason: str, note: str = "") -> None:
        if reason not in REASONS:
            raise ValueError(f"`{reason}` is no reason to abstain: {', '.join(REASONS)}")
        super().__init__(reason, note)
        self.reason = reason
        self.note = note


class AdapterError(Exception):
    """The parent of all errors that an adapter reports on purpose."""

    code = "broken"

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def on_the_wire(self) -> Dict[str, Any]:
        """The error object of the protocol."""
        return {"code": self.code, "message": self.message}


class Rejected(AdapterError):
    """This question cannot be answered, others can."""

    code = "rejected"


class Unreachable(AdapterError):
    """A backend did not answer; the question is asked again."""

    code = "unreachable"


class Denied(AdapterError):
    """Credentials are wrong or missing; the source stops."""

    code = "denied"


class Broken(AdapterError):
    """The adapter failed. Like any other exception, but without a stack trace."""

    code = "broken"


class Cancelled(AdapterError):
    """The request was cancelled while it ran."""

    code = "cancelled"

    def __init__(self, message: str = "the request was cancelled") -> None:
        super().__init__(message)


class Busy(AdapterError):
    """Ask again after `wait` seconds."""

    code = "busy"

    def __init__(self, wait: float = 1.0, message: str = "the backend is busy") -> None:
        super().__init__(message)
        self.wait = float(wait)

    def on_the_wire(self) -> Dict[str, Any]:
        return {**super().on_the_wire(), "wait": self.wait}


class SettingsError(AdapterError):
    """A setting is wrong. It is drawn at the recipe's line.

    `path` leads to the setting: one key, or keys and positions from the block on. `hint` is one imperative sentence, `known` the names
    that would have been right, `at_key` marks the key and not the value.
    """

    code = "settings"

    def __init__(
        self,
        path: Union[str, Sequence[Union[str, int]]],
        message: str,
        hint: Optional[str] = None,
        *,
        known: Optional[Sequence[str]] = None,
        at_key: bool = False,
    ) -> None:
        super().__init__(message)
        self.path: List[Union[str, int]] = [path] if isinstance(path, str) else list(path)
        self.hint = hint
        self.known = list(known or [])
        self.at_key = at_key

    def on_the_wire(self) -> Dict[str, Any]:
        wire: Dict[str, Any] = {**super().on_the_wire(), "path": self.path}
        if self.at_key:
            wire["at-key"] = True
        if self.known:
            wire["known"] = self.known
        if self.hint:
            wire["hint"] = self.hint
        return wire
