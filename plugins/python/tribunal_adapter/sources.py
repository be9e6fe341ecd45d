"""Reward sources at work: questions in, answers out, one entry for each question whatever the adapter does."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from tribunal_adapter.bases import own_method
from tribunal_adapter.errors import Abstain, Broken, Cancelled
from tribunal_adapter.instances import (
    Instance,
    Operation,
    cancelled_object,
    error_object,
    positional_count,
    usage_object,
)
from tribunal_adapter.tickets import Ticket
from tribunal_adapter.values import Answer, Inspection, Key, Question
from tribunal_adapter.wire import Request, questions_of, turns_of

# Plain scores, or the object of the protocol where there is more to say.
Entry = Union[List[float], Dict[str, Any]]


class SourceInstance(Instance):
    """A reward source made from a recipe."""

    def __init__(self, adapter: Any, module: Optional[ModuleType], kind: str, version: str) -> None:
        super().__init__(adapter, module, kind, version)
        self._batch: Optional[Callable[[List[Question]], Sequence[Any]]] = own_method(adapter, "score_batch")
        self._single = own_method(adapter, "score")
        self._takes_question = self._single is not None and positional_count(self._single) == 1
        self._draws = bool(self.trait("draws", False))
        self._reads = str(self.trait("reads", "text"))

    def declares(self) -> Dict[str, Any]:
        least, most = self.trait("arity", (1, 1))
        declares: Dict[str, Any] = {
            "arity": [int(least), int(most)],
            "batch": int(self.trait("batch", 32)),
            "in-flight": self.in_flight,
        }
        if self._reads != "text":
            declares["reads"] = self._reads
        if self._draws:
            declares["draws"] = True
        if self.trait("scale", "free") != "free":
            declares["scale"] = self.trait("scale", "free")
        if self.trait("lane", None):
            declares["lane"] = self.trait("lane", None)
        return declares

    def operations(self) -> Dict[str, Operation]:
        return {**super().operations(), "score": self.score, "inspect": self.inspect}

    def score(self, ticket: Ticket) -> Dict[str, Any]:
        """Answers a batch."""
        self.load()
        questions = questions_of(ticket.request)
        drawn: Optional[List[int]] = None
        if self._reads != "text" or self._draws:
            questions, drawn = self._with_place(ticket.request, questions)
        entries = self._in_one_call(questions) if self._batch else self._one_by_one(questions, ticket)
        if drawn is not None:
            entries = _as_samples(entries, drawn)
        if ticket.cancelled and all(entry == {"error": cancelled_object()} for entry in entries):
            raise Cancelled()
        if dict in map(type, entries):
            return {"answers": [entry if type(entry) is dict else {"scores": entry} for entry in entries]}
        return {"scores": entries}

    def inspect(self, ticket: Ticket) -> Dict[str, Any]:
        """What becomes of one question, where the adapter tells."""
        method = own_method(self.adapter, "inspect")
        if not method:
            return {"inspection": None}
        self.load()
        request = ticket.request
        return {"inspection": inspection_object(method(Question(turns_of(request["turns"]), request["candidates"])))}

    def _with_place(self, request: Request, questions: List[Question]) -> Tuple[List[Question], Optional[List[int]]]:
        # Adapters see one question for each seed; the counts put the answers together again.
        placed: List[Question] = []
        drawn: List[int] = []
        for question, asked in zip(questions, request["questions"]):
            question.subset = asked.get("subset")
            key = asked.get("key")
            if key:
                question.key = Key(key["suite"], key["subset"], key["id"], key["candidates"])
            seeds = asked.get("seeds") or []
            drawn.append(len(seeds))
            placed.extend(replace(question, seed=seed) for seed in seeds)
            if not seeds:
                placed.append(question)
        return placed, drawn if self._draws else None

    def _in_one_call(self, questions: List[Question]) -> List[Entry]:
        assert self._batch is not None, "asked for only where there is a method"
        results = self._batch(questions)
        if not isinstance(results, (list, tuple)):
            results = _as_list(results)
        if len(results) != len(questions):
            raise Broken(f"`score_batch` returned {len(results)} answers for {len(questions)} questions")
        entries: List[Entry] = []
        for question, result in zip(questions, results):
            try:
                entries.append(_entry(result, question.count))
            except BaseException as error:  # whatever the adapter returned, the others keep their answers
                entries.append(_failed(error))
        return entries

    def _one_by_one(self, questions: List[Question], ticket: Ticket) -> List[Entry]:
        single: Any = self._single
        if single is None:
            raise Broken("the adapter has neither `score` nor `score_batch`")
        entries: List[Entry] = []
        takes_question = self._takes_question
        for question in questions:
            if ticket.cancelled:
                entries.append({"error": cancelled_object()})
                continue
            try:
                if takes_question:
                    result = single(question)
                else:
                    result = single(question.conversation, question.candidates)
                entries.append(_scores(result, question.count) if type(result) is list else _entry(result, question.count))
            except BaseException as error:  # also `SystemExit`: a question must not end the child
                entries.append(_failed(error))
        return entries


def inspection_object(inspection: Any) -> Optional[Dict[str, Any]]:
    """An inspection as the protocol has it."""
    if not isinstance(inspection, Inspection):
        return inspection if isinstance(inspection, dict) else None
    wire: Dict[str, Any] = {
        "rendered": inspection.rendered,
        "exact": inspection.exact,
        "tokens": inspection.tokens,
        "read-at": inspection.read_at,
        "notes": inspection.notes,
    }
    if inspection.bos is not None:
        wire["bos"] = list(inspection.bos)
    if inspection.most_tokens is not None:
        wire["most-tokens"] = inspection.most_tokens
    return wire


def _entry(result: Any, count: int) -> Entry:
    if type(result) is list:
        return _scores(result, count)
    if isinstance(result, Answer):
        return _answer(result, count)
    if isinstance(result, BaseException):
        return _failed(result)
    return _scores(_as_list(result), count)


def _answer(answer: Answer, count: int) -> Entry:
    scores = _scores(_as_list(answer.scores), count)
    entry: Dict[str, Any] = {"scores": scores}
    if answer.parts:
        entry["parts"] = {name: _part(name, numbers, count) for name, numbers in answer.parts.items()}
    if answer.transcript is not None:
        entry["transcript"] = answer.transcript
    if answer.usage is not None:
        entry["usage"] = usage_object(answer.usage)
    if answer.served is not None:
        entry["served"] = answer.served
    return entry if len(entry) > 1 else scores


def _scores(values: List[Any], count: int) -> List[float]:
    if len(values) != count:
        raise Broken(f"the adapter returned {_number(len(values), 'score')} for {_number(count, 'candidate')}")
    for value in values:
        if type(value) is not float or not isfinite(value):
            return [_score(value, at, count) for at, value in enumerate(values)]
    return values


def _score(value: Any, at: int, count: int) -> float:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # a row of an array with one column, such as the logits of a model with one output
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Broken(f"the score of candidate {at + 1} of {count} is no number: {value!r}") from None
    if not isfinite(number):
        raise Broken(f"the score of candidate {at + 1} of {count} is `{number}`; scores are finite numbers")
    return number


def _part(name: str, numbers: Any, count: int) -> List[Optional[float]]:
    values = _as_list(numbers)
    if len(values) != count:
        raise Broken(f"part `{name}` holds {_number(len(values), 'number')} for {_number(count, 'candidate')}")
    return [None if value is None or not isfinite(value) else float(value) for value in values]


def _as_list(result: Any) -> List[Any]:
    # Arrays and tensors come as lists of plain numbers, a single number as a list of one.
    if hasattr(result, "tolist"):
        result = result.tolist()
    if isinstance(result, (int, float)):
        return [result]
    if isinstance(result, (str, bytes, dict)) or not hasattr(result, "__iter__"):
        raise Broken(f"the adapter returned `{type(result).__name__}` in place of scores: {result!r:.200}")
    return list(result)


def _failed(error: BaseException) -> Dict[str, Any]:
    if isinstance(error, Abstain):
        abstained = {"reason": error.reason}
        if error.note:
            abstained["note"] = error.note
        return {"abstained": abstained}
    return {"error": error_object(error)}


def _as_samples(entries: List[Entry], drawn: List[int]) -> List[Entry]:
    grouped: List[Entry] = []
    at = 0
    for count in drawn:
        samples = [entry if isinstance(entry, dict) else {"scores": entry} for entry in entries[at : at + max(count, 1)]]
        at += max(count, 1)
        failed = next((sample for sample in samples if "error" in sample), None)
        if failed is not None:
            grouped.append({"error": failed["error"]})
        else:
            grouped.append({"samples": samples} if count else samples[0])
    return grouped


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
