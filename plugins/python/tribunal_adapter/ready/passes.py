"""Forward passes over texts of different lengths: in batches by length, read at the last real token whatever the padding."""

from __future__ import annotations

import inspect
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from tribunal_adapter.errors import Cancelled
from tribunal_adapter.tickets import cancelled


def by_length(rows: Sequence[Sequence[int]], size: int, equal_only: bool = False) -> Iterator[List[int]]:
    """Positions of rows in batches of at most `size`, longest first; `equal_only` never mixes lengths."""
    order = sorted(range(len(rows)), key=lambda at: -len(rows[at]))
    batch: List[int] = []
    for at in order:
        if batch and (len(batch) == size or (equal_only and len(rows[batch[0]]) != len(rows[at]))):
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def padded(rows: Sequence[Sequence[int]], pad: int, side: str, device: Any) -> Dict[str, Any]:
    """Token ids and attention mask as tensors, filled up on one side."""
    import torch

    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for at, row in enumerate(rows):
        place = slice(width - len(row), width) if side == "left" else slice(0, len(row))
        ids[at, place] = torch.tensor(list(row), dtype=torch.long)
        mask[at, place] = 1
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def last_real(mask: Any) -> Any:
    """The position of the last real token of each row, from the mask and not from a pad id."""
    import torch

    positions = torch.arange(mask.shape[1], device=mask.device)
    return (mask * positions).argmax(dim=1)


def position_ids(mask: Any) -> Any:
    """Positions counted from the first real token."""
    return (mask.cumsum(dim=1) - 1).clamp(min=0)


def forward(model: Any, batch: Dict[str, Any], side: str, **options: Any) -> Any:
    """Calls a model; under padding on the left with positions that start at the text."""
    if side == "left" and "position_ids" in inspect.signature(model.forward).parameters:
        options["position_ids"] = position_ids(batch["attention_mask"])
    return model(**batch, **options)


def stop_if_cancelled() -> None:
    """Between two batches: gives up a cancelled request."""
    if cancelled():
        raise Cancelled()


class Heads:
    """Logits of a sequence classifier, one row of float32 numbers for each text.

    Decoders of `transformers` with a linear `score` are read at the last real token here, since their own lookup searches for the pad id
    (wrong where pad is also the end of a turn). Encoders pool by themselves and need the mask alone. Of code from elsewhere nothing is known,
    so it never sees padding.

    A causal model that is filled up on the right needs no mask, since no token sees what follows it; without one the library takes its fast
    kernels, those of batch 1. Whether a model is causal is tried out once.
    """

    def __init__(self, model: Any, pad: int, side: str, size: int) -> None:
        import torch

        self.model = model
        self.pad = pad
        self.size = size
        prefix = getattr(model, "base_model_prefix", "")
        self.base = getattr(model, prefix, None) if prefix else None
        self.own_code = not type(model).__module__.startswith("transformers.")
        self.at_last = not self.own_code and self.base is not None and isinstance(getattr(model, "score", None), torch.nn.Linear)
        if self.at_last and "position_ids" not in inspect.signature(self.base.forward).parameters:  # type: ignore[union-attr]
            side = "right"
        self.side = side if self.at_last else "right"
        self.unmasked = self.at_last and self.side == "right" and is_causal(self.base, pad)

    @property
    def read_at(self) -> str:
        """Where scores are read, in words."""
        if self.at_last:
            return "`score` at the last real token"
        return "the model's own logits" + (", batches of equal length" if self.own_code else "")

    def rows(self, texts: Sequence[Sequence[int]]) -> List[List[float]]:
        """The logits, in the order of the texts."""
        import torch

        logits: List[List[float]] = [[] for _ in texts]
        with torch.inference_mode():
            for places in by_length(texts, self.size, equal_only=self.own_code):
                stop_if_cancelled()
                batch = padded([texts[at] for at in places], self.pad, self.side, self.model.device)
                for at, row in zip(places, self._logits(batch).float().cpu().tolist()):
                    logits[at] = row if isinstance(row, list) else [row]
        return logits

    def _logits(self, batch: Dict[str, Any]) -> Any:
        import torch

        if not self.at_last:
            output = self.model(**batch)
            return output.logits if hasattr(output, "logits") else output[0]
        seen = {"input_ids": batch["input_ids"]} if self.unmasked else batch
        hidden = forward(self.base, seen, self.side, use_cache=False).last_hidden_state
        last = last_real(batch["attention_mask"]).to(hidden.device)
        pooled = hidden[torch.arange(hidden.shape[0], device=hidden.device), last]
        return self.model.score(pooled.to(self.model.score.weight.device))


def is_causal(base: Any, pad: int) -> bool:
    """Whether what stands behind a token leaves its hidden state alone, by trying. In doubt it says no."""
    import torch

    text = [(pad + 1 + at) % base.config.vocab_size for at in range(8)] if getattr(base.config, "vocab_size", 0) > 9 else []
    if not text:
        return False
    with torch.inference_mode():
        states = [
            base(input_ids=torch.tensor([row], device=base.device), use_cache=False).last_hidden_state[0, 7].float()
            for row in (text, text + [pad] * 8)
        ]
    # Other kernels for other lengths change the last bits, of 16-bit weights up to some thousandths.
    return bool((states[0] - states[1]).norm() < 0.02 * states[0].norm())


def next_token_logits(model: Any, texts: Sequence[Sequence[int]], pad: int, size: int, tokens: Tuple[int, ...]) -> List[List[float]]:
    """The logits of some tokens in the place after each text, float32."""
    import torch

    logits: List[List[float]] = [[] for _ in texts]
    # Filled up on the left, all texts end in one place, and the model computes the logits of that place alone.
    only = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
    with torch.inference_mode():
        for places in by_length(texts, size):
            stop_if_cancelled()
            batch = padded([texts[at] for at in places], pad, "left", model.device)
            last = forward(model, batch, "left", use_cache=False, **only).logits[:, -1].float()
            for at, row in zip(places, last[:, list(tokens)].cpu().tolist()):
                logits[at] = row
    return logits


def log_probabilities(
    model: Any, texts: Sequence[Sequence[int]], starts: Sequence[int], pad: int, size: int
) -> List[List[float]]:
    """Natural log-probabilities of each text's tokens from its start position on, given all before them."""
    import torch

    found: List[List[float]] = [[] for _ in texts]
    with torch.inference_mode():
        for places in by_length(texts, size):
            stop_if_cancelled()
            rows = [texts[at] for at in places]
            batch = padded(rows, pad, "right", model.device)
            logits = model(**batch, use_cache=False).logits
            for row, at in enumerate(places):
                start, end = starts[at], len(texts[at])
                # The token at a position is predicted one position earlier.
                kept = logits[row, start - 1 : end - 1].float()
                wanted = torch.tensor(list(texts[at][start:end]), device=kept.device)
                chosen = kept.gather(1, wanted[:, None])[:, 0] - kept.logsumexp(dim=1)
                found[at] = chosen.cpu().tolist()
    return found


def pad_id(tokenizer: Any) -> int:
    """An id to fill up with; the mask says that it is none, so it may equal the end of a turn."""
    for token in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    return 0
