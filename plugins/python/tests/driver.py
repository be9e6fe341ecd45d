"""Driving a real child over pipes, for the tests."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import textwrap
import threading
from typing import Any, Dict, List, Optional

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HELLO = {"op": "hello", "protocol": [1, 0], "host": "tests", "caps": ["blob", "cancel", "load"], "replica": 0}


class Child:
    """A child process; replies are read by a thread, standard error is kept."""

    def __init__(self, *arguments: str, cwd: Optional[str] = None, hello: bool = True, command: Optional[List[str]] = None):
        environment = {**os.environ, "PYTHONPATH": ROOT, "TOKENIZERS_PARALLELISM": "false"}
        environment.pop("PYTHONUNBUFFERED", None)
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "tribunal_adapter", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment,
        )
        self.errors: List[bytes] = []
        self.logged: List[str] = []
        self._lines: "queue.Queue[bytes]" = queue.Queue()
        self._next = 0
        self._kept: Dict[int, Any] = {}
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        self.greeting = self.hello() if hello else None

    def _read(self) -> None:
        for line in self.process.stdout:  # type: ignore[union-attr]
            self._lines.put(line)
        self._lines.put(b"")

    def _read_errors(self) -> None:
        for line in self.process.stderr:  # type: ignore[union-attr]
            self.errors.append(line)

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: Any) -> None:
        self.end()

    def hello(self) -> Any:
        self.write(HELLO)
        return self.read(60)

    def write(self, request: Any, blob: bytes = b"") -> None:
        line = request if isinstance(request, bytes) else json.dumps(request).encode()
        self.process.stdin.write(line + b"\n" + blob)  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]

    def read(self, seconds: float = 20) -> Any:
        """The next reply; `None` at the end of the output."""
        line = self._lines.get(timeout=seconds)
        if not line:
            return None
        return json.loads(line, parse_constant=lambda word: self._refuse(word))

    @staticmethod
    def _refuse(word: str) -> None:
        raise AssertionError(f"`{word}` is no JSON")

    def send(self, op: str, **keys: Any) -> int:
        self._next += 1
        self.write({"op": op, "id": self._next, **keys})
        return self._next

    def reply(self, id: int, seconds: float = 20) -> Any:
        """The reply to one request; others that come before it are kept."""
        while id not in self._kept:
            reply = self.read(seconds)
            assert reply is not None, b"".join(self.errors).decode()
            if reply.get("op") == "log":
                self.logged.append(reply["text"])
                continue
            assert reply["id"] not in self._kept, f"two answers to {reply['id']}"
            self._kept[reply["id"]] = reply
        return self._kept[id]

    def ask(self, op: str, seconds: float = 20, **keys: Any) -> Any:
        return self.reply(self.send(op, **keys), seconds)

    def create(self, kind: str, settings: Optional[Dict[str, Any]] = None, component: str = "source") -> int:
        reply = self.ask("create", component=component, kind=kind, settings=settings or {})
        assert "handle" in reply, reply
        return int(reply["handle"])

    def score(self, handle: int, candidates: List[Any], prompt: str = "?", seconds: float = 20, **keys: Any) -> Any:
        """Scores questions, each a list of candidates, of one prompt."""
        return self.ask("score", seconds, **questions(handle, candidates, prompt), **keys)

    def end(self) -> int:
        """Closes the input and waits."""
        if self.process.stdin and not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        try:
            status = self.process.wait(timeout=5)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        for reader in self._readers:
            reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()  # type: ignore[union-attr]
        return status

    def error_text(self) -> str:
        return b"".join(self.errors).decode("utf-8", "replace")


def questions(handle: int, candidates: List[Any], prompt: str = "?") -> Dict[str, Any]:
    return {
        "handle": handle,
        "prompts": [[{"role": "user", "content": prompt}]],
        "questions": [{"prompt": 0, "candidates": one} for one in candidates],
    }


class Folder:
    """A folder of adapter files that goes away with the test."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.path = self._folder.name

    def write(self, name: str, text: str) -> str:
        path = os.path.join(self.path, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        return path

    def close(self) -> None:
        self._folder.cleanup()
