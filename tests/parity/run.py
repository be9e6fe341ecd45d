"""Holds imported models against transformers: `python run.py TRIBUNAL ASK [--full] [SECTION...]`.

Sections are the functions in `SECTIONS`. Every check prints one line with what was measured and what is allowed. `--full` scores 64 texts with
models of 0.5B in place of 10, and tells what types of weights with fewer bits change in trained models.
"""

import argparse
import hashlib
import json
import pathlib
import random
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import jinja2
import torch
from safetensors.torch import save_file

import texts
from families import (
    FAMILIES, HALF, TINY, Family, Json, Size, config_of, draw_weights, named_weights, round_weights, tokenizer_of, write_config,
    write_tokenizer, write_weights,
)  # fmt: skip
from reference import deviation, hidden, labels, load_model, load_tokenizer, logprobs, new_model
from report import ProgramFailed, Programs, Report

CLASSIFIER, LIKELIHOOD, GENERATOR = "llama.classifier", "llama.likelihood", "llama.generator"

# Scores have deviations about 1, so these are absolute and relative at once.
TINY_SCORES, HALF_SCORES = 1e-5, 1e-4
LIKELIHOODS = 1e-3
LABELS = 1e-4


class Bench:
    """Everything that the sections share."""

    def __init__(self, programs: Programs, report: Report, full: bool, families: list[Family]) -> None:
        self.programs = programs
        self.report = report
        self.full = full
        self.families = families
        self.weights = ["f32", "f16", "q8_0", "q4_0"] if full else ["f32"]
        self.corpus = texts.corpus()
        self.tokenizers: dict[str, Any] = {}

    def tokenizer(self, family: Family) -> Any:
        if family.name not in self.tokenizers:
            draw = random.Random(7)
            self.tokenizers[family.name] = tokenizer_of(family, draw.sample(self.corpus, min(1500, len(self.corpus))))
        return self.tokenizers[family.name]

    def folder(self, family: Family, size: Size, labels: int, seed: int = 1, name: str = "") -> tuple[pathlib.Path, Json]:
        """Makes a model folder, of a language model where there are no labels; the folder and its configuration."""
        folder = self.programs.scratch / (name or f"{family.name}-{size.name}-{'rm' if labels else 'lm'}-{seed}")
        config = config_of(family, size, self.tokenizer(family), labels)
        write_config(config, folder)
        write_tokenizer(family, self.tokenizer(family), folder)
        model = new_model(family, config)
        draw_weights(model, seed)
        if labels:
            self.scale_head(family, folder, model, 60 if size is HALF else 1500)
        if size is HALF:
            round_weights(model)
        write_weights(model, folder)
        return folder, config

    def scale_head(self, family: Family, folder: pathlib.Path, model: torch.nn.Module, most: int) -> None:
        """Gives scores of texts of up to so many tokens the deviation 1."""
        tokenizer = load_tokenizer(folder)
        scores = [labels(model, read_tokens(family, tokenizer, turns)) for turns in dialogues(tokenizer, 16, 20, most)]
        head = next(weight for name, weight in model.named_parameters() if name.startswith(("score", "v_head")))
        with torch.no_grad():
            head.div_(torch.stack(scores).std(0).mean())


def tokens_of(tokenizer: Any, turns: texts.Turns, opened: bool = False) -> list[int]:
    """Tokens of a dialogue, as a usual script has them: the template as text, and no special tokens but those in it."""
    rendered = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=opened)
    ids: list[int] = tokenizer(rendered, add_special_tokens=False).input_ids
    return ids


def read_tokens(family: Family, tokenizer: Any, turns: texts.Turns) -> list[int]:
    """Tokens that a classifier reads."""
    ids = tokens_of(tokenizer, turns)
    return ids if family.is_in_transformers else [*ids, tokenizer.convert_tokens_to_ids("<|reward|>")]


def dialogues(tokenizer: Any, count: int, least: int = 20, most: int = 1500) -> list[texts.Turns]:
    return [
        texts.dialogue(length, seed, lambda turns: len(tokens_of(tokenizer, turns)))
        for seed, length in enumerate(texts.spread(count, least, most))
    ]


