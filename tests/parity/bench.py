"""Speed of the llama kinds beside the usual ways to compute the same: `python bench.py TRIBUNAL ASK [--server PYTHON] [--quick]`.

One random model in the shape of Qwen2.5-0.5B, made once in `target/parity`. CPU seconds of one computing thread, loading left out. The
sides of a comparison take turns, so that both meet the same machine; ratios are medians over rounds. A goal that is missed is printed as
missed, and does not change the exit code.

Against llama-cpp-python's server the settings are: one thread, `logits_all`, without which it gives no log-probabilities, and its prefix
cache, which keeps what a request shares with the one before. Both sides are asked in the same order, pairs in both orders next to each
other, one request at a time.
"""

import argparse
import json
import math
import os
import pathlib
import random
import resource
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import texts
from families import FAMILIES, HALF, Json, config_of, draw_weights, round_weights, tokenizer_of, write_config, write_tokenizer, write_weights
from report import Cost, Programs

CLASSIFIER, LIKELIHOOD, GENERATOR = "llama.classifier", "llama.likelihood", "llama.generator"
# Only what is said, without anything between turns: texts then share nothing but what is meant to be shared.
BARE = "{% for message in messages %}{{ message.content }}{% endfor %}"
ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclass
class Side:
    """One way to compute something: a name with its mode, and what a round of it cost."""

    name: str
    run: Callable[[int], Cost]
    costs: list[Cost] = field(default_factory=list)

    def cpu(self) -> float:
        return statistics.median(cost.cpu for cost in self.costs)

    def peak(self) -> int:
        return max(cost.peak for cost in self.costs)


@dataclass
class Ratio:
    """How many times more one side costs than another, and how many times it should at least."""

    slow: Side
    fast: Side
    goal: float | None = None


def compare(title: str, sides: list[Side], ratios: list[Ratio], rounds: int) -> None:
    """Runs the sides in turns and prints their table."""
    for turn in range(rounds):
        # Every second round the other way round, so that none is always first.
        for side in sides if turn % 2 == 0 else sides[::-1]:
            side.costs.append(side.run(turn))
            print(f"      {side.name}: {side.costs[-1].cpu:.1f} CPU seconds", file=sys.stderr, flush=True)
    print(f"\n== {title}; {rounds} rounds")
    print(f"{'':<64} {'CPU s':>8} {'peak MB':>8}")
    for side in sides:
        print(f"{side.name:<64} {side.cpu():>8.1f} {side.peak() / 1e6:>8.0f}")
    for ratio in ratios:
        each = [slow.cpu / fast.cpu for slow, fast in zip(ratio.slow.costs, ratio.fast.costs, strict=True)]
        value = statistics.median(each)
        verdict = ""
        if ratio.goal is not None:
            verdict = f", goal {ratio.goal}: {'reached' if value >= ratio.goal else 'MISSED'}"
        span = f" ({min(each):.2f} to {max(each):.2f})" if len(each) > 1 else ""
        print(f"   {ratio.fast.name} against {ratio.slow.name}: {value:.2f} times{span}{verdict}")
    sys.stdout.flush()


class Words:
    """Texts that have as many tokens as are asked for, because each of their words is one token."""

    def __init__(self, tokenizer: Any) -> None:
        # The begin of a word of the vocabulary is the letter for a space.
        known = sorted(token[1:] for token in tokenizer.get_vocab() if token[0] == "\u0120" and token[1:].isascii() and token[1:].isalpha())
        self.words = [word for word in known if len(tokenizer.encode(f" {word}", add_special_tokens=False).ids) == 1]

    def text(self, tokens: int, seed: int) -> str:
        draw = random.Random(seed)
        return "".join(f" {draw.choice(self.words)}" for _ in range(tokens))


