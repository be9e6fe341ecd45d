"""`hf-pair-preference`: a language model that reads both replies and says which is better by the next token."""

from __future__ import annotations

import math
import pathlib
from typing import Annotated, Any, List, Literal, Optional, Tuple

from tribunal_adapter.bases import Adapter
from tribunal_adapter.errors import Abstain, SettingsError
from tribunal_adapter.ready.checkpoints import Checkpoint, digest, identity
from tribunal_adapter.ready.dialogues import Dialogues, Encoded
from tribunal_adapter.ready.libraries import require
from tribunal_adapter.ready.passes import next_token_logits, pad_id
from tribunal_adapter.settings import Setting
from tribunal_adapter.values import Answer, Identity, Inspection, Question, Turn

TEMPLATE = """Here is a dialogue and two possible replies to its last message.

{% for turn in conversation %}[{{ turn.role }}]
{{ turn.content }}

{% endfor %}[Reply {{ label_a }}]
{{ a }}

[Reply {{ label_b }}]
{{ b }}

Which reply is better? Say {{ label_a }} or {{ label_b }} and nothing else."""


class PairPreference(Adapter):
    """A language model whose next token, one of two labels, says which of two replies is better.

    The scores are the probabilities of the two labels, which add up to 1.

    Args:
        model: A folder or a repository id.
        max_length: The most tokens of a prompt; of longer ones the source abstains.
        template: A Jinja file for the user's message; sees `conversation`, `question` (the last user turn), `a`, `b`, `label_a`, `label_b`.
        label_a: The token that stands for the first reply.
        label_b: The token that stands for the second reply.
        generation_prompt: Whether the chat template begins the model's reply; some models were trained without that.
        bos: Whether the prompt begins with the BOS token.
        prefix: Text that the model's reply is made to begin with, such as `[[`.
        both_orders: Ask in both orders and average; needs twice the time.
        revision: A branch, tag or commit of the repository.
        trust_remote_code: Run code that comes with the model.
        dtype: The type of the weights; `auto` is that of the checkpoint.
        attn_implementation: `eager`, `sdpa`, `flash_attention_2`; the library's choice when absent.
        device: For example `cpu` or `cuda:1`; a GPU where there is one when absent, another for each replica.
        device_map: Spread over devices, for example `auto`.
        quantization: Load in 8 or 4 bits (`bitsandbytes`).
        system_prompt: A system turn in front.
        chat_template: A Jinja file in place of the tokenizer's chat template.
        batch_size: Prompts in a forward pass.
    """

    KIND = "hf-pair-preference"
    VERSION = "1"
    EXAMPLE = '[source.pairs]\nkind = "hf-pair-preference"\nmodel = "RLHFlow/pair-preference-model-LLaMA3-8B"\nmax-length = 8192\n'
    arity = (2, 2)
    scale = "unit"

    def __init__(
        self,
        model: str,
        max_length: Annotated[int, Setting(minimum=1)],
        template: Optional[pathlib.Path] = None,
        label_a: str = "A",
        label_b: str = "B",
        generation_prompt: bool = True,
        bos: bool = True,
        prefix: str = "",
        both_orders: bool = False,
        revision: Optional[str] = None,
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
        require("jinja2")
        self.checkpoint = Checkpoint(
            model, "model", revision, trust_remote_code, dtype, attn_implementation, device_map, device, quantization
        )
        self.checkpoint.check()
        if label_a == label_b:
            raise SettingsError("label-b", "both labels are the same")
        self.template_file = template
        self.labels = (label_a, label_b)
        self.generation_prompt = generation_prompt
        self.bos = bos
        self.prefix = prefix
        self.both_orders = both_orders
        self.max_length = max_length
        self.system_prompt = system_prompt
        self.chat_template = chat_template
        self.batch_size = batch_size
        self.batch = batch_size * 4

    def identify(self) -> Identity:
        """Weights or commit, and the template file."""
        files = [str(path) for path in (self.template_file, self.chat_template) if path]
        return identity(self.KIND, self.VERSION, self.checkpoint, extra=digest(files) if files else "")

    def load(self) -> None:
        """Loads tokenizer, model and template."""
        import jinja2
        import jinja2.sandbox
        from transformers import AutoModelForCausalLM

        text = self.template_file.read_text(encoding="utf-8") if self.template_file else TEMPLATE
        self.template = jinja2.sandbox.SandboxedEnvironment(undefined=jinja2.StrictUndefined).from_string(text)
        self.tokenizer = self.checkpoint.load_tokenizer()
        self.dialogues = Dialogues(
            self.tokenizer,
            max_length=self.max_length,
            system_prompt=self.system_prompt,
            chat_template=self.chat_template,
            add_special_tokens=None if self.bos else False,
        )
        self.tokens = (self._token("label-a", self.labels[0]), self._token("label-b", self.labels[1]))
        self.model = self.checkpoint.load_model(AutoModelForCausalLM)

    def score_batch(self, questions: List[Question]) -> List[Any]:
        """For each question the probability of each label, an `Abstain` or an error."""
        answers: List[Any] = [None] * len(questions)
        asked: List[Tuple[int, bool, List[int]]] = []
        for at, question in enumerate(questions):
            try:
                texts = [(turned, self._encoded(question, turned)) for turned in ((False, True) if self.both_orders else (False,))]
            except Exception as error:  # a template may refuse a dialogue; the others are still scored
                answers[at] = error
                continue
            long = next((text for _, text in texts if text.truncated), None)
            if long:
                answers[at] = Abstain("too-long", f"{long.whole} tokens, and at most {self.max_length} are read")
            else:
                asked.extend((at, turned, text.ids) for turned, text in texts)
        ids = [text for _, _, text in asked]
        logits = next_token_logits(self.model, ids, pad_id(self.tokenizer), self.batch_size, self.tokens)
        found: List[List[float]] = [[] for _ in questions]
        for (at, turned, _), (for_a, for_b) in zip(asked, logits):
            margin = for_b - for_a if turned else for_a - for_b
            found[at].append(_sigmoid(margin))
        for at, first in enumerate(found):
            if first:
                share = sum(first) / len(first)
                parts = {}
                if self.both_orders:
                    parts = {"as-shown": [first[0], 1 - first[0]], "turned": [first[1], 1 - first[1]]}
                answers[at] = Answer([share, 1 - share], parts=parts)
        return answers

    def inspect(self, question: Question) -> Inspection:
        """The prompt of the order shown, and its tokens."""
        text = self._encoded(question, turned=False)
        bos = self.tokenizer.bos_token_id
        return Inspection(
            rendered=self._rendered(question, turned=False),
            exact=True,
            tokens=text.ids,
            bos=(bos, text.bos_count) if bos is not None else None,
            most_tokens=self.max_length,
            read_at=f"next token `{self.labels[0]}` or `{self.labels[1]}` (ids {self.tokens[0]} and {self.tokens[1]})",
            notes=text.notes,
        )

    def _rendered(self, question: Question, turned: bool) -> str:
        first, second = reversed(question.candidates) if turned else question.candidates
        users = [turn.content for turn in question.conversation if turn.role == "user"]
        message = self.template.render(
            conversation=question.conversation,
            question=users[-1] if users else "",
            a=first,
            b=second,
            label_a=self.labels[0],
            label_b=self.labels[1],
        )
        text = self.dialogues.render([Turn(role="user", content=message)], to_continue=self.generation_prompt)
        token = self.tokenizer.bos_token
        if not self.bos and token and text.startswith(token):
            text = text[len(token) :]
        return text + self.prefix

    def _encoded(self, question: Question, turned: bool) -> Encoded:
        return self.dialogues.encode(self._rendered(question, turned))

    def _token(self, setting: str, label: str) -> int:
        ids = self.tokenizer.encode(label, add_special_tokens=False)
        if len(ids) != 1:
            raise SettingsError(setting, f"`{label}` is {len(ids)} tokens, and must be one")
        return int(ids[0])


def _sigmoid(margin: float) -> float:
    return 1 / (1 + math.exp(-margin)) if margin >= 0 else math.exp(margin) / (1 + math.exp(margin))