def question(turns: texts.Turns) -> Json:
    """A dialogue whose last turn is the candidate."""
    return {"turns": turns[:-1], "candidates": [turns[-1]["content"]]}


def score_of(answer: Json) -> float:
    """The score of a line; not a number where there is none."""
    scores = (answer.get("answer") or {}).get("scores")
    return float(scores[0]) if scores else float("nan")


def wrong_tokens(answers: list[Json], wanted: list[list[int]]) -> int:
    return sum(answer.get("inspection", {}).get("tokens") != ids for answer, ids in zip(answers, wanted, strict=True))


def largest(ones: list[float], others: list[float]) -> float:
    """The largest difference; not a number where one is none."""
    return float((torch.tensor(ones, dtype=torch.float64) - torch.tensor(others, dtype=torch.float64)).abs().max())


def scores_alike(bench: Bench, family: Family, size: Size, count: int, most: float) -> None:
    """Scores of a classifier with one label, its tokens among them."""
    folder, config = bench.folder(family, size, 1)
    tokenizer = load_tokenizer(folder)
    turns = dialogues(tokenizer, count)
    ids = [read_tokens(family, tokenizer, each) for each in turns]
    model = load_model(family, folder, config)
    wanted = [float(labels(model, each)[0]) for each in ids]
    del model
    file = bench.programs.load(folder)
    answers, _ = bench.programs.ask_all(CLASSIFIER, {"model": str(file)}, map(question, turns))
    name = f"{family.reward_class}, {size.name}"
    lengths = f"texts of {min(map(len, ids))} to {max(map(len, ids))} tokens"
    bench.report.equal(f"{name}: token ids", wrong_tokens(answers, ids), count, lengths)
    detail = f"{count} scores with deviation {deviation(wanted):.2f}"
    bench.report.check(f"{name}: scores", largest([score_of(answer) for answer in answers], wanted), most, detail)
    for path in (folder / "model.safetensors", file):
        path.unlink()


def classifiers(bench: Bench) -> None:
    """Tiny classifiers of every family, 64 texts each."""
    for family in bench.families:
        scores_alike(bench, family, TINY, 64, TINY_SCORES)


def half(bench: Bench) -> None:
    """Classifiers in the shape of 0.5B of every family."""
    for family in bench.families:
        scores_alike(bench, family, HALF, 64 if bench.full else 10, HALF_SCORES)


