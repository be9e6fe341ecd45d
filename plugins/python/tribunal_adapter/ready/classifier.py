"""`hf-sequence-classifier`: scores of `AutoModelForSequenceClassification`, the same at every batch size."""

from __future__ import annotations

import pathlib
from typing import Annotated, Any, Callable, Dict, List, Literal, Optional, Sequence, Union

from tribunal_adapter.bases import Adapter
from tribunal_adapter.errors import Abstain, Broken, SettingsError
from tribunal_adapter.instances import log
from tribunal_adapter.loading import load_object
from tribunal_adapter.ready.checkpoints import Checkpoint, digest, identity
from tribunal_adapter.ready.code import check_place, code_file
from tribunal_adapter.ready.dialogues import Dialogues, Encoded
from tribunal_adapter.ready.passes import Heads, pad_id, stop_if_cancelled
from tribunal_adapter.settings import Setting
from tribunal_adapter.values import Answer, Identity, Inspection, Question

Side = Literal["left", "right"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]


class SequenceClassifier(Adapter):
    """A reward model with a classification head, run by `transformers` in this process.

    Args:
        model: A folder or a repository id.
        max_length: The most tokens of a text; longer ones are cut, and the part `truncated` says so.
        revision: A branch, tag or commit of the repository.
        trust_remote_code: Run code that comes with the model.
        dtype: The type of the weights; `auto` is that of the checkpoint.
        attn_implementation: `eager`, `sdpa`, `flash_attention_2`; the library's choice when absent.
        device: For example `cpu` or `cuda:1`; a GPU where there is one when absent, another for each replica.
        device_map: Spread over devices, for example `auto`.
        quantization: Load in 8 or 4 bits (`bitsandbytes`).
        truncation_side: Where texts are cut; `left` keeps the reply and the token that is read.
        overflow: `truncate`, or `abstain` from texts that are too long.
        system_prompt: Put first where a dialogue has no system turn.
        chat_template: A Jinja file in place of the tokenizer's template.
        add_special_tokens: Whether the tokenizer adds its special tokens; when absent, unless the text begins with the BOS token.
        output: The label, or its number from 0, that is the score; needed when there are several and no `weights`.
        weights: A weight for each output; the score is the weighted sum.
        batch_size: Texts in a forward pass.
        padding_side: Where short texts are filled up; makes no difference to scores.
        model_class: The class that loads the model.
        call: `module:function` or `file.py:function` called as `function(model, tokenizer, conversations)` in place of the head; returns scores.
    """

    KIND = "hf-sequence-classifier"
    VERSION = "1"
    EXAMPLE = '[source.skywork]\nkind = "hf-sequence-classifier"\nmodel = "Skywork/Skywork-Reward-V2-Qwen3-0.6B"\nmax-length = 16384\n'

    def __init__(
        self,
        model: str,
        max_length: Annotated[int, Setting(minimum=1)],
        revision: Optional[str] = None,
        trust_remote_code: bool = False,
        dtype: Dtype = "auto",
        attn_implementation: Optional[str] = None,
        device: Optional[str] = None,
        device_map: Optional[str] = None,
        quantization: Optional[Literal["8bit", "4bit"]] = None,
        truncation_side: Side = "left",
        overflow: Literal["truncate", "abstain"] = "truncate",
        system_prompt: Optional[str] = None,
        chat_template: Optional[pathlib.Path] = None,
        add_special_tokens: Optional[bool] = None,
        output: Optional[Union[int, str]] = None,
        weights: Optional[List[float]] = None,
        batch_size: Annotated[int, Setting(minimum=1)] = 8,
        padding_side: Side = "right",
        model_class: str = "transformers:AutoModelForSequenceClassification",
        call: Optional[str] = None,
    ) -> None:
        check_place("model-class", model_class)
        self.checkpoint = Checkpoint(
            model, "model", revision, trust_remote_code, dtype, attn_implementation, device_map, device, quantization
        )
        self.checkpoint.check()
        self.dialogue_options: Dict[str, Any] = {
            "max_length": max_length,
            "truncation_side": truncation_side,
            "system_prompt": system_prompt,
            "chat_template": chat_template,
            "add_special_tokens": add_special_tokens,
        }
        self.overflow = overflow
        self.output = output
        self.weights = weights
        self.batch_size = batch_size
        self.padding_side = padding_side
        self.model_class = model_class
        self.call = call
        if call is not None:
            check_place("call", call)
        self.batch = batch_size * 4  # more than one forward pass, so that sorting by length pays
        self.scale = "logit" if not call else "free"
        if output is not None and weights is not None:
            raise SettingsError("weights", "`output` and `weights` exclude each other")
        if call is not None and (output is not None or weights is not None):
            raise SettingsError("call", "a model with a method of its own has no `output` and no `weights`")
        labels = self.checkpoint.labels()
        if labels is not None and call is None:
            choose_output(labels, output, weights)

    def identify(self) -> Identity:
        """Weights or commit, the chat template, and the files of the class that loads the model and of the function that is called."""
        template = self.dialogue_options["chat_template"]
        files = [str(template)] if template else []
        if not self.model_class.startswith("transformers:"):
            files.append(code_file(load_object(self.model_class)))
        if self.call:
            files.append(code_file(load_object(self.call)))
        return identity(self.KIND, self.VERSION, self.checkpoint, extra=digest(files) if files else "")

    def load(self) -> None:
        """Loads tokenizer and model."""
        self.tokenizer = self.checkpoint.load_tokenizer()
        self.dialogues = Dialogues(self.tokenizer, **self.dialogue_options)
        self.model = self.checkpoint.load_model(load_object(self.model_class))
        self.function: Optional[Callable[..., Any]] = load_object(self.call) if self.call else None
        made_for = getattr(self.model.config, "max_position_embeddings", None)
        if made_for and made_for < self.dialogues.max_length:
            log(f"tribunal_adapter.ready: the model was made for {made_for} tokens, and `max-length` is {self.dialogues.max_length}")
        if self.function:
            # For code that cuts by the tokenizer's own settings.
            self.tokenizer.model_max_length = self.dialogues.max_length
            self.tokenizer.truncation_side = self.dialogues.truncation_side
            return
        self.heads = Heads(self.model, pad_id(self.tokenizer), self.padding_side, self.batch_size)
        names = getattr(self.model.config, "id2label", None) or {0: "LABEL_0"}
        self.labels = [str(name) for _, name in sorted(names.items(), key=lambda pair: int(pair[0]))]
        self.chosen = choose_output(self.labels, self.output, self.weights)

    def score_batch(self, questions: List[Question]) -> List[Any]:
        """An `Answer`, an `Abstain` or an error for each question."""
        answers: List[Any] = [None] * len(questions)
        encoded: Dict[int, Encoded] = {}
        for at, question in enumerate(questions):
            try:
                text = self.dialogues.encode(self.dialogues.render(question.dialogue()))
            except Exception as error:  # a template may refuse a role; the others are still scored
                answers[at] = error
                continue
            if text.truncated and self.overflow == "abstain":
                answers[at] = Abstain("too-long", f"{text.whole} tokens, and at most {self.dialogues.max_length} are read")
            else:
                encoded[at] = text
        if self.function:
            self._by_function(questions, encoded, answers)
            return answers
        for (at, text), row in zip(encoded.items(), self.heads.rows([text.ids for text in encoded.values()])):
            answers[at] = self._answer(row, text)
        return answers

    def inspect(self, question: Question) -> Inspection:
        """The rendered text and its tokens."""
        rendered = self.dialogues.render(question.dialogue())
        text = self.dialogues.encode(rendered)
        bos = self.tokenizer.bos_token_id
        return Inspection(
            rendered=rendered,
            exact=True,
            tokens=text.ids,
            bos=(bos, text.bos_count) if bos is not None else None,
            most_tokens=self.dialogues.max_length,
            read_at=f"`{self.call}`" if self.call else self.heads.read_at,
            notes=text.notes,
        )

    def close(self) -> None:
        """Says how many texts were cut."""
        if hasattr(self, "dialogues"):
            self.dialogues.report()

    def _by_function(self, questions: List[Question], encoded: Dict[int, Encoded], answers: List[Any]) -> None:
        import torch

        assert self.function is not None, "asked for only where `call` is set"
        places = list(encoded)
        for start in range(0, len(places), self.batch_size):
            stop_if_cancelled()
            some = places[start : start + self.batch_size]
            conversations = [[dict(turn) for turn in self.dialogues.messages(questions[at].dialogue())] for at in some]
            with torch.inference_mode():
                scores = self.function(self.model, self.tokenizer, conversations)
            values = flat(scores)
            if len(values) != len(some):
                raise Broken(f"`{self.call}` returned {len(values)} scores for {len(some)} conversations")
            for at, value in zip(some, values):
                answers[at] = Answer([value], parts={"truncated": [1.0 if encoded[at].truncated else 0.0]})

    def _answer(self, row: Sequence[float], text: Encoded) -> Answer:
        if len(row) != len(self.labels):
            raise Broken(f"the model has {len(row)} outputs and {len(self.labels)} labels")
        parts: Dict[str, List[float]] = {"truncated": [1.0 if text.truncated else 0.0]}
        if isinstance(self.chosen, int):
            value = row[self.chosen]
        else:
            value = sum(weight * number for weight, number in zip(self.chosen, row))
        if len(row) > 1:
            parts.update({label: [number] for label, number in zip(self.labels, row)})
        return Answer([value], parts=parts)


