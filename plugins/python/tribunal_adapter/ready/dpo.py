"""`hf-dpo`: the implicit reward of a policy, its log-probability of a reply minus that of a reference model."""

from __future__ import annotations

import os
import pathlib
from typing import Annotated, Any, Dict, List, Literal, Optional, Tuple

from tribunal_adapter.bases import Adapter
from tribunal_adapter.errors import Rejected, SettingsError
from tribunal_adapter.ready.checkpoints import Checkpoint, digest, identity
from tribunal_adapter.ready.dialogues import Dialogues
from tribunal_adapter.ready.passes import log_probabilities, pad_id
from tribunal_adapter.settings import Setting
from tribunal_adapter.values import Answer, Identity, Inspection, Question

UNLIMITED = 1 << 40


class Dpo(Adapter):
    """The implicit reward of a policy: log-probability of the reply's tokens minus that under a reference. No beta is applied.

    The prompt is the templated conversation, the reply what the template adds after it. A BOS token goes in front and an EOS token behind
    unless they stand there. When both together are too long, the prompt loses its beginning, then the reply its end.

    Args:
        model: The policy: a folder or a repository id.
        max_length: The most tokens of prompt and reply.
        reference: The reference model; needed unless `reference-free`.
        reference_free: Use the policy alone.
        variant: `sum` over the reply's tokens, or their `average`.
        max_prompt_length: What a prompt is cut to when prompt and reply are too long together.
        append_eos: Put an EOS token behind the reply.
        revision: A branch, tag or commit of the policy's repository.
        reference_revision: A branch, tag or commit of the reference's repository.
        trust_remote_code: Run code that comes with the models.
        dtype: The type of the weights; `auto` is that of the checkpoint.
        attn_implementation: `eager`, `sdpa`, `flash_attention_2`; the library's choice when absent.
        device: For example `cpu` or `cuda:1`; a GPU where there is one when absent, another for each replica.
        device_map: Spread over devices, for example `auto`.
        quantization: Load in 8 or 4 bits (`bitsandbytes`).
        system_prompt: Put first where a dialogue has no system turn.
        chat_template: A Jinja file in place of the tokenizer's template.
        batch_size: Texts in a forward pass.
    """

    KIND = "hf-dpo"
    VERSION = "1"
    EXAMPLE = (
        '[source.dpo]\nkind = "hf-dpo"\nmodel = "allenai/tulu-2-dpo-7b"\nreference = "allenai/tulu-2-7b"\nmax-length = 2048\n'
    )

    def __init__(
        self,
        model: str,
        max_length: Annotated[int, Setting(minimum=2)],
        reference: Optional[str] = None,
        reference_free: bool = False,
        variant: Literal["sum", "average"] = "sum",
        max_prompt_length: Annotated[int, Setting(minimum=1)] = 128,
        append_eos: bool = True,
        revision: Optional[str] = None,
        reference_revision: Optional[str] = None,
        trust_remote_code: bool = False,
        dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto",
        attn_implementation: Optional[str] = None,
        device: Optional[str] = None,
        device_map: Optional[str] = None,
        quantization: Optional[Literal["8bit", "4bit"]] = None,
        system_prompt: Optional[str] = None,
        chat_template: Optional[pathlib.Path] = None,
        batch_size: Annotated[int, Setting(minimum=1)] = 4,
    ) -> None:
        if reference is None and not reference_free:
            raise SettingsError([], "the setting `reference` is missing", "set `reference`, or `reference-free = true`")
        if reference is not None and reference_free:
            raise SettingsError("reference", "a reference and `reference-free` exclude each other")
        if max_prompt_length >= max_length:
            raise SettingsError("max-prompt-length", f"`{max_prompt_length}` leaves no room for a reply")
        more: Tuple[Any, ...] = (trust_remote_code, dtype, attn_implementation, device_map, device, quantization)
        self.checkpoints = [Checkpoint(model, "model", revision, *more)]
        if reference is not None:
            self.checkpoints.append(Checkpoint(reference, "reference", reference_revision, *more))
        for checkpoint in self.checkpoints:
            checkpoint.check()
        self.max_length = max_length
        self.max_prompt_length = max_prompt_length
        self.variant = variant
        self.append_eos = append_eos
        self.system_prompt = system_prompt
        self.chat_template = chat_template
        self.batch_size = batch_size
        self.batch = batch_size * 4

    def identify(self) -> Identity:
        """Weights or commits of both models, and the chat template."""
        extra = digest([self.chat_template]) if self.chat_template else ""
        return identity(self.KIND, self.VERSION, *self.checkpoints, extra=extra)

    def load(self) -> None:
        """Loads the policy's tokenizer and both models."""
        from transformers import AutoModelForCausalLM

        self.tokenizer = self.checkpoints[0].load_tokenizer()
        self.dialogues = Dialogues(
            self.tokenizer, max_length=UNLIMITED, system_prompt=self.system_prompt, chat_template=self.chat_template
        )
        self.models = [checkpoint.load_model(AutoModelForCausalLM) for checkpoint in self.checkpoints]

    def score_batch(self, questions: List[Question]) -> List[Any]:
        """An `Answer` with the parts `policy`, `reference` and `truncated`, or an error, for each question."""
        answers: List[Any] = [None] * len(questions)
        encoded: Dict[int, Tuple[List[int], int, bool]] = {}
        for at, question in enumerate(questions):
            try:
                encoded[at] = self.encode(question)
            except Exception as error:  # a template may refuse a role; the others are still scored
                answers[at] = error
        texts = [ids for ids, _, _ in encoded.values()]
        starts = [start for _, start, _ in encoded.values()]
        found = [
            log_probabilities(model, texts, starts, pad_id(self.tokenizer), self.batch_size) for model in self.models
        ]
        for row, (at, (_, _, truncated)) in enumerate(encoded.items()):
            sums = [self._total(of_model[row]) for of_model in found]
            parts = {"policy": [sums[0]], "truncated": [1.0 if truncated else 0.0]}
            if len(sums) > 1:
                parts["reference"] = [sums[1]]
            answers[at] = Answer([sums[0] - sum(sums[1:])], parts=parts)
        return answers

    def inspect(self, question: Question) -> Inspection:
        """The whole text, its tokens, and where the reply begins."""
        ids, start, truncated = self.encode(question)
        bos = self.tokenizer.bos_token_id
        return Inspection(
            rendered=self.dialogues.render(question.dialogue()),
            exact=not truncated,
            tokens=ids,
            bos=(bos, int(ids[0] == bos)) if bos is not None else None,
            most_tokens=self.max_length,
            read_at=f"log-probabilities of tokens {start} to {len(ids) - 1}",
            notes=["prompt and reply were cut"] if truncated else [],
        )

    def encode(self, question: Question) -> Tuple[List[int], int, bool]:
        """Token ids, the position of the reply's first token, and whether something was cut."""
        before = self.dialogues.render(question.conversation)
        whole = self.dialogues.render(question.dialogue())
        # Templates that treat the last turn in a special way share less than the whole prompt.
        shared = before if whole.startswith(before) else os.path.commonprefix([before, whole])
        # Both in one, as the model reads them; a token that differs with the reply behind it belongs to the reply.
        ids = self._ids(whole)
        start = len(os.path.commonprefix([self._ids(shared), ids]))
        prompt, reply = ids[:start], ids[start:]
        bos, eos = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        if bos is not None and prompt[:1] != [bos]:
            prompt = [bos, *prompt]
        if self.append_eos and eos is not None and reply[-1:] != [eos]:
            reply = [*reply, eos]
        if not prompt or not reply:
            raise Rejected("prompt and reply have at least one token each")
        length = len(prompt) + len(reply)
        if length > self.max_length:
            prompt = prompt[-self.max_prompt_length :]
            reply = reply[: self.max_length - len(prompt)]
        return prompt + reply, len(prompt), length > len(prompt) + len(reply)

    def _ids(self, text: str) -> List[int]:
        return list(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _total(self, log_probabilities: List[float]) -> float:
        total = sum(log_probabilities)
        return total / len(log_probabilities) if self.variant == "average" else total