def heads(bench: Bench) -> None:
    """Heads that are more than one row: labels, layers, biases, costs."""
    family = next(family for family in FAMILIES if family.name == "qwen2")
    folder, config = bench.folder(family, TINY, 1, seed=2, name="heads")
    tokenizer = load_tokenizer(folder)
    turns = dialogues(tokenizer, 16, 20, 400)
    ids = [tokens_of(tokenizer, each) for each in turns]
    model = load_model(family, folder, config)
    states = torch.stack([hidden(model, each)[-1] for each in ids])
    body = {name: weight for name, weight in named_weights(model) if not name.startswith("score.")}
    draw = torch.Generator().manual_seed(3)

    def normal(*shape: int) -> torch.Tensor:
        numbers: torch.Tensor = torch.randn(shape, generator=draw) / shape[-1] ** 0.5
        return numbers

    three, wide, narrow = normal(3, TINY.hidden), normal(48, TINY.hidden), normal(1, 48)
    biases = normal(48), normal(1), normal(3)
    first = states @ wide.T + biases[0]
    one = {"score.weight": three[:1].clone()}
    layered = {"score.0.weight": wide, "score.0.bias": biases[0], "score.2.weight": narrow, "score.2.bias": biases[1]}
    sequence, other = family.reward_class, "Qwen2ForRewardModel"
    weights = torch.tensor([1.0, 0.5, -0.25])
    cases: list[tuple[str, str, Json, list[str], torch.Tensor]] = [
        ("three labels, weighed", sequence, {"score.weight": three}, ["--label-weights", "1,0.5,-0.25"], states @ three.T @ weights),
        ("three labels, the second", sequence, {"score.weight": three}, ["--label", "1"], states @ three[1]),
        ("one label with a bias", other, {"value_head.weight": three[:1].clone(), "value_head.bias": biases[1]}, [], states @ three[0] + biases[1]),
        ("a cost", sequence, one, ["--cost"], -(states @ three[0])),
        ("two layers with ReLU, by the class", other, layered, [], (first.relu() @ narrow.T + biases[1])[:, 0]),
    ]  # fmt: skip
    functions: list[tuple[str, Callable[[torch.Tensor], torch.Tensor]]] = [
        ("silu", torch.nn.functional.silu),
        ("gelu", torch.nn.functional.gelu),
        ("gelu-tanh", lambda x: torch.nn.functional.gelu(x, approximate="tanh")),
        ("tanh", torch.tanh),
        ("selu", torch.nn.functional.selu),
        ("sigmoid", torch.sigmoid),
    ]
    for name, function in functions:
        wanted = (function(first) @ narrow.T + biases[1])[:, 0]
        cases.append((f"two layers with {name}", sequence, layered, ["--activation", name], wanted))
    for name, kind, head, flags, expected in cases:
        count = next((weight.shape[0] for key, weight in head.items() if key == "score.weight"), 1)
        names = {str(label): f"LABEL_{label}" for label in range(count)}
        label_ids = {text: int(label) for label, text in names.items()}
        write_config(config | {"architectures": [kind], "id2label": names, "label2id": label_ids}, folder)
        torch_save(body | head, folder)
        file = bench.programs.load(folder, "f32", *flags)
        answers, _ = bench.programs.ask_all(CLASSIFIER, {"model": str(file)}, map(question, turns))
        detail = f"{len(ids)} scores with deviation {deviation(expected.tolist()):.2f}"
        found = [score_of(answer) for answer in answers]
        bench.report.check(f"head of {name}", largest(found, expected.tolist()), TINY_SCORES, detail)

    padded(bench)


def padded(bench: Bench) -> None:
    """transformers reads the score at the last token that is not `pad_token_id`: where the end token fills rows, the one before it."""
    family = next(family for family in FAMILIES if family.name == "mistral")
    folder, config = bench.folder(family, TINY, 1, name="padded")
    config |= {"pad_token_id": config["eos_token_id"]}
    write_config(config, folder)
    tokenizer, model = load_tokenizer(folder), load_model(family, folder, config)
    turns = dialogues(tokenizer, 16, 20, 400)
    wanted = [float(labels(model, tokens_of(tokenizer, each))[0]) for each in turns]
    answers, _ = bench.programs.ask_all(CLASSIFIER, {"model": str(bench.programs.load(folder))}, map(question, turns))
    name = "texts that end in the token that fills rows"
    bench.report.check(name, largest([score_of(answer) for answer in answers], wanted), TINY_SCORES)


def torch_save(weights: dict[str, torch.Tensor], folder: pathlib.Path) -> None:
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})


def causal(bench: Bench) -> None:
    """Language models of every family: log-probabilities of replies and of labels."""
    for family in bench.families:
        likelihoods(bench, family)