class Bench:
    def __init__(self, programs: Programs, made: pathlib.Path, quick: bool) -> None:
        self.programs = programs
        self.made = made
        self.quick = quick
        self.rounds = 1 if quick else 2
        family = next(family for family in FAMILIES if family.name == "qwen2")
        self.folder = made / "qwen2-0.5b"
        self.tokenizer = tokenizer_of(family, [texts.prose(1200, seed) for seed in range(400)])
        if not (self.folder / "model.safetensors").exists():
            from reference import new_model

            print(f"making a model of 0.5B in {self.folder}", file=sys.stderr)
            for labels, folder in ((1, made / "qwen2-0.5b-rm"), (0, self.folder)):
                config = config_of(family, HALF, self.tokenizer, labels)
                model = new_model(family, config)
                draw_weights(model, 1)
                round_weights(model)
                write_config(config, folder)
                write_tokenizer(family, self.tokenizer, folder)
                write_weights(model, folder)
        self.words = Words(self.tokenizer)
        self.bare = made / "bare.jinja"
        self.bare.write_text(BARE, encoding="utf-8")

    def file(self, weights: str, reward: bool = False) -> str:
        folder = self.folder.with_name(f"{self.folder.name}-rm") if reward else self.folder
        file = self.made / "gguf" / f"{folder.name}-{weights}.gguf"
        return str(file if file.exists() else self.programs.load(folder, weights))

    def settings(self, weights: str, mode: str, **others: Any) -> Json:
        """Settings of a language model whose texts are read as they are."""
        return {"model": self.file(weights), "mode": mode, "template": str(self.bare), "context": 1024, **others}

    def ask(self, kind: str, settings: Json, lines: list[Json], *options: str, count: int | None = None) -> Cost:
        """What it cost; `count` is how many tokens have to have been written."""
        answers, cost = self.programs.ask_all(kind, settings, lines, "--no-inspection", *options)
        for answer in answers:
            assert "error" not in answer, answer["error"]
        if count is not None:
            written = sum(answer["completion"]["usage"]["output-tokens"] for answer in answers)
            assert written == count, f"{written} tokens were written, not {count}"
        return cost


def likelihood(bench: Bench) -> None:
    """8 replies of 128 tokens to one prompt of 512, against reading every text from its beginning."""

    def lines(shared: bool, turn: int) -> list[Json]:
        rows = []
        for place in range(8):
            seed = 100 * turn + (0 if shared else place)
            prompt = bench.words.text(512, seed)
            rows.append({"turns": [{"role": "user", "content": prompt}], "candidates": [bench.words.text(128, 9000 + 100 * turn + place)]})
        return rows

    def run(settings: Json, shared: bool, turn: int) -> Cost:
        return bench.ask(LIKELIHOOD, settings, lines(shared, turn), *([] if shared else ["--at-once", "1"]))

    sides: list[Side] = []
    ratios: list[Ratio] = []
    for mode in ("exact", "fast"):
        settings = bench.settings("q8_0", mode, **{"append-eos": False})
        name = f"likelihood q8_0 {mode}"
        whole = Side(f"{name}, every text from its beginning", partial(run, settings, False))
        kept = Side(f"{name}, one prompt", partial(run, settings, True))
        sides += [whole, kept]
        ratios.append(Ratio(whole, kept, 2.5))
    compare("log-probabilities of 8 replies of 128 tokens to a prompt of 512", sides, ratios, bench.rounds)


def generator(bench: Bench) -> None:
    """16 votes of 64 tokens on one prompt of 768, against doing them one by one."""
    # What shares nothing costs the same each time: of the 16 so many are run.
    sampled = 1 if bench.quick else 2

    def line(turn: int, seeds: range, prompt: int = 0) -> Json:
        content = bench.words.text(768, 100 * turn + prompt)
        sampling = {"max-tokens": 64, "temperature": 1.0}
        return {"turns": [{"role": "user", "content": content}], "sampling": sampling, "seeds": list(seeds)}

    def votes(mode: str) -> Side:
        settings = bench.settings("q8_0", mode, slots=16, thinking=False)
        name = f"generator q8_0 {mode}, 16 votes side by side"
        return Side(name, lambda turn: bench.ask(GENERATOR, settings, [line(turn, range(16))], count=16 * 64))

    alone = bench.settings("q8_0", "fast", slots=1, thinking=False)

    def whole(turn: int) -> Cost:
        lines = [line(turn, range(1), prompt) for prompt in range(sampled)]
        cost = bench.ask(GENERATOR, alone, lines, "--at-once", "1", count=sampled * 64)
        return Cost(cost.seconds * 16 / sampled, cost.cpu * 16 / sampled, cost.peak)

    def kept(turn: int) -> Cost:
        lines = [line(turn, range(seed, seed + 1)) for seed in range(16)]
        return bench.ask(GENERATOR, alone, lines, "--at-once", "1", count=16 * 64)

    recompute = Side(f"generator q8_0 fast, prompt read again for each vote ({sampled} of 16 run)", whole)
    sequential = Side("generator q8_0 fast, one vote after the other", kept)
    fast, exact = votes("fast"), votes("exact")
    ratios = [Ratio(recompute, fast, 6.0), Ratio(recompute, exact, 6.0), Ratio(sequential, fast, 1.8), Ratio(sequential, exact, 1.8)]
    compare("16 votes of 64 tokens on a prompt of 768", [recompute, sequential, fast, exact], ratios, bench.rounds)


