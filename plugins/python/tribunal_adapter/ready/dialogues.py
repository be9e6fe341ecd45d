"""Dialogues as token ids: the chat template, exactly one token at the beginning, and the cut of what is too long."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, field
from typing import Any, List, Optional, Sequence

from tribunal_adapter.errors import Rejected, SettingsError
from tribunal_adapter.instances import log
from tribunal_adapter.values import Turn


@dataclass
class Encoded:
    """A text as the model reads it. `whole` counts its tokens before the cut."""

    ids: List[int]
    whole: int
    bos_count: int = 0
    notes: List[str] = field(default_factory=list)

    @property
    def truncated(self) -> bool:
        """True when tokens were cut off."""
        return self.whole > len(self.ids)


class Dialogues:
    """Renders and tokenises for one tokenizer."""

    def __init__(
        self,
        tokenizer: Any,
        *,
        max_length: int,
        truncation_side: str = "left",
        system_prompt: Optional[str] = None,
        chat_template: Optional[pathlib.Path] = None,
        add_special_tokens: Optional[bool] = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.truncation_side = truncation_side
        self.system_prompt = system_prompt
        self.template = chat_template.read_text(encoding="utf-8") if chat_template else None
        self.add_special_tokens = add_special_tokens
        self._cut = 0
        self._warned = False
        if not self.template and not getattr(tokenizer, "chat_template", None):
            raise SettingsError("chat-template", "the tokenizer has no chat template", "set `chat-template` to a file")
        if "strftime_now" in str(self.template or tokenizer.chat_template):
            log("tribunal_adapter.ready: the chat template writes the date of today, so scores may change by the day; see `chat-template`")

    def messages(self, turns: Sequence[Turn]) -> List[Turn]:
        """The turns, with the system prompt in front where the dialogue has none."""
        if self.system_prompt is not None and not (turns and turns[0]["role"] == "system"):
            return [Turn(role="system", content=self.system_prompt), *turns]
        return list(turns)

    def render(self, turns: Sequence[Turn], to_continue: bool = False) -> str:
        """The text that the chat template makes; `to_continue` ends it where the assistant's reply begins."""
        from jinja2.exceptions import TemplateError

        options = {"chat_template": self.template} if self.template else {}
        messages = [dict(turn) for turn in self.messages(turns)]
        try:
            return str(
                self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=to_continue, **options)
            )
        except TemplateError as error:  # it knows no system turns, or wants user and assistant to alternate
            raise Rejected(f"the chat template refuses the dialogue: {error}") from None

    def encode(self, rendered: str) -> Encoded:
        """Token ids of a rendered text.

        A text that begins with the BOS token gets no special tokens from the tokenizer, any other what the tokenizer adds to texts.
        """
        bos, bos_id = self.tokenizer.bos_token, self.tokenizer.bos_token_id
        special = self.add_special_tokens
        if special is None:
            special = not (bos and rendered.startswith(bos))
        ids = self._ids(rendered, special)
        notes: List[str] = []
        written = leading(ids, bos_id)
        if written > 1:
            notes.append(f"the text began with {written} BOS tokens; one is kept")
            ids = ids[written - 1 :]
            if not self._warned:
                log(f"tribunal_adapter.ready: double BOS: {notes[-1]}")
                self._warned = True
        whole = len(ids)
        if whole > self.max_length:
            ids = self._shorten(rendered, ids, special, bool(written))
            notes.append(f"cut from {whole} to {len(ids)} tokens on the {self.truncation_side}")
            self.count_long()
        if not ids:
            raise Rejected("the rendered text has no tokens")
        return Encoded(ids, whole, leading(ids, bos_id), notes)

    def count_long(self) -> None:
        """Counts a text that is too long, and says so at the first, second, fourth and so on."""
        self._cut += 1
        if self._cut & (self._cut - 1) == 0:
            log(f"tribunal_adapter.ready: {self._cut} texts so far had more than {self.max_length} tokens")

    def is_long(self, rendered: str) -> bool:
        """Whether a text has too many tokens, where somebody else cuts it; counted as well."""
        if len(rendered.encode()) <= self.max_length or len(self._ids(rendered, True)) <= self.max_length:
            return False
        self.count_long()
        return True

    def report(self) -> None:
        """Says at the end how many texts were too long."""
        if self._cut:
            log(f"tribunal_adapter.ready: {self._cut} texts in all had more than {self.max_length} tokens")

    def _ids(self, rendered: str, special: bool, **options: Any) -> List[int]:
        # The tokenizer's warning about its own longest length would be misleading: the cut is ours.
        return list(self.tokenizer(rendered, add_special_tokens=special, verbose=False, **options)["input_ids"])

    def _shorten(self, rendered: str, ids: List[int], special: bool, begins: bool) -> List[int]:
        if special and self.tokenizer.num_special_tokens_to_add() > 0 and not begins:
            # Special tokens at both ends (encoders) outlive the tokenizer's own cut.
            self.tokenizer.truncation_side = self.truncation_side
            return self._ids(rendered, special, truncation=True, max_length=self.max_length)
        if self.truncation_side == "right":
            return ids[: self.max_length]
        kept = 1 if begins else 0
        return ids[:kept] + ids[len(ids) - (self.max_length - kept) :]


def leading(ids: Sequence[int], token: Optional[int]) -> int:
    """How often a token stands at the start."""
    count = 0
    while token is not None and count < len(ids) and ids[count] == token:
        count += 1
    return count