def choose_output(
    labels: Sequence[str], output: Optional[Union[int, str]], weights: Optional[Sequence[float]]
) -> Union[int, Sequence[float]]:
    """The number of the output that is the score, or the weights of all."""
    if weights is not None:
        if len(weights) != len(labels):
            raise SettingsError("weights", f"there are {len(weights)} weights for {len(labels)} outputs", known=labels)
        return weights
    if output is None:
        if len(labels) == 1:
            return 0
        raise SettingsError([], f"the model has {len(labels)} outputs", "set `output` or `weights`", known=labels)
    if isinstance(output, str):
        if output not in labels:
            raise SettingsError("output", f"`{output}` is no output of the model", known=labels)
        return list(labels).index(output)
    if not 0 <= output < len(labels):
        raise SettingsError("output", f"`{output}` is no output of the model, which has {len(labels)}", known=labels)
    return output


def flat(values: Any) -> List[float]:
    """Scores as a flat list of numbers, from tensors, arrays, lists, lists of one, or dicts with `score`."""
    if hasattr(values, "detach"):
        values = values.detach().float().cpu()
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, (int, float)):
        return [float(values)]
    numbers: List[float] = []
    for value in values:
        if isinstance(value, dict):
            value = value["score"]
        found = [float(value)] if isinstance(value, (int, float)) else flat(value)
        if len(found) != 1:
            raise Broken(f"{len(found)} numbers in the place of one score")
        numbers.extend(found)
    return numbers
