"""`hf-sequence-classifier` and its neighbours give the numbers of `transformers` itself, through the real protocol."""

from __future__ import annotations

import glob
import importlib.util
import json
import math
import os
import sys
import tempfile
import unittest
from typing import Any, Dict, List

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from driver import ROOT, Child  # noqa: E402

HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
if not HAS_TORCH:
    print("test_parity: torch or transformers is not installed, parity is not tested", file=sys.stderr)

DATA = os.path.normpath(os.path.join(ROOT, "..", "..", "..", "shared", "data"))
TOLERANCE = 1e-5
WHOLE = bool(os.environ.get("TRIBUNAL_WHOLE_PARITY"))  # all recorded rows: minutes on two cores
TEXTS = [
    ("What is the capital of France?", "Paris."),
    ("Tell me about rivers.", "Rivers are long. " * 20),
    ("Say hi", "hi"),
    ("Wie heißt die Hauptstadt?", "Berlin, glaube ich – oder doch Bonn? 🙂"),
    ("x", ""),
    ("Count to ten please", "one two three four five six seven eight nine ten"),
    ("And then?", "then\n\nnothing  "),
    ("a b c", "d e f g h i j"),
    ("q", "The quick brown fox jumps over the lazy dog. " * 5),
]
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def make_tokenizer(bos_in_template: bool, adds_bos: bool) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<|im_start|>", "<|im_end|>", "<pad>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([text for pair in TEXTS for text in pair], trainer)
    if adds_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
        )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="<|im_end|>", pad_token="<pad>", model_max_length=4096
    )
    fast.chat_template = ("{{ bos_token }}" if bos_in_template else "") + CHATML
    return fast


def make_model(family: str, tokenizer: Any, folder: str, labels: int = 1, seed: int = 0) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification, Qwen2Config, Qwen2ForSequenceClassification

    torch.manual_seed(seed)
    shape: Dict[str, Any] = dict(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=4096, pad_token_id=tokenizer.pad_token_id, num_labels=labels,
        initializer_range=0.2,
    )
    if family == "llama":
        model = LlamaForSequenceClassification(LlamaConfig(**shape))
    else:
        model = Qwen2ForSequenceClassification(Qwen2Config(**shape))
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def dialogue(prompt: str, reply: str) -> List[Dict[str, str]]:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}]


def ask(child: Child, handle: int, pairs: Any) -> List[Any]:
    """Answers in the order of the pairs, asked in one request."""
    prompts = [prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}] for prompt, _ in pairs]
    questions = [{"prompt": at, "candidates": [reply]} for at, (_, reply) in enumerate(pairs)]
    reply = child.ask("score", 300, handle=handle, prompts=prompts, questions=questions)
    assert "answers" in reply, reply
    return list(reply["answers"])


