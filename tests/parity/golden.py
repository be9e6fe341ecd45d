"""Writes plugins/llama/tests/golden.json: what transformers computes for tiny models, float32, on a CPU.

    python tests/parity/golden.py FOLDER

FOLDER holds `FAMILY-KIND` folders of `tribunal model make-tiny --seed 7`. Needs torch and transformers. The file changes only
when the tiny models do.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "gemma2"]
QUESTIONS: list[dict[str, Any]] = [
    {"turns": [["user", "What is 2 + 2?"]], "reply": "4"},
    {"turns": [["user", "Sag etwas Schönes.\r\n"]], "reply": "  Guten Tag! 日本語 🙂 e\u0301"},
    {
        "turns": [["user", "Hello"], ["assistant", "Hi, the answer is [[A]]."], ["user", "Why? " * 40]],
        "reply": "Because it's\n\nbetter, it is, it is." * 3,
    },
]


def text_of(tokenizer: Any, question: dict[str, Any], reply: bool) -> list[int]:
    turns = [{"role": role, "content": content} for role, content in question["turns"]]
    if reply:
        turns.append({"role": "assistant", "content": question["reply"]})
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    begins = tokenizer.bos_token is not None and text.startswith(tokenizer.bos_token)
    return list(tokenizer(text, add_special_tokens=not begins).input_ids)


def scores(folder: Path) -> list[list[float]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        ids = [torch.tensor([text_of(tokenizer, question, True)]) for question in QUESTIONS]
        return [[round(float(score), 7) for score in model(one).logits[0]] for one in ids]


def sums(folder: Path) -> list[dict[str, float]]:
    """Log-probabilities of the reply's tokens with the end token behind them, summed."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    answers = []
    for question in QUESTIONS:
        before, ids = text_of(tokenizer, question, False), text_of(tokenizer, question, True)
        start = next((at for at, pair in enumerate(zip(before, ids)) if pair[0] != pair[1]), len(before))
        if ids[-1] != tokenizer.eos_token_id:
            ids.append(tokenizer.eos_token_id)
        with torch.no_grad():
            logprobs = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
        total = sum(float(logprobs[at - 1, ids[at]]) for at in range(start, len(ids)))
        answers.append({"sum": round(total, 6), "tokens": len(ids) - start})
    return answers


def main() -> None:
    folder = Path(sys.argv[1])
    golden: dict[str, Any] = {
        "source": f"transformers {transformers.__version__}, float32, CPU, eager attention",
        "questions": QUESTIONS,
    }
    for family in FAMILIES:
        golden[family] = {
            "classifier": scores(folder / f"{family}-classifier"),
            "labels": scores(folder / f"{family}-labels"),
            "causal": sums(folder / f"{family}-causal"),
        }
    text = json.dumps(golden, indent=1, ensure_ascii=False) + "\n"
    Path("plugins/llama/tests/golden.json").write_text(text)


main()