def lengths_of_texts() -> list[int]:
    """64 lengths as a suite of chats has them: log-normal about 120 tokens, from 20 to 1,000."""
    draw = random.Random(1)
    return [min(1000, max(20, round(120 * math.exp(0.75 * draw.gauss(0, 1))))) for _ in range(64)]


def classifier(bench: Bench) -> None:
    """Scores of 64 texts, against transformers in batches of 8."""
    lengths = lengths_of_texts()
    rounds = 4
    share = 16 // (2 if bench.quick else 1)
    if bench.quick:
        rounds = 1

    def chosen(turn: int) -> list[str]:
        return [bench.words.text(lengths[at], at) for at in range(turn * 16, turn * 16 + share)]

    def ours(weights: str, mode: str) -> Side:
        settings = {"model": bench.file(weights, reward=True), "mode": mode, "template": str(bench.bare), "context": 1024}

        def run(turn: int) -> Cost:
            return bench.ask(CLASSIFIER, settings, [{"turns": [], "candidates": [text]} for text in chosen(turn)])

        return Side(f"classifier {weights} {mode}", run)

    usual = Side("transformers float32, batches of 8, padded", lambda turn: transformers(bench, chosen(turn)))
    sides = [ours("f32", "exact"), ours("f32", "fast"), ours("q4_0", "exact"), ours("q4_0", "fast")]
    ratios = [Ratio(usual, side, 1.5 if "f32" in side.name else 3.0) for side in sides]
    told = f"lengths {min(lengths)} to {max(lengths)}, mean {statistics.mean(lengths):.0f}"
    compare(f"scores of {rounds * share} texts, {share} in each round, {told} tokens", [usual, *sides], ratios, rounds)


def transformers(bench: Bench, chosen: list[str]) -> Cost:
    """Scores texts in a process of its own."""
    command = [sys.executable, __file__, "--transformers", str(bench.folder.with_name(f"{bench.folder.name}-rm"))]
    done = subprocess.run(command, input=json.dumps(chosen), capture_output=True, text=True, check=True)
    return Cost(**json.loads(done.stdout.strip().splitlines()[-1]))


def usual_script(folder: str) -> None:
    """What a script for reward models does: batches of 8 in the order given, padded to the longest."""
    import torch

    from reference import load_tokenizer, transformers as library

    tokenizer = load_tokenizer(pathlib.Path(folder))
    model = library.AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    chosen = json.load(sys.stdin)
    seconds, cpu = time.monotonic(), time.process_time()
    with torch.inference_mode():
        for start in range(0, len(chosen), 8):
            batch = tokenizer(chosen[start : start + 8], padding=True, return_tensors="pt", return_token_type_ids=False)
            model(**batch).logits[:, 0].tolist()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": time.monotonic() - seconds, "cpu": time.process_time() - cpu, "peak": peak}))