@unittest.skipUnless(HAS_TORCH, "torch or transformers is not installed")
class Parity(unittest.TestCase):
    worst: Dict[str, float] = {}

    @classmethod
    def setUpClass(cls) -> None:
        import torch
        import transformers

        torch.set_num_threads(2)
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        cls.child = Child("tribunal_adapter.ready")
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls) -> None:
        import torch
        import transformers

        cls.child.end()
        cls.folder.cleanup()
        print(f"\nparity with transformers {transformers.__version__}, torch {torch.__version__}:", file=sys.stderr)
        for name, worst in cls.worst.items():
            print(f"  {name}: largest difference {worst:.2e}", file=sys.stderr)

    def compare(self, name: str, found: List[float], expected: List[float]) -> None:
        self.assertEqual(len(found), len(expected))
        worst = max(abs(one - other) for one, other in zip(found, expected))
        type(self).worst[name] = max(worst, self.worst.get(name, 0.0))
        self.assertLess(worst, TOLERANCE, name)

    def place(self) -> str:
        return tempfile.mkdtemp(dir=self.folder.name)

    def classifier(self, folder: str, **settings: Any) -> int:
        return self.child.create("hf-sequence-classifier", {"model": folder, "max-length": 4096, **settings})

    def reference(self, model: Any, tokenizer: Any, pairs: Any, special: bool = False) -> List[List[float]]:
        import torch

        rows = []
        for prompt, reply in pairs:
            text = tokenizer.apply_chat_template(dialogue(prompt, reply), tokenize=False)
            ids = tokenizer(text, add_special_tokens=special, return_tensors="pt")["input_ids"]
            with torch.no_grad():
                rows.append(model(input_ids=ids).logits[0].tolist())
        return rows

    def test_random_classifiers_score_as_transformers_does_at_batch_1(self) -> None:
        for family in ("llama", "qwen2"):
            for bos_in_template in (True, False):
                for adds_bos in (True, False):
                    tokenizer = make_tokenizer(bos_in_template, adds_bos)
                    folder = self.place()
                    model = make_model(family, tokenizer, folder)
                    # Without a BOS in the template the tokenizer adds its own, if it adds one.
                    rows = self.reference(model, tokenizer, TEXTS, special=adds_bos and not bos_in_template)
                    expected = [row[0] for row in rows]
                    self.assertGreater(max(expected) - min(expected), 0.05)
                    for size in (1, 8):
                        for side in ("left", "right"):
                            handle = self.classifier(folder, **{"batch-size": size, "padding-side": side})
                            answers = ask(self.child, handle, TEXTS)
                            found = [answer["scores"][0] for answer in answers]
                            self.compare(f"random {family}, batch {size}, padding {side}", found, expected)
                            self.child.ask("destroy", handle=handle)

    def test_padding_with_the_end_of_turn_token_reads_the_right_place(self) -> None:
        tokenizer = make_tokenizer(True, False)
        tokenizer.chat_template = tokenizer.chat_template.replace("'<|im_end|>' + '\\n'", "'<|im_end|>'")
        folder = self.place()
        model = make_model("llama", tokenizer, folder)
        model.config.pad_token_id = tokenizer.pad_token_id
        expected = [row[0] for row in self.reference(model, tokenizer, TEXTS)]
        for pad in (tokenizer.eos_token, None):
            tokenizer.pad_token = pad
            tokenizer.save_pretrained(folder)
            handle = self.classifier(folder, **{"batch-size": 8})
            self.compare("pad is end of turn", [a["scores"][0] for a in ask(self.child, handle, TEXTS)], expected)

    def test_exactly_one_bos_stands_in_front(self) -> None:
        for bos_in_template, adds_bos, count in ((True, True, 1), (True, False, 1), (False, True, 1), (False, False, 0)):
            folder = self.place()
            make_model("llama", make_tokenizer(bos_in_template, adds_bos), folder)
            handle = self.classifier(folder)
            turns = [{"role": "user", "content": "hi"}]
            seen = self.child.ask("inspect", 60, handle=handle, turns=turns, candidates=["ho"])["inspection"]
            self.assertEqual(seen["bos"], [0, count])
            self.assertEqual(seen["most-tokens"], 4096)
            self.assertTrue(seen["exact"])
        double = make_tokenizer(True, False)
        double.chat_template = "{{ bos_token }}" + double.chat_template
        folder = self.place()
        make_model("llama", double, folder)
        handle = self.classifier(folder)
        seen = self.child.ask("inspect", 60, handle=handle, turns=turns, candidates=["ho"])["inspection"]
        self.assertEqual(seen["bos"], [0, 1])
        self.assertIn("2 BOS tokens", seen["notes"][0])
        self.assertTrue(any("double BOS" in text for text in self.child.logged), self.child.logged)

    def test_long_texts_are_cut_and_counted_or_abstained_from(self) -> None:
        import torch

        tokenizer = make_tokenizer(True, False)
        folder = self.place()
        model = make_model("qwen2", tokenizer, folder)
        text = tokenizer.apply_chat_template(dialogue(*TEXTS[1]), tokenize=False)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        handle = self.classifier(folder, **{"max-length": 32})
        long, short = ask(self.child, handle, [TEXTS[1], TEXTS[2]])
        with torch.no_grad():
            expected = float(model(input_ids=torch.tensor([ids[:1] + ids[-31:]])).logits[0, 0])
        self.compare("cut on the left, BOS kept", long["scores"], [expected])
        self.assertEqual((long["parts"]["truncated"], short["parts"]["truncated"]), ([1.0], [0.0]))
        handle = self.classifier(folder, **{"max-length": 32, "overflow": "abstain"})
        long, short = ask(self.child, handle, [TEXTS[1], TEXTS[2]])
        self.assertEqual(long["abstained"]["reason"], "too-long")
        self.assertIn("scores", short)

    def test_of_several_outputs_one_or_a_weighted_sum_is_the_score(self) -> None:
        tokenizer = make_tokenizer(True, False)
        folder = self.place()
        model = make_model("llama", tokenizer, folder, labels=3)
        rows = self.reference(model, tokenizer, TEXTS)
        refused = self.child.ask(
            "check", component="source", kind="hf-sequence-classifier", settings={"model": folder, "max-length": 9}
        )
        self.assertEqual(refused["error"]["code"], "settings")
        self.assertEqual(refused["error"]["known"], ["LABEL_0", "LABEL_1", "LABEL_2"])
        for output in (1, "LABEL_1"):
            answers = ask(self.child, self.classifier(folder, output=output), TEXTS)
            self.compare("one of three outputs", [a["scores"][0] for a in answers], [row[1] for row in rows])
            self.compare("parts", [a["parts"]["LABEL_2"][0] for a in answers], [row[2] for row in rows])
        answers = ask(self.child, self.classifier(folder, weights=[1, 0.5, -2]), TEXTS)
        expected = [row[0] + 0.5 * row[1] - 2 * row[2] for row in rows]
        self.compare("weighted sum", [a["scores"][0] for a in answers], expected)

    def test_an_encoder_keeps_its_special_tokens_and_pools_by_itself(self) -> None:
        import torch
        from tokenizers import processors
        from transformers import BertConfig, BertForSequenceClassification

        tokenizer = make_tokenizer(False, False)
        ends = [("<s>", 0), ("<|im_end|>", 2)]
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A <|im_end|>", pair="<s> $A <s> $B", special_tokens=ends
        )
        tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
            num_labels=1, initializer_range=0.2, pad_token_id=tokenizer.pad_token_id,
        )
        model = BertForSequenceClassification(config).eval()
        folder = self.place()
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        expected = [row[0] for row in self.reference(model, tokenizer, TEXTS, special=True)]
        for size in (1, 8):
            answers = ask(self.child, self.classifier(folder, **{"batch-size": size}), TEXTS)
            self.compare(f"random bert, batch {size}", [a["scores"][0] for a in answers], expected)
        (cut,) = ask(self.child, self.classifier(folder, **{"max-length": 16}), TEXTS[1:2])
        text = tokenizer.apply_chat_template(dialogue(*TEXTS[1]), tokenize=False)
        ids = [0, *tokenizer(text, add_special_tokens=False)["input_ids"][-14:], 2]
        with torch.no_grad():
            cut_score = float(model(input_ids=torch.tensor([ids])).logits[0, 0])
        self.compare("random bert, cut on the left between its special tokens", cut["scores"], [cut_score])
        self.assertEqual(cut["parts"]["truncated"], [1.0])

    def test_a_models_own_function_scores(self) -> None:
        tokenizer = make_tokenizer(True, False)
        folder = self.place()
        model = make_model("llama", tokenizer, folder)
        code = os.path.join(folder, "own.py")
        with open(code, "w") as file:
            file.write(
                "def score(model, tokenizer, conversations):\n"
                "    texts = [tokenizer.apply_chat_template(c, tokenize=False) for c in conversations]\n"
                "    rows = [tokenizer(t, add_special_tokens=False, return_tensors='pt')['input_ids'] for t in texts]\n"
                "    return [model(input_ids=row).logits[0] for row in rows]\n"
            )
        handle = self.classifier(folder, call=f"{code}:score")
        expected = [row[0] for row in self.reference(model, tokenizer, TEXTS)]
        self.compare("call", [answer["scores"][0] for answer in ask(self.child, handle, TEXTS)], expected)
        first = self.child.ask("identify", 60, handle=handle)["identity"]
        with open(code, "a") as file:
            file.write("# another version\n")
        self.assertNotEqual(self.child.ask("identify", 60, handle=handle)["identity"], first)

    def test_a_checkpoint_without_a_head_is_refused(self) -> None:
        from transformers import LlamaConfig, LlamaForCausalLM

        tokenizer = make_tokenizer(True, False)
        shape: Dict[str, Any] = dict(vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1)
        config = LlamaConfig(num_attention_heads=2, num_key_value_heads=2, num_labels=1, tie_word_embeddings=True, **shape)
        folder = self.place()
        LlamaForCausalLM(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        error = self.child.ask("load", 60, handle=self.classifier(folder))["error"]
        self.assertEqual(error["code"], "broken")
        self.assertIn("score.weight", error["message"])
        pairs = self.child.create("hf-pair-preference", {"model": folder, "max-length": 4096})
        self.assertNotIn("error", self.child.ask("load", 60, handle=pairs))

    def test_a_template_may_refuse_single_dialogues(self) -> None:
        tokenizer = make_tokenizer(True, False)
        tokenizer.chat_template = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHATML
        folder = self.place()
        make_model("llama", tokenizer, folder)
        turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]
        refused, scored = ask(self.child, self.classifier(folder), [(turns, "a"), ("q", "a")])
        self.assertEqual(refused["error"]["code"], "rejected")
        self.assertIn("no system", refused["error"]["message"])
        self.assertIn("scores", scored)

    def test_a_rewardbench_pipeline_runs_unchanged(self) -> None:
        tokenizer = make_tokenizer(True, False)
        folder = self.place()
        model = make_model("qwen2", tokenizer, folder)
        code = os.path.join(folder, "pipe.py")
        with open(code, "w") as file:
            file.write(
                "import torch\n"
                "class Pipe:\n"
                "    def __init__(self, task, model, tokenizer):\n"
                "        self.model, self.tokenizer = model.eval(), tokenizer\n"
                "    def __call__(self, samples, return_inputs=False, **kwargs):\n"
                "        kwargs.pop('batch_size'), kwargs.pop('function_to_apply'), kwargs.pop('return_token_type_ids')\n"
                "        if isinstance(samples[0], list):\n"
                "            samples = [self.tokenizer.apply_chat_template(s, tokenize=False) for s in samples]\n"
                "        inputs = self.tokenizer(samples, return_tensors='pt', add_special_tokens=False, **kwargs)\n"
                "        with torch.no_grad():\n"
                "            return self.model(**inputs).logits\n"
                "class Pairs:\n"
                "    def __init__(self, task, model, tokenizer):\n"
                "        pass\n"
                "    def __call__(self, candidates_A, candidates_B, **kwargs):\n"
                "        shorter = [len(a[-1]['content']) < len(b[-1]['content']) for a, b in zip(candidates_A, candidates_B)]\n"
                "        return torch.tensor(shorter)\n"
            )
        expected = [row[0] for row in self.reference(model, tokenizer, TEXTS)]
        prompts = [[{"role": "user", "content": prompt}] for prompt, _ in TEXTS]
        singles = [{"prompt": at, "candidates": [reply]} for at, (_, reply) in enumerate(TEXTS)]
        pairs = [{"prompt": at, "candidates": [reply, reply + "!"]} for at, (_, reply) in enumerate(TEXTS)]
        settings = {"pipeline": f"{code}:Pipe", "model": folder, "max-length": 2048}
        handle = self.child.create("from-rewardbench", settings)
        answers = self.child.ask("score", 60, handle=handle, prompts=prompts, questions=singles)["answers"]
        self.compare("from-rewardbench", [answer["scores"][0] for answer in answers], expected)
        self.assertEqual(answers[0]["parts"], {"truncated": [0.0]})
        handle = self.child.create("from-rewardbench", {**settings, "formatting": "messages"})
        rows = self.child.ask("score", 60, handle=handle, prompts=prompts, questions=singles)["scores"]
        self.compare("from-rewardbench", [row[0] for row in rows], expected)
        handle = self.child.create("from-rewardbench", {**settings, "pipeline": f"{code}:Pairs", "formatting": "pairs"})
        rows = self.child.ask("score", 60, handle=handle, prompts=prompts, questions=pairs)["scores"]
        self.assertEqual(rows, [[1.0, 0.0]] * len(TEXTS))

    def test_dpo_is_the_difference_of_two_sums_of_log_probabilities(self) -> None:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        tokenizer = make_tokenizer(True, False)
        models, folders = [], []
        for seed in (1, 2):
            torch.manual_seed(seed)
            model = LlamaForCausalLM(
                LlamaConfig(
                    vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                    num_attention_heads=4, num_key_value_heads=2, initializer_range=0.1,
                )
            ).eval()
            folder = self.place()
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            models.append(model)
            folders.append(folder)
        sums: List[List[float]] = []
        lengths = []
        for prompt, reply in TEXTS:
            before = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False)
            whole = tokenizer.apply_chat_template(dialogue(prompt, reply), tokenize=False)
            first = tokenizer(before, add_special_tokens=False)["input_ids"]
            rest = tokenizer(whole[len(before):], add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
            lengths.append(len(rest))
            row = []
            for model in models:
                with torch.no_grad():
                    logits = model(input_ids=torch.tensor([first + rest])).logits[0].log_softmax(-1)
                row.append(sum(float(logits[len(first) + at - 1, token]) for at, token in enumerate(rest)))
            sums.append(row)
        settings = {"model": folders[0], "reference": folders[1], "max-length": 2048}
        answers = ask(self.child, self.child.create("hf-dpo", settings), TEXTS)
        # Sums of up to hundreds of terms: compared per token.
        found = [a["scores"][0] / n for a, n in zip(answers, lengths)]
        self.compare("hf-dpo, per token", found, [(p - r) / n for (p, r), n in zip(sums, lengths)])
        found = [a["parts"]["reference"][0] / n for a, n in zip(answers, lengths)]
        self.compare("hf-dpo, reference per token", found, [r / n for (_, r), n in zip(sums, lengths)])
        free = {"model": folders[0], "reference-free": True, "variant": "average", "max-length": 2048}
        answers = ask(self.child, self.child.create("hf-dpo", free), TEXTS)
        self.compare("hf-dpo, free average", [a["scores"][0] for a in answers], [p / n for (p, _), n in zip(sums, lengths)])

    @unittest.skipUnless(os.path.isdir(os.path.join(DATA, "models")), "the tiny models are not here")
    def test_the_tiny_classifiers_give_their_recorded_scores(self) -> None:
        texts = rmb_texts()
        for name in ("tiny-qwen2-rm", "tiny-llama-rm"):
            folder = os.path.join(DATA, "models", name)
            rows = read_lines(os.path.join(folder, "reference.jsonl"))
            pairs = [texts[row["suite"], row["uid"], row["candidate"]] for row in rows]
            identity = self.child.ask("identify", 60, handle=self.classifier(folder))["identity"]
            self.assertEqual(identity["strength"], "weights")
            for size, count in ((1, len(rows) if WHOLE else 30), (8, len(rows) if WHOLE else 90)):
                handle = self.classifier(folder, **{"max-length": 16384, "batch-size": size})
                found = []
                for start in range(0, count, 60):
                    found += [answer["scores"][0] for answer in ask(self.child, handle, pairs[start : min(start + 60, count)])]
                self.compare(f"{name}, {count} rows, batch {size}", found, [row["score"] for row in rows[:count]])

    @unittest.skipUnless(os.path.isdir(os.path.join(DATA, "models")), "the tiny models are not here")
    def test_the_tiny_judge_gives_its_recorded_probabilities(self) -> None:
        folder = os.path.join(DATA, "models", "tiny-qwen3-judge")
        rows = [row for row in read_lines(os.path.join(folder, "reference.jsonl")) if row["kind"] == "pair"]
        rows = rows if WHOLE else rows[:60]
        template = os.path.join(self.place(), "pair.jinja")
        with open(template, "w") as file:
            file.write(
                "Compare two answers to the question below.\n\n[Question]\n{{ question[:240] }}\n\n[Answer A]\n{{ a[:420] }}\n\n"
                "[Answer B]\n{{ b[:420] }}\n\nWhich answer is better? Reply with [[A]] or [[B]]."
            )
        settings = {"model": folder, "max-length": 16384, "template": template, "prefix": "[[", "batch-size": 8}
        handle = self.child.create("hf-pair-preference", settings)
        texts = rmb_texts()
        found, expected = [], []
        for start in range(0, len(rows), 40):
            some = rows[start : start + 40]
            prompts, questions = [], []
            for at, row in enumerate(some):
                prompt, chosen = texts["rmb-pairwise", row["uid"], "chosen"]
                shown = [chosen, texts["rmb-pairwise", row["uid"], "reject"][1]]
                prompts.append(prompt)
                questions.append({"prompt": at, "candidates": shown if row["order"] == "AB" else shown[::-1]})
            reply = self.child.ask("score", 300, handle=handle, prompts=prompts, questions=questions)
            found += [row[0] for row in reply["scores"]]
            expected += [1 / (1 + math.exp(row["logprob_b"] - row["logprob_a"])) for row in some]
        self.compare(f"tiny-qwen3-judge, {len(rows)} pairs", found, expected)


def read_lines(path: str) -> List[Any]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


_texts: Dict[Any, Any] = {}


def rmb_texts() -> Dict[Any, Any]:
    """Prompt turns and answer by suite, uid and candidate."""
    if _texts:
        return _texts
    for path in glob.glob(os.path.join(DATA, "rmb", "*_set", "**", "*.json"), recursive=True):
        with open(path, encoding="utf-8") as file:
            records = json.load(file)
        for record in records:
            prompt = [{"role": turn["role"], "content": turn["content"]} for turn in record["conversation_input"]]
            if "pair_uid" in record:
                for name in ("chosen", "reject"):
                    _texts["rmb-pairwise", str(record["pair_uid"]), name] = (prompt, record[name]["answer"])
            else:
                _texts["rmb-bon", str(record["bon_uid"]), "best"] = (prompt, record["bon_best"]["answer"])
                for at, loser in enumerate(record["loser_list"]):
                    _texts["rmb-bon", str(record["bon_uid"]), f"loser-{at}"] = (prompt, loser["answer"])
    return _texts


if __name__ == "__main__":
    unittest.main()
