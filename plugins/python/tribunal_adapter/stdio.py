"""Keeping the protocol's pipe to ourselves: whatever else writes to standard output lands on standard error."""

from __future__ import annotations

import faulthandler
import io
import os
import sys
from typing import BinaryIO, Tuple

PIPE_BYTES = 1 << 20
F_SETPIPE_SZ = 1031  # Linux


def take_stdio() -> Tuple[BinaryIO, int]:
    """Takes the protocol's two pipes and returns them: a buffered reader and a file descriptor for writing.

    Afterwards file descriptor 1 is standard error, also for native code and for programs started from here, and file descriptor 0 is
    empty. What Python code printed before and is still in a buffer goes to standard error as well.
    """
    requests = os.dup(0)
    replies = os.dup(1)
    try:
        os.dup2(2, 1)
    except OSError:  # standard error is closed
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.flush()
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        faulthandler.enable()  # a crash in native code says where on standard error
    except (AttributeError, ValueError, RuntimeError, OSError):  # there is no standard error
        pass
    _widen(requests)
    _widen(replies)
    return os.fdopen(requests, "rb", buffering=PIPE_BYTES), replies


def write_all(descriptor: int, data: bytes) -> None:
    """Writes every byte; a pipe may take fewer at once."""
    written = os.write(descriptor, data)
    if written < len(data):
        rest = memoryview(data)[written:]
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def _widen(descriptor: int) -> None:
    # A larger pipe saves switches between the two processes; without it all works as well.
    if sys.platform == "linux":
        import fcntl

        try:
            fcntl.fcntl(descriptor, F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            pass
