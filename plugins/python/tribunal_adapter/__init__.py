"""Reward sources, generators and suites for Tribunal, written in Python.

A function `score(conversation, candidates)` in a file is a source; `python3 -m tribunal_adapter FILE.py` serves it.
"""

from tribunal_adapter.bases import Adapter, Generator, Suite
from tribunal_adapter.errors import (
    Abstain,
    AdapterError,
    Broken,
    Busy,
    Cancelled,
    Denied,
    Rejected,
    SettingsError,
    Unreachable,
)
from tribunal_adapter.serving import serve
from tribunal_adapter.settings import Setting
from tribunal_adapter.tickets import cancelled
from tribunal_adapter.values import (
    Answer,
    Completion,
    Identity,
    Inspection,
    Item,
    Key,
    Prompt,
    Question,
    Sampling,
    Token,
    Turn,
    Usage,
)

__version__ = "0.1.0"

__all__ = [
    "Abstain",
    "Adapter",
    "AdapterError",
    "Answer",
    "Broken",
    "Busy",
    "Cancelled",
    "Completion",
    "Denied",
    "Generator",
    "Identity",
    "Inspection",
    "Item",
    "Key",
    "Prompt",
    "Question",
    "Rejected",
    "Sampling",
    "Setting",
    "SettingsError",
    "Suite",
    "Token",
    "Turn",
    "Unreachable",
    "Usage",
    "cancelled",
    "serve",
]
