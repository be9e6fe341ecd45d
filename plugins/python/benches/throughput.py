"""How many candidates a second pass through a child with a trivial scorer, as JSON lines and as raw bytes.

    PYTHONPATH=plugins/python python3 plugins/python/benches/throughput.py [seconds]

The driver is a process of its own. Its lines are made beforehand, so that the child is what is measured; the driver still reads and decodes every reply.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time

SCORER = "def score(conversation, candidates):\n    return [float(len(text)) for text in candidates]\n"
BATCH = 32
DEPTH = 4  # open requests
LETTERS = 2048


def texts() -> list[str]:
    sentence = 'The capital of France is Paris, and "Lyon" is\nnot it. '
    return [(f"{at} " + sentence * 60)[:LETTERS] for at in range(BATCH)]


def request(id: int, blob: bool) -> bytes:
    prompt = "Which city is the capital of France?"
    if not blob:
        turns = [{"role": "user", "content": prompt}]
        questions = [{"prompt": 0, "candidates": [text]} for text in texts()]
        line = {"op": "score", "id": id, "handle": 1, "prompts": [turns], "questions": questions}
        return json.dumps(line, ensure_ascii=False).encode() + b"\n"
    raw = [text.encode() for text in texts()]
    body = prompt.encode() + b"".join(raw)
    questions = [{"prompt": 0, "candidates": [len(text)]} for text in raw]
    prompts = [[["user", len(prompt)]]]
    line = {"op": "score", "id": id, "handle": 1, "bytes": len(body), "prompts": prompts, "questions": questions}
    return json.dumps(line).encode() + b"\n" + body


def measure(script: str, blob: bool, seconds: float) -> float:
    child = subprocess.Popen(
        [sys.executable, "-m", "tribunal_adapter", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1 << 20
    )
    assert child.stdin and child.stdout
    opening = [
        {"op": "hello", "protocol": [1, 0], "caps": ["blob", "cancel"]},
        {"op": "create", "id": 1, "component": "source", "kind": "scorer", "settings": {}},
    ]
    for line in opening:
        child.stdin.write(json.dumps(line).encode() + b"\n")
        child.stdin.flush()
        child.stdout.readline()
    template = request(10_000_000, blob)
    room = threading.Semaphore(DEPTH)
    end = time.monotonic() + seconds
    sent = 0

    def write() -> None:
        nonlocal sent
        while time.monotonic() < end:
            room.acquire()
            child.stdin.write(template.replace(b"10000000", b"%d" % (10_000_000 + sent), 1))
            child.stdin.flush()
            sent += 1

    began = time.monotonic()
    writer = threading.Thread(target=write)
    writer.start()
    received = 0
    while writer.is_alive() or received < sent:
        if received < sent:
            reply = json.loads(child.stdout.readline())
            assert len(reply["scores"]) == BATCH, reply
            received += 1
            room.release()
        else:
            time.sleep(0.0001)
    took = time.monotonic() - began
    child.stdin.close()
    child.wait()
    return received * BATCH / took


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "scorer.py")
        with open(script, "w") as file:
            file.write(SCORER)
        for name, blob in (("JSON lines", False), ("raw bytes", True)):
            rates = sorted(measure(script, blob, seconds) for _ in range(3))
            print(f"{name}: {rates[1]:,.0f} candidates/s of {LETTERS} letters, batches of {BATCH} (lowest {rates[0]:,.0f})")


if __name__ == "__main__":
    main()