def likelihoods(bench: Bench, family: Family) -> None:
    count = 64
    folder, config = bench.folder(family, TINY, 0)
    base, base_config = bench.folder(family, TINY, 0, seed=2)
    tokenizer = load_tokenizer(folder)
    turns = dialogues(tokenizer, count)
    policy, reference = load_model(family, folder, config), load_model(family, base, base_config)
    sums: list[float] = []
    base_sums: list[float] = []
    ids, lengths = [], []
    for each in turns:
        tokens, start = reply_of(tokenizer, each)
        ids.append(tokens)
        lengths.append(len(tokens) - start)
        for model, into in ((policy, sums), (reference, base_sums)):
            rows = logprobs(model, tokens[:-1])[start - 1 :]
            into.append(float(rows.gather(1, torch.tensor(tokens[start:])[:, None]).sum()))
    file, base_file = bench.programs.load(folder), bench.programs.load(base)
    settings = {"model": str(file)}
    name = f"{family.stem}ForCausalLM, tiny"
    answers, _ = bench.programs.ask_all(LIKELIHOOD, settings, map(question, turns))
    bench.report.equal(f"{name}: token ids of replies", wrong_tokens(answers, ids), count)
    found = [score_of(answer) for answer in answers]
    relative = max(abs(one - other) / abs(other) for one, other in zip(found, sums, strict=True))
    detail = f"{count} replies of {min(lengths)} to {max(lengths)} tokens, largest absolute difference {largest(found, sums):.2g}"
    bench.report.check(f"{name}: sums of log-probabilities, relative", relative, LIKELIHOODS, detail)
    per_token = settings | {"normalise": "tokens"}
    answers, _ = bench.programs.ask_all(LIKELIHOOD, per_token, map(question, turns))
    wanted = [total / length for total, length in zip(sums, lengths, strict=True)]
    bench.report.check(f"{name}: the same per token", largest([score_of(answer) for answer in answers], wanted), LABELS)
    against = settings | {"reference": str(base_file)}
    answers, _ = bench.programs.ask_all(LIKELIHOOD, against, map(question, turns))
    wanted = [total - other for total, other in zip(sums, base_sums, strict=True)]
    difference = largest([score_of(answer) for answer in answers], wanted)
    detail = f"rewards from {min(wanted):.0f} to {max(wanted):.0f}"
    # Two sums of up to a thousand terms are subtracted, so that the difference is as wrong as they are.
    most = LABELS * max(map(abs, sums)) / 10
    bench.report.check(f"{name}: policy less reference", difference, most, detail)
    prompts = [{"turns": each[:-1], "sampling": {"max-tokens": 1}, "seeds": [1], "labels": LABEL_TEXTS} for each in turns]
    label_ids = [token_written(tokenizer, label) for label in LABEL_TEXTS]
    opened = [tokens_of(tokenizer, each[:-1], opened=True) for each in turns]
    wanted = [float(row[label]) for each in opened for row in [logprobs(policy, each)[-1]] for label in label_ids]
    answers, _ = bench.programs.ask_all(GENERATOR, settings | GENERATING, prompts)
    bench.report.equal(f"{name}: token ids of prompts", wrong_tokens(answers, opened), count)
    found = [number for answer in answers for number in listed(answer, LABEL_TEXTS)]
    detail = f"{len(wanted)} log-probabilities from {min(wanted):.1f} to {max(wanted):.1f}"
    bench.report.check(f"{name}: label log-probabilities", largest(found, wanted), LABELS, detail)


LABEL_TEXTS = ["A", "B", "1", "7"]
# The fewest slots and no look-out for reasoning: one token is written.
GENERATING: Json = {"slots": 3, "thinking": False}


def token_written(tokenizer: Any, letter: str) -> int:
    """The token that a text of this letter is written with; vocabularies of pieces without it have one for the byte."""
    known = tokenizer.get_vocab()
    return int(next(known[name] for name in (letter, f"<0x{ord(letter):02X}>") if name in known))


def listed(answer: Json, wanted: list[str]) -> list[float]:
    """Log-probabilities of these texts at the first token; not a number where they are not reported."""
    tokens = (answer.get("completion") or {}).get("texts", [{}])[0].get("tokens") or [{"others": []}]
    others = dict(tokens[0]["others"])
    return [float(others.get(text, "nan")) for text in wanted]


def reply_of(tokenizer: Any, turns: texts.Turns) -> tuple[list[int], int]:
    """Tokens of a dialogue and the place of the reply's first, as trainers of DPO count them.

    Both texts come from the template; the reply begins where they part. The begin token is added where there is none, and the end token.
    """
    before = tokenizer.apply_chat_template(turns[:-1], tokenize=False)
    whole = tokenizer.apply_chat_template(turns, tokenize=False)
    common = next((at for at, (one, other) in enumerate(zip(before, whole)) if one != other), min(len(before), len(whole)))
    tokens = tokenizer(whole, add_special_tokens=False).input_ids
    prompt = tokenizer(whole[:common], add_special_tokens=False).input_ids
    start = next((at for at, (one, other) in enumerate(zip(prompt, tokens)) if one != other), min(len(prompt), len(tokens)))
    if tokenizer.bos_token_id is not None and tokens[0] != tokenizer.bos_token_id:
        tokens, start = [tokenizer.bos_token_id, *tokens], start + 1
    if tokens[-1] != tokenizer.eos_token_id:
        tokens = [*tokens, tokenizer.eos_token_id]
    return tokens, start


