"""Lines of JSON and the raw bytes behind them: reading requests, writing replies."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, BinaryIO, Dict, List, Optional

from tribunal_adapter.values import Question, Turn

PROTOCOL = (1, 0)
LONGEST_LINE = 64 << 20


def _plain(value: Any) -> Any:
    # Numbers of numpy and torch, and their arrays.
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"`{type(value).__name__}` is no JSON")


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode


class ProtocolError(Exception):
    """The host said something that cannot be read. The child ends."""


class Request(Dict[str, Any]):
    """The object of a request line; `blob` holds the raw bytes that followed it."""

    __slots__ = ("blob",)
    blob: Optional[bytes]


def read_request(stream: BinaryIO) -> Optional[Request]:
    """The next request, or `None` at the end of the input."""
    line = stream.readline(LONGEST_LINE + 1)
    if not line:
        return None
    if len(line) > LONGEST_LINE:
        raise ProtocolError("the host sent a line of more than 64 MiB")
    if line[-1] != 10:
        return None  # the host ended within a line
    try:
        value = json.loads(line)
    except ValueError:
        raise ProtocolError(f"the host sent a line that is no JSON: {line[:200]!r}") from None
    if not isinstance(value, dict):
        raise ProtocolError(f"the host sent a line that is no object: {line[:200]!r}")
    request = Request(value)
    request.blob = None
    size = value.get("bytes")
    if isinstance(size, int) and value.get("op") == "score":
        request.blob = stream.read(size)
        if len(request.blob) < size:
            return None
    return request


def encode(value: Any) -> bytes:
    """One line of JSON. Numbers that are not finite become `null`, half surrogate pairs the replacement character."""
    try:
        text = _encode(value)
    except ValueError:
        text = _encode(without_infinities(value))
    try:
        return (text + "\n").encode()
    except UnicodeEncodeError:
        joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return (joined + "\n").encode()


def without_infinities(value: Any) -> Any:
    """A copy with `None` for every number that is not finite."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {key: without_infinities(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_infinities(inner) for inner in value]
    return without_infinities(value.tolist()) if hasattr(value, "tolist") else value


def turns_of(value: Any) -> List[Turn]:
    """A dialogue of the wire."""
    return [Turn(role=str(turn["role"]), content=str(turn["content"])) for turn in value or ()]


def questions_of(request: Request) -> List[Question]:
    """The questions of a `score` request, with their texts from the line or from the raw bytes."""
    asked = request["questions"]
    if request.blob is None:
        prompts = [turns_of(prompt) for prompt in request["prompts"]]
        return [Question(prompts[question["prompt"]][:], question.get("candidates") or []) for question in asked]

    blob = request.blob
    at = 0
    prompts = []
    for prompt in request["prompts"]:
        turns = []
        for role, length in prompt:
            turns.append(Turn(role=role, content=blob[at : at + length].decode("utf-8", "replace")))
            at += length
        prompts.append(turns)
    questions = []
    for question in asked:
        candidates = []
        for length in question["candidates"] or ():
            candidates.append(blob[at : at + length].decode("utf-8", "replace"))
            at += length
        questions.append(Question(prompts[question["prompt"]][:], candidates))
    if at != len(blob):
        raise ProtocolError(f"the lengths of a `score` line add up to {at} bytes, and {len(blob)} follow")
    return questions
