"""`from-rewardbench`: runs a pipeline class written for the package `rewardbench` as it is."""

from __future__ import annotations

import pathlib
from typing import Annotated, Any, Dict, List, Literal, Optional

from tribunal_adapter.bases import Adapter
from tribunal_adapter.errors import Broken
from tribunal_adapter.loading import load_object
from tribunal_adapter.ready.checkpoints import Checkpoint, digest, identity
from tribunal_adapter.ready.classifier import flat
from tribunal_adapter.ready.code import check_place, code_file
from tribunal_adapter.ready.dialogues import Dialogues
from tribunal_adapter.ready.passes import stop_if_cancelled
from tribunal_adapter.settings import Setting
from tribunal_adapter.values import Answer, Identity, Inspection, Question


class FromRewardBench(Adapter):
    """A pipeline class of `rewardbench`, constructed as `Class("text-classification", model=..., tokenizer=...)` and called with samples.

    The class gets what that program gives it: rendered texts (or lists of messages), `batch_size`, `truncation`, `padding`, `max_length`,
    `function_to_apply`, `return_token_type_ids`. What it does about BOS tokens and padding is its own affair. A class that compares
    (`custom_dialogue` in that package, such as PairRM's) gets two lists of dialogues with `formatting = "pairs"`, and its answer is the score
    of the first.

    Args:
        pipeline: `file.py:ClassName` or `module:ClassName`.
        model: A folder or a repository id.
        max_length: Handed to the pipeline, and the tokenizer's longest length.
        model_class: `module:Class` that loads the model, or a function that is called like its `from_pretrained`.
        formatting: `template` hands over rendered texts, `messages` lists of messages, `pairs` two lists of lists of messages.
        truncation_side: Where the tokenizer cuts.
        revision: A branch, tag or commit of the repository.
        trust_remote_code: Run code that comes with the model.
        dtype: The type of the weights; `auto` is that of the checkpoint.
        attn_implementation: `eager`, `sdpa`, `flash_attention_2`; the library's choice when absent.
        device: For example `cpu` or `cuda:1`; a GPU where there is one when absent, another for each replica.
        device_map: Spread over devices, for example `auto`.
        quantization: Load in 8 or 4 bits (`bitsandbytes`).
        chat_template: A Jinja file in place of the tokenizer's template.
        batch_size: Samples in one call of the pipeline.
    """

    KIND = "from-rewardbench"
    VERSION = "1"
    EXAMPLE = (
        '[source.mine]\nkind = "from-rewardbench"\npipeline = "my_model.py:MyPipeline"\nmodel = "me/my-reward-model"\nmax-length = 2048\n'
    )

    def __init__(
        self,
        pipeline: str,
        model: str,
        max_length: Annotated[int, Setting(minimum=1)],
        model_class: str = "transformers:AutoModelForSequenceClassification",
        formatting: Literal["template", "messages", "pairs"] = "template",
        truncation_side: Literal["left", "right"] = "left",
        revision: Optional[str] = None,
        trust_remote_code: bool = False,
        dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto",
        attn_implementation: Optional[str] = None,
        device: Optional[str] = None,
        device_map: Optional[str] = None,
        quantization: Optional[Literal["8bit", "4bit"]] = None,
        chat_template: Optional[pathlib.Path] = None,
        batch_size: Annotated[int, Setting(minimum=1)] = 8,
    ) -> None:
        check_place("pipeline", pipeline)
        check_place("model-class", model_class)
        self.checkpoint = Checkpoint(
            model, "model", revision, trust_remote_code, dtype, attn_implementation, device_map, device, quantization
        )
        self.checkpoint.check()
        self.pipeline_class = pipeline
        self.model_class = model_class
        self.formatting = formatting
        self.truncation_side = truncation_side
        self.max_length = max_length
        self.chat_template = chat_template
        self.batch_size = batch_size
        self.batch = batch_size
        self.arity = (2, 2) if formatting == "pairs" else (1, 1)
        self.scale = "unit" if formatting == "pairs" else "free"

    def identify(self) -> Identity:
        """Weights or commit, the files of the pipeline and of the class that loads the model, and the chat template."""
        files = [code_file(load_object(self.pipeline_class))]
        if not self.model_class.startswith("transformers:"):
            files.append(code_file(load_object(self.model_class)))
        if self.chat_template:
            files.append(str(self.chat_template))
        return identity(self.KIND, self.VERSION, self.checkpoint, extra=digest(files))

    def load(self) -> None:
        """Loads tokenizer, model and pipeline."""
        self.tokenizer = self.checkpoint.load_tokenizer()
        self.tokenizer.truncation_side = self.truncation_side
        model = self.checkpoint.load_model(load_object(self.model_class))
        self.pipeline = load_object(self.pipeline_class)("text-classification", model=model, tokenizer=self.tokenizer)
        # As in that package: after the class was made, which may have chosen a pad token.
        tokenizer = getattr(self.pipeline, "tokenizer", self.tokenizer)
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token_id = tokenizer.eos_token_id
        config = getattr(getattr(self.pipeline, "model", model), "config", None)
        if config is not None and getattr(config, "pad_token_id", None) is None:
            config.pad_token_id = tokenizer.pad_token_id
        self.dialogues: Optional[Dialogues] = None
        if self.formatting == "template":
            self.dialogues = Dialogues(self.tokenizer, max_length=self.max_length, chat_template=self.chat_template)

    def score_batch(self, questions: List[Question]) -> List[Any]:
        """An `Answer` for each question."""
        import torch

        answers: List[Any] = []
        for start in range(0, len(questions), self.batch_size):
            stop_if_cancelled()
            some = questions[start : start + self.batch_size]
            samples = [[self._sample(question, at) for question in some] for at in range(self.arity[1])]
            with torch.inference_mode():
                values = flat(self.pipeline(*samples, **self._options()))
            if len(values) != len(some):
                raise Broken(f"`{self.pipeline_class}` returned {len(values)} rewards for {len(some)} samples")
            for row, value in enumerate(values):
                if self.arity == (2, 2):
                    answers.append(Answer([value, 1 - value]))
                elif self.dialogues is None:
                    answers.append(Answer([value]))
                else:
                    answers.append(Answer([value], parts={"truncated": [float(self.dialogues.is_long(samples[0][row]))]}))
        return answers

    def inspect(self, question: Question) -> Inspection:
        """The sample that the pipeline gets."""
        sample = self._sample(question)
        return Inspection(
            rendered=sample if isinstance(sample, str) else repr(sample),
            exact=False,
            most_tokens=self.max_length,
            read_at=f"what `{self.pipeline_class}` returns",
            notes=["the pipeline tokenises; look there for BOS tokens and padding"],
        )

    def close(self) -> None:
        """Says how many texts were too long."""
        if getattr(self, "dialogues", None):
            self.dialogues.report()  # type: ignore[union-attr]

    def _sample(self, question: Question, candidate: int = 0) -> Any:
        if self.dialogues is None:
            return [dict(turn) for turn in question.dialogue(candidate)]
        return self.dialogues.render(question.dialogue(candidate))

    def _options(self) -> Dict[str, Any]:
        return {
            "batch_size": self.batch_size,
            "truncation": True,
            "padding": True,
            "max_length": self.max_length,
            "function_to_apply": "none",
            "return_token_type_ids": False,
        }