def token_ids(bench: Bench) -> None:
    """2,000 texts through the tokenizer of each family, without a template."""
    draw = random.Random(11)
    chosen = draw.sample(bench.corpus, min(1500, len(bench.corpus)))
    chosen += texts.made(2000 - len(chosen))
    for family in bench.families:
        special = [*family.control, *family.late, *family.plain]
        # A special token written in a text is that token for both.
        all_texts = [*chosen, *(f"{draw.choice(special)}{text[:80]}{draw.choice(special)} {text[80:120]}" for text in texts.made(50, 2))]
        folder, _ = bench.folder(family, TINY, 1)
        tokenizer = load_tokenizer(folder)
        template = bench.programs.scratch / "bare.jinja"
        template.write_text("{{ messages[0]['content'] }}", encoding="utf-8")
        # Texts are longer than the context, so that they are tokenised and not read.
        settings = {"model": str(bench.programs.load(folder)), "template": str(template), "add-special-tokens": False, "context": 4}
        lines = ({"turns": [{"role": "user", "content": text}], "candidates": [""]} for text in all_texts)
        answers, _ = bench.programs.ask_all(CLASSIFIER, settings, lines)
        wanted = [tokenizer(text, add_special_tokens=False).input_ids for text in all_texts]
        if not family.is_in_transformers:
            wanted = [[*ids, tokenizer.convert_tokens_to_ids("<|reward|>")] for ids in wanted]
        wrong = wrong_tokens(answers, wanted)
        detail = f"{sum(map(len, wanted))} tokens"
        bench.report.equal(f"tokenizer of {family.name}", wrong, len(all_texts), detail)
        parted = (at for at, (answer, ids) in enumerate(zip(answers, wanted)) if wrong_tokens([answer], [ids]))
        for at in list(parted)[:5]:
            tell_parting(bench.report, tokenizer, answers[at].get("inspection", {}).get("tokens", []), wanted[at])


def tell_parting(report: Report, tokenizer: Any, found: list[int], wanted: list[int]) -> None:
    at = next((at for at, (one, other) in enumerate(zip(found, wanted)) if one != other), min(len(found), len(wanted)))
    pieces = [tokenizer.convert_ids_to_tokens(ids[max(0, at - 2) : at + 5]) for ids in (found, wanted)]
    report.tell(f"from token {at}: llama.cpp {pieces[0]}, transformers {pieces[1]}")


def templates(bench: Bench) -> None:
    """Rendered texts, byte for byte."""
    told = ["Hello there.", " leading and trailing \n", "Ünïcödé 日本語 🙂\r\nsecond line", "{{ not a template }} {% raw %}", "<b>\"it's\"</b> &amp; \\n", "a\n\n\n", "x"]
    draw = random.Random(5)
    for family in bench.families:
        folder, _ = bench.folder(family, TINY, 1)
        tokenizer = load_tokenizer(folder)
        all_turns: list[texts.Turns] = []
        for pairs in (1, 1, 1, 2, 2, 3, 5):
            for system in (False, True):
                turns = [{"role": "system", "content": draw.choice(told)}] if system else []
                for _ in range(pairs):
                    turns.append({"role": "user", "content": draw.choice(told)})
                    turns.append({"role": "assistant", "content": draw.choice([*told, "<think>\nhm\n</think>\n\nYes", "</think>No"])})
                all_turns.append(turns)
        # Two questions in a row: some templates refuse them.
        all_turns.append([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}])
        wanted = [rendered(tokenizer, turns) for turns in all_turns]
        answers, _ = bench.programs.ask_all(CLASSIFIER, {"model": str(bench.programs.load(folder))}, map(question, all_turns))
        wrong = sum(answer.get("inspection", {}).get("rendered") != text for answer, text in zip(answers, wanted, strict=True))
        refused = sum(text is None for text in wanted)
        bench.report.equal(f"template of {family.name}", wrong, len(all_turns), f"{refused} refused by both" if refused else "")
        for answer, text, turns in zip(answers, wanted, all_turns):
            if answer.get("inspection", {}).get("rendered") != text:
                bench.report.tell(f"{answer.get('inspection', answer)!r:.300} for {text!r:.300}")


