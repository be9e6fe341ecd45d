"""Parents for adapter classes. They hold no behaviour: any class with the same methods will do, these say which there are."""

from __future__ import annotations

from typing import Any, ClassVar, Mapping, Optional, Tuple


class Adapter:
    """A reward source.

    The constructor's arguments are the settings. It is also called to check a recipe, so it stays cheap; `load` does the heavy work, once,
    before the first score. One of these is needed:

    - `score(self, conversation, candidates)`: scores for one question, as a list of numbers or an `Answer`.
    - `score(self, question)`: the same, for sources that need `question.seed`, `question.subset` or `question.key`.
    - `score_batch(self, questions)`: one entry for each question: a list of numbers, an `Answer`, an `Abstain` or an error.

    Perhaps: `identify(self) -> Identity`, `inspect(self, question) -> Inspection`, `close(self)`.

    Attributes, of the class or set by the constructor, and what they are when absent:

    - `arity = (1, 1)`: the least and most candidates of a question; 65535 is any number.
    - `reads = "text"`: or `subset`, or `key`.
    - `draws = False`: true when samples of one question differ; `question.seed` tells them apart.
    - `scale = "free"`: or `logit`, or `unit`.
    - `batch = 32`, `in_flight = 1`: questions in a call, and calls at once (each from a thread of its own).
    - `self_check = True`: false for controls that do not claim to prefer better replies.
    """

    arity: Tuple[int, int]
    reads: str
    draws: bool
    scale: str
    batch: int
    in_flight: int
    lane: str
    self_check: bool
    KIND: ClassVar[str]
    VERSION: ClassVar[str]

    def load(self) -> None:
        """Loads what scoring needs. Called once, before the first score."""

    def close(self) -> None:
        """Lets go of what `load` took."""


class Generator:
    """A backend that continues dialogues: what judges are built on.

    Needed is `generate(self, prompt) -> str | Completion` (called once for each seed) or `generate_batch(self, prompts)` with one text or
    `Completion` for each prompt. Attributes: `batch = 1`, `in_flight = 1`, `lane`, `renders_markers = False`, `samples_at_once`.
    """

    batch: int
    in_flight: int
    lane: str
    renders_markers: bool
    samples_at_once: int
    KIND: ClassVar[str]
    VERSION: ClassVar[str]

    def load(self) -> None:
        """Loads what generating needs. Called once, before the first prompt."""

    def close(self) -> None:
        """Lets go of what `load` took."""


class Suite:
    """A benchmark: `items(self)` yields `Item`s (or dicts of the same keys) in an order that depends on the data alone.

    Attributes: `card` (a dict with `name`, `version`, `licence`, `source`, `published`, `neutral_order`), `contest`
    (`best-against-each`, `every-chosen-rejected`, `scores-only`), `grading` (`standard`, or `own` with the methods `grade`, `chance`,
    `aggregates` and `contest_of`), `absent` (a list of `{"what": ..., "subset": ...}`: parts that the data at hand lacks).
    """

    card: Mapping[str, Any]
    contest: str
    grading: str
    KIND: ClassVar[str]
    VERSION: ClassVar[str]

    def close(self) -> None:
        """Lets go of open files."""


def attribute(adapter: Any, module: Any, name: str, default: Any) -> Any:
    """An attribute of the adapter, else the module's constant of that name in capitals, else the default."""
    value = getattr(adapter, name, None)
    if value is None:
        value = getattr(module, name.upper(), None)
    return default if value is None else value


def own_method(adapter: Any, name: str) -> Optional[Any]:
    """A method of the adapter by name, `None` when it has none."""
    method = getattr(adapter, name, None)
    return method if callable(method) else None
