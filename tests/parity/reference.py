"""What transformers computes, in 32 bits on one thread."""

import importlib
import pathlib
from collections.abc import Sequence
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from families import Family, Json
from internlm2 import InternLM2

# Most of it has no types.
transformers: Any = importlib.import_module("transformers")
torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def new_model(family: Family, config: Json) -> torch.nn.Module:
    """A model with this configuration, its weights not drawn yet."""
    reward = "id2label" in config
    if not family.is_in_transformers:
        return InternLM2(config, reward).eval()
    settings = transformers.AutoConfig.for_model(**_without_nulls(config))
    known = transformers.AutoModelForSequenceClassification if reward else transformers.AutoModelForCausalLM
    model: torch.nn.Module = known.from_config(settings, dtype=torch.float32, attn_implementation=_attention(family))
    return model.eval()


def load_model(family: Family, folder: pathlib.Path, config: Json) -> torch.nn.Module:
    """The model of a folder. Fails when it holds more or less than the class needs."""
    reward = "id2label" in config
    if not family.is_in_transformers:
        own = InternLM2(config, reward)
        own.load_state_dict({name: weight.float() for name, weight in load_file(folder / "model.safetensors").items()})
        return own.eval()
    known = transformers.AutoModelForSequenceClassification if reward else transformers.AutoModelForCausalLM
    model, told = known.from_pretrained(
        folder, dtype=torch.float32, attn_implementation=_attention(family), output_loading_info=True
    )
    for key in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not told[key], f"{folder.name}: {key} {told[key]}"
    loaded: torch.nn.Module = model
    return loaded.eval()


def load_tokenizer(folder: pathlib.Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(folder)


def _attention(family: Family) -> str:
    # The fused attention has no soft caps.
    return "eager" if family.name == "gemma2" else "sdpa"


def _without_nulls(config: Json) -> Json:
    return {key: value for key, value in config.items() if key not in ("architectures", "torch_dtype")}


@torch.no_grad()
def hidden(model: Any, ids: Sequence[int]) -> Tensor:
    """Hidden states behind the last norm, one row for each token."""
    if isinstance(model, InternLM2):
        states: Tensor = model.model(torch.tensor(ids))
        return states
    out: Tensor = model.model(torch.tensor([ids])).last_hidden_state[0]
    return out


@torch.no_grad()
def labels(model: Any, ids: Sequence[int]) -> Tensor:
    """What the head of a classifier gives for a text."""
    if isinstance(model, InternLM2):
        # The state of the last token is read; the caller has appended the reward token.
        score: Tensor = model.v_head(model.model(torch.tensor(ids))[-1])
        return score
    out: Tensor = model(torch.tensor([ids])).logits[0]
    return out


@torch.no_grad()
def logprobs(model: Any, ids: Sequence[int]) -> Tensor:
    """Log-probabilities of what comes next, one row for each token, in 64 bits from logits in 32."""
    if isinstance(model, InternLM2):
        logits = model.output(model.model(torch.tensor(ids)))
    else:
        logits = model(torch.tensor([ids])).logits[0]
    normal: Tensor = logits.double().log_softmax(-1)
    return normal


def deviation(numbers: Sequence[float]) -> float:
    return float(torch.tensor(numbers, dtype=torch.float64).std())