def judge(bench: Bench, python: str | None, full: bool) -> None:
    """Log-probabilities of A and B for pairs in both orders, against llama-cpp-python's server."""
    if python is None:
        print("\n== skipped: judging beside a server; name one's Python with --server")
        return
    pairs = 200 if full else 4 if bench.quick else 20
    rounds = 1 if bench.quick else 2
    share = pairs // rounds

    def contents(turn: int) -> list[str]:
        prompts = []
        for pair in range(turn * share, (turn + 1) * share):
            asked = bench.words.text(60, 5 * pair)
            answers = [bench.words.text(80, 5 * pair + 1), bench.words.text(80, 5 * pair + 2)]
            for one, other in (answers, answers[::-1]):
                prompts.append(f"Which answer is better?{asked}\n\n[A]{one}\n\n[B]{other}\n\nReply with A or B.")
        return prompts

    model = bench.file("q8_0")
    settings = {"model": model, "context": 1024, "thinking": False}

    def ours(mode: str) -> Side:
        def run(turn: int) -> Cost:
            lines = [
                {"turns": [{"role": "user", "content": content}], "sampling": {"max-tokens": 1}, "seeds": [0], "labels": ["A", "B"]}
                for content in contents(turn)
            ]
            return bench.ask(GENERATOR, {**settings, "mode": mode}, lines)

        return Side(f"generator q8_0 {mode}", run)

    with Server(python, model, bench.programs.scratch) as server:
        usual = Side("llama-cpp-python's server q8_0, top_logprobs 20", lambda turn: server.judge(contents(turn)))
        exact, fast = ours("exact"), ours("fast")
        ratios = [Ratio(usual, exact, 1.5), Ratio(usual, fast, 1.5)]
        compare(f"label log-probabilities of {pairs} pairs in both orders, {share} in each round", [usual, exact, fast], ratios, rounds)
        for side in (usual, exact, fast):
            print(f"   {side.name}: {2 * share / side.cpu():.2f} requests per CPU second")


class Server:
    """llama-cpp-python's server on one model."""

    def __init__(self, python: str, model: str, folder: pathlib.Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = {
            "model": model, "model_alias": "judge", "n_ctx": 1024, "n_batch": 512, "n_threads": 1, "n_threads_batch": 1,
            "logits_all": True, "verbose": False,
        }  # fmt: skip
        config = folder / "server.json"
        config.write_text(json.dumps({"host": "127.0.0.1", "port": self.port, "models": [settings]}))
        self.log = (folder / "server.log").open("w")
        command = [python, "-m", "llama_cpp.server", "--config_file", str(config)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, env=environment)

    def __enter__(self) -> "Server":
        end = time.monotonic() + 120
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/models", timeout=5).close()
                return self
            except OSError:
                time.sleep(0.2)
        self.__exit__()
        raise SystemExit(f"error: the server did not start; see {self.log.name}")

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def judge(self, contents: list[str]) -> Cost:
        start, cpu = time.monotonic(), self.cpu()
        for content in contents:
            body = {
                "model": "judge", "messages": [{"role": "user", "content": content}], "max_tokens": 1, "temperature": 0.0,
                "logprobs": True, "top_logprobs": 20,
            }  # fmt: skip
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.port}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=300) as reply:
                answer = json.load(reply)
            assert answer["choices"][0]["logprobs"], answer
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
        return Cost(time.monotonic() - start, self.cpu() - cpu, peak)

    def cpu(self) -> float:
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tribunal", nargs="?")
    parser.add_argument("ask", nargs="?")
    parser.add_argument("--server", metavar="PYTHON", help="a Python that has llama_cpp.server")
    parser.add_argument("--only", help="likelihood, generator, classifier or judge")
    parser.add_argument("--quick", action="store_true", help="one round of less")
    parser.add_argument("--full", action="store_true", help="200 pairs in place of 20")
    parser.add_argument("--transformers", metavar="FOLDER", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.transformers:
        usual_script(given.transformers)
        return 0
    if not (given.tribunal and given.ask):
        parser.error("name the programs `tribunal` and `ask`")
    os.environ["OMP_NUM_THREADS"] = "1"
    made = ROOT / "target" / "parity"
    made.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    bench = Bench(Programs(given.tribunal, given.ask, made), made, given.quick)
    parts: dict[str, Callable[[], None]] = {
        "likelihood": lambda: likelihood(bench),
        "generator": lambda: generator(bench),
        "classifier": lambda: classifier(bench),
        "judge": lambda: judge(bench, given.server, given.full),
    }
    for name, part in parts.items():
        if given.only in (None, name):
            part()
    print(f"\n{(time.monotonic() - start) / 60:.1f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
