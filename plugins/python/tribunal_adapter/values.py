"""What adapters are asked and what they answer: turns, questions, answers, prompts, completions, items."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union


class Turn(Dict[str, str]):
    """One message of a dialogue: `turn.role` (`system`, `user`, `assistant`) and `turn.content`.

    It is a dict with these two keys, so chat templates take it as it is.
    """

    __slots__ = ()

    @property
    def role(self) -> str:
        """Who speaks."""
        return self["role"]

    @property
    def content(self) -> str:
        """What is said."""
        return self["content"]


@dataclass
class Key:
    """The place of an item in its suite, for sources that declare `reads = "key"`."""

    suite: str
    subset: str
    id: str
    candidates: List[int]


@dataclass
class Question:
    """A dialogue and the replies to score.

    `candidates` is empty where the item is known by key alone. `seed` is set for sources that declare `draws`, `subset` and `key` for
    those that declare `reads`.
    """

    conversation: List[Turn]
    candidates: List[str]
    seed: Optional[int] = None
    subset: Optional[str] = None
    key: Optional[Key] = None

    @property
    def count(self) -> int:
        """How many scores an answer must hold."""
        return len(self.candidates) or (len(self.key.candidates) if self.key else 0)

    def dialogue(self, candidate: int = 0) -> List[Turn]:
        """The conversation with one candidate as its last turn."""
        return [*self.conversation, Turn(role="assistant", content=self.candidates[candidate])]


@dataclass
class Usage:
    """What an answer cost. `None` is unknown, not zero."""

    input_tokens: Optional[int] = None
    output_tokens: Optional[int] = None
    usd: Optional[float] = None


@dataclass
class Answer:
    """Scores, one for each candidate in the order shown, larger is better, and what else is to be kept.

    `parts` holds further numbers by name, one for each candidate; `transcript` any JSON; `served` the model id that a server reports.
    """

    scores: Sequence[float]
    parts: Mapping[str, Sequence[float]] = field(default_factory=dict)
    transcript: Any = None
    usage: Optional[Usage] = None
    served: Optional[str] = None


@dataclass
class Identity:
    """Who answers. The fingerprint differs whenever answers may differ.

    `strength` is `weights` (a digest of everything that decides answers), `revision` or `name`.
    """

    name: str
    fingerprint: str
    strength: str = "revision"


@dataclass
class Inspection:
    """What becomes of a question on its way to the model, for a person to look at.

    `bos` is the id of the token that begins a text and how often it stands at the start of `tokens`.
    """

    rendered: str = ""
    exact: bool = False
    tokens: List[int] = field(default_factory=list)
    bos: Optional[Tuple[int, int]] = None
    most_tokens: Optional[int] = None
    read_at: str = ""
    notes: List[str] = field(default_factory=list)


@dataclass
class Sampling:
    """How tokens are drawn. Temperature 0 is greedy; `stop` are texts that end the reply."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 1024
    stop: List[str] = field(default_factory=list)


@dataclass
class Prompt:
    """A request for one text: the dialogue that the assistant continues.

    `labels` are texts whose log-probability is wanted (`Completion.tokens`), `grammar` the shape of the reply: `{"json-schema": ...}`,
    `{"one-of": [...]}` or `{"gbnf": ...}`.
    """

    turns: List[Turn]
    sampling: Sampling
    seed: Optional[int] = None
    labels: List[str] = field(default_factory=list)
    grammar: Optional[Dict[str, Any]] = None


@dataclass
class Token:
    """One token of a reply: its text, the natural logarithm of its probability, and others in its place."""

    text: str
    logprob: float
    others: List[Tuple[str, float]] = field(default_factory=list)


@dataclass
class Completion:
    """One reply. `finish` is `stop`, `length` (the token limit) or `refused`.

    `reasoning` is the reasoning part where the backend separates it; `whole` the reply as written where it stood inside it.
    """

    text: str
    reasoning: Optional[str] = None
    whole: Optional[str] = None
    finish: str = "stop"
    tokens: List[Token] = field(default_factory=list)
    usage: Optional[Usage] = None
    served: Optional[str] = None


@dataclass
class Item:
    """One case of a suite. The first candidate is the best unless `gold` says otherwise.

    `prompt` is a text or turns, a candidate a text or `{"text": ..., "author": ...}`; `gold` holds one number for each candidate, larger is better.
    """

    id: str
    prompt: Union[str, Sequence[Mapping[str, str]]]
    candidates: Sequence[Union[str, Mapping[str, str]]]
    subset: Optional[str] = None
    topic: Optional[str] = None
    cluster: Optional[str] = None
    gold: Optional[Sequence[float]] = None
    tags: Mapping[str, Any] = field(default_factory=dict)