def rendered(tokenizer: Any, turns: texts.Turns) -> str | None:
    """The text; nothing where the template refuses the turns."""
    try:
        text: str = tokenizer.apply_chat_template(turns, tokenize=False)
    except jinja2.exceptions.TemplateError:
        return None
    return text


def trained(bench: Bench) -> None:
    """Small trained models with stored expectations, and what fewer bits change."""
    if not (MODELS / "README.md").exists() or not texts.RMB.is_dir():
        print(f"skipped: the trained models need `{MODELS}` and `{texts.RMB}`")
        return
    for name in ("tiny-qwen2-rm", "tiny-llama-rm"):
        trained_rewards(bench, name)
    trained_judge(bench)
    if bench.full:
        right_pairs(bench)


MODELS = texts.DATA / "models"


def reference_rows(name: str) -> list[Json]:
    lines = (MODELS / name / "reference.jsonl").read_bytes().split(b"\n")
    return [json.loads(line) for line in lines if line]


def turns_of(record: Any, answer: str) -> texts.Turns:
    turns = [{"role": turn["role"], "content": turn["content"]} for turn in record["conversation_input"]]
    return [*turns, {"role": "assistant", "content": answer}]


def trained_rewards(bench: Bench, name: str) -> None:
    pairs = {str(record["pair_uid"]): record for record in texts.records("Pairwise_set")}
    lists = {str(record["bon_uid"]): record for record in texts.records("BoN_set")}
    rows = reference_rows(name)
    all_turns = []
    for row in rows:
        record: Any = (pairs if row["suite"] == "rmb-pairwise" else lists)[row["uid"]]
        candidate = row["candidate"]
        if candidate.startswith("loser-"):
            answer = record["loser_list"][int(candidate.removeprefix("loser-"))]
        else:
            answer = record["bon_best" if candidate == "best" else candidate]
        all_turns.append(turns_of(record, answer["answer"]))
    tokenizer = load_tokenizer(MODELS / name)
    ids = [tokens_of(tokenizer, turns) for turns in all_turns]
    wrong = sum((len(each), each[:8], each[-8:]) != (row["n_tokens"], row["first_ids"], row["last_ids"]) for each, row in zip(ids, rows))
    bench.report.equal(f"{name}: stored token ids and those of this transformers", wrong, len(rows))
    wanted = [row["score"] for row in rows]
    for weights in bench.weights:
        file = bench.programs.load(MODELS / name, weights)
        answers, _ = bench.programs.ask_all(CLASSIFIER, {"model": str(file), "context": 16384}, map(question, all_turns))
        found = [score_of(answer) for answer in answers]
        if weights == "f32":
            bench.report.equal(f"{name}: token ids", wrong_tokens(answers, ids), len(rows))
            detail = f"{len(rows)} scores with deviation {deviation(wanted):.2f}, texts of up to {max(map(len, ids))} tokens"
            bench.report.check(f"{name}: scores", largest(found, wanted), TINY_SCORES, detail)
        else:
            mean = sum(abs(one - other) for one, other in zip(found, wanted)) / len(wanted)
            bench.report.tell(f"{name} as {weights}: scores differ by {largest(found, wanted):.2g} at most, {mean:.2g} on average")


