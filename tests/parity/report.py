"""One line for each check, and the programs that are checked."""

import json
import os
import pathlib
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


class Report:
    """Prints checks as they are made and counts them."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed: list[str] = []
        self.start = time.monotonic()

    def check(self, name: str, measured: float, most: float, detail: str = "") -> None:
        """A number that may be as large as `most`. What is no number fails."""
        self._line(measured <= most, f"{name}: {measured:.2g} (at most {most:g}){_tail(detail)}", name)

    def equal(self, name: str, wrong: int, count: int, detail: str = "") -> None:
        """How many of `count` comparisons failed: none may, and there has to be one."""
        self._line(wrong == 0 < count, f"{name}: {count - wrong} of {count} equal{_tail(detail)}", name)

    def tell(self, text: str) -> None:
        """A number that is reported and not judged."""
        print(f"      {text}", flush=True)

    def failure(self, name: str, why: str) -> None:
        self._line(False, f"{name}: {why}", name)

    def _line(self, good: bool, text: str, name: str) -> None:
        print(f"{'ok   ' if good else 'WRONG'} {text}", flush=True)
        if good:
            self.passed += 1
        else:
            self.failed.append(name)

    def end(self) -> int:
        """Prints the summary; the exit code."""
        minutes = (time.monotonic() - self.start) / 60
        print(f"\n{self.passed} checks passed, {len(self.failed)} failed in {minutes:.1f} minutes")
        for name in self.failed:
            print(f"failed: {name}")
        return 1 if self.failed or not self.passed else 0


def _tail(detail: str) -> str:
    return f"; {detail}" if detail else ""


class ProgramFailed(Exception):
    """A program ended with an error, whose words are the message."""


@dataclass(frozen=True)
class Cost:
    """What answering took, loading left out."""

    seconds: float
    cpu: float
    """CPU seconds."""
    peak: int
    """The most memory that was resident, in bytes."""


@dataclass(frozen=True)
class Programs:
    """The two programs: one imports models, the other asks them."""

    tribunal: str
    ask: str
    scratch: pathlib.Path

    def load(self, folder: pathlib.Path, weights: str = "f32", *flags: str, name: str = "") -> pathlib.Path:
        """Imports a model folder; the GGUF file."""
        name = name or f"{folder.name}-{weights}"
        out = self.scratch / "gguf"
        command = [self.tribunal, "model", "import", str(folder), "-o", str(out), "--type", weights, "--name", name]
        done = subprocess.run([*command, "--force", "--quiet", *flags], capture_output=True, text=True)
        if done.returncode != 0:
            raise ProgramFailed(f"import of {folder.name}: {done.stderr.strip()[-600:]}")
        return out / f"{name}.gguf"

    def ask_all(
        self,
        kind: str,
        settings: Json,
        lines: Iterable[Json],
        *options: str,
        threads: int = 1,
    ) -> tuple[list[Json], Cost]:
        """Asks a kind; an answer for each line, and what they took."""
        settings = {**settings, "compute": {"threads": threads}}
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
            file.flush()
            with open(file.name, "rb") as stdin:
                command = [self.ask, kind, json.dumps(settings), "--cost", *options]
                environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
                done = subprocess.run(command, stdin=stdin, capture_output=True, env=environment)
        told = done.stderr.decode(errors="replace").strip().splitlines()
        if done.returncode != 0:
            raise ProgramFailed(f"{kind}: {' '.join(told[-3:])[-600:]}")
        # Texts may hold any character, so that only `\n` ends a line.
        answers = [json.loads(line) for line in done.stdout.split(b"\n") if line]
        return answers, Cost(**json.loads(told[-1]))
