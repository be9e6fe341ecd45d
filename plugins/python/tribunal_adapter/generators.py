"""Generators at work: prompts in, texts out, one for each seed."""

from __future__ import annotations

from dataclasses import fields
from types import ModuleType
from typing import Any, Dict, List, Optional

from tribunal_adapter.bases import own_method
from tribunal_adapter.errors import Broken
from tribunal_adapter.instances import Instance, Operation, cancelled_object, error_object, usage_object
from tribunal_adapter.sources import inspection_object
from tribunal_adapter.tickets import Ticket
from tribunal_adapter.values import Completion, Prompt, Sampling, Usage
from tribunal_adapter.wire import turns_of


class GeneratorInstance(Instance):
    """A generator made from a recipe."""

    def __init__(self, adapter: Any, module: Optional[ModuleType], kind: str, version: str) -> None:
        super().__init__(adapter, module, kind, version)
        self._batch = own_method(adapter, "generate_batch")
        self._single = own_method(adapter, "generate")

    def declares(self) -> Dict[str, Any]:
        declares: Dict[str, Any] = {"batch": int(self.trait("batch", 1)), "in-flight": self.in_flight}
        if self.trait("lane", None):
            declares["lane"] = self.trait("lane", None)
        if self.trait("renders_markers", False):
            declares["renders-markers"] = True
        if self.trait("samples_at_once", None):
            declares["samples-at-once"] = int(self.trait("samples_at_once", None))
        return declares

    def operations(self) -> Dict[str, Operation]:
        return {**super().operations(), "generate": self.generate, "inspect": self.inspect}

    def generate(self, ticket: Ticket) -> Dict[str, Any]:
        """Answers a batch of prompts."""
        self.load()
        asked = ticket.request["prompts"]
        groups = [prompts_of(prompt) for prompt in asked]
        if self._batch:
            flat = [prompt for group in groups for prompt in group]
            results = list(self._batch(flat))
            if len(results) != len(flat):
                raise Broken(f"`generate_batch` returned {len(results)} texts for {len(flat)} prompts")
        else:
            results = [self._one(prompt, ticket) for group in groups for prompt in group]
        completions = []
        at = 0
        for group in groups:
            completions.append(_completion_object(results[at : at + len(group)]))
            at += len(group)
        return {"completions": completions}

    def inspect(self, ticket: Ticket) -> Dict[str, Any]:
        """What becomes of one prompt, where the adapter tells."""
        method = own_method(self.adapter, "inspect")
        if not method:
            return {"inspection": None}
        self.load()
        return {"inspection": inspection_object(method(prompts_of(ticket.request["prompt"])[0]))}

    def _one(self, prompt: Prompt, ticket: Ticket) -> Any:
        single: Any = self._single
        if ticket.cancelled:
            return cancelled_object()
        try:
            return single(prompt)
        except BaseException as error:  # a prompt must not end the child
            return error


def prompts_of(asked: Dict[str, Any]) -> List[Prompt]:
    """A prompt of the wire as one prompt for each seed."""
    known = {field.name for field in fields(Sampling)}
    drawing = {key.replace("-", "_"): value for key, value in (asked.get("sampling") or {}).items()}
    sampling = Sampling(**{key: value for key, value in drawing.items() if key in known and value is not None})
    turns, labels = turns_of(asked.get("turns")), list(asked.get("labels") or [])
    seeds = asked.get("seeds") or [None]
    return [Prompt(turns[:], sampling, seed, labels, asked.get("grammar")) for seed in seeds]


def _completion_object(results: List[Any]) -> Dict[str, Any]:
    texts: List[Dict[str, Any]] = []
    spent = Usage()
    served: Optional[str] = None
    for result in results:
        if isinstance(result, dict):
            return {"error": result}
        if isinstance(result, BaseException):
            return {"error": error_object(result)}
        if isinstance(result, str):
            result = Completion(result)
        if not isinstance(result, Completion):
            return {"error": Broken(f"`generate` returned `{type(result).__name__}` in place of a text").on_the_wire()}
        texts.append(_text_object(result))
        spent = _sum(spent, result.usage or Usage())
        served = result.served or served
    wire: Dict[str, Any] = {"texts": texts}
    if spent != Usage():
        wire["usage"] = usage_object(spent)
    if served is not None:
        wire["served"] = served
    return wire


def _text_object(completion: Completion) -> Dict[str, Any]:
    wire: Dict[str, Any] = {"text": completion.text}
    if completion.reasoning is not None:
        wire["reasoning"] = completion.reasoning
    if completion.whole is not None:
        wire["whole"] = completion.whole
    if completion.finish != "stop":
        wire["finish"] = completion.finish
    if completion.tokens:
        wire["tokens"] = [
            {"text": token.text, "logprob": token.logprob, "others": [list(other) for other in token.others]}
            for token in completion.tokens
        ]
    return wire


def _sum(left: Usage, right: Usage) -> Usage:
    def add(one: Any, other: Any) -> Any:
        return other if one is None else one if other is None else one + other

    return Usage(
        add(left.input_tokens, right.input_tokens),
        add(left.output_tokens, right.output_tokens),
        add(left.usd, right.usd),
    )