def trained_judge(bench: Bench) -> None:
    name = "tiny-qwen3-judge"
    rows = reference_rows(name)
    tokenizer = load_tokenizer(MODELS / name)
    prompts, wanted, names = [], [], []
    for row in rows:
        assert hashlib.sha256(row["prompt"].encode()).hexdigest() == row["prompt_sha256"]
        user = row["prompt"].removeprefix("<|im_start|>user\n")
        user, prefix = user.rsplit("<|im_end|>\n<|im_start|>assistant\n", 1)
        texts_wanted = ["A", "B"] if row["kind"] == "pair" else [" Yes", " No"]
        names.append(texts_wanted)
        wanted += [row["logprob_a"], row["logprob_b"]] if row["kind"] == "pair" else [row["logprob_yes"], row["logprob_no"]]
        turns = [{"role": "user", "content": user}, {"role": "assistant", "content": prefix}]
        prompts.append({"turns": turns, "sampling": {"max-tokens": 1}, "seeds": [1], "labels": texts_wanted})
    ids = [tokenizer(row["prompt"], add_special_tokens=False).input_ids for row in rows]
    for weights in bench.weights:
        file = bench.programs.load(MODELS / name, weights)
        answers, _ = bench.programs.ask_all(GENERATOR, {"model": str(file), **GENERATING}, prompts)
        found = [number for answer, texts_wanted in zip(answers, names) for number in listed(answer, texts_wanted)]
        if weights == "f32":
            bench.report.equal(f"{name}: token ids", wrong_tokens(answers, ids), len(rows), "replies begun with `[[` or `Verdict:`")
            detail = f"{len(wanted)} log-probabilities from {min(wanted):.1f} to {max(wanted):.1f}"
            bench.report.check(f"{name}: label log-probabilities", largest(found, wanted), LABELS, detail)
        else:
            mean = sum(abs(one - other) for one, other in zip(found, wanted)) / len(wanted)
            bench.report.tell(f"{name} as {weights}: log-probabilities differ by {largest(found, wanted):.2g} at most, {mean:.2g} on average")


# What transformers counted on the pairs of the test split.
RIGHT_PAIRS = 1446


def right_pairs(bench: Bench) -> None:
    """How many pairs of the test split each type of weights gets right."""
    name = "tiny-qwen2-rm"
    wanted = set(json.loads((MODELS / "test_split.json").read_text())["pair_uids"])
    pairs: list[Any] = [record for record in texts.records("Pairwise_set") if str(record["pair_uid"]) in wanted]
    lines = [question(turns_of(record, record[side]["answer"])) for record in pairs for side in ("chosen", "reject")]
    exact: list[float] = []
    for weights in bench.weights:
        file = bench.programs.load(MODELS / name, weights)
        answers, cost = bench.programs.ask_all(CLASSIFIER, {"model": str(file), "context": 16384}, lines, "--no-inspection")
        scores = [score_of(answer) for answer in answers]
        right = sum(one > other for one, other in zip(scores[::2], scores[1::2]))
        if weights == "f32":
            exact = scores
            bench.report.check(f"{name}: pairs right that differ from {RIGHT_PAIRS}", abs(right - RIGHT_PAIRS), 0, f"of {len(pairs)}, {cost.cpu:.0f} CPU seconds")
        else:
            mean = sum(abs(one - other) for one, other in zip(scores, exact)) / len(scores)
            bench.report.tell(f"{name} as {weights}: {right} of {len(pairs)} pairs right, scores differ by {largest(scores, exact):.2g} at most, {mean:.2g} on average")


SECTIONS: list[Callable[[Bench], None]] = [templates, token_ids, classifiers, heads, causal, trained, half]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tribunal")
    parser.add_argument("ask")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(section.__name__ for section in SECTIONS))
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--family", choices=[family.name for family in FAMILIES], help="only this one, where sections go through families")
    given = parser.parse_intermixed_args()
    known = [section.__name__ for section in SECTIONS]
    for name in given.sections:
        if name not in known:
            parser.error(f"there is no section `{name}`")
    families = [family for family in FAMILIES if given.family in (None, family.name)]
    wanted = [section for section in SECTIONS if section.__name__ in (given.sections or known)]
    report = Report()
    with tempfile.TemporaryDirectory(prefix="parity-") as scratch:
        bench = Bench(Programs(given.tribunal, given.ask, pathlib.Path(scratch)), report, given.full, families)
        for section in wanted:
            print(f"\n== {section.__name__}: {section.__doc__}", flush=True)
            try:
                section(bench)
            except ProgramFailed as error:
                report.failure(section.__name__, str(error))
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
