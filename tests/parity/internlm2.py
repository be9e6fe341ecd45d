"""InternLM2 in plain torch, for comparison: transformers has no class for it.

Written from the published description of the architecture: a Llama whose queries, keys and values lie in one matrix, grouped by key and
value head, and whose reward model reads one number at a token that is appended to the text.
"""

from typing import Any

import torch
from torch import Tensor, nn


class Norm(nn.Module):
    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        scaled: Tensor = self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return scaled


class Attention(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.heads: int = config["num_attention_heads"]
        self.kv_heads: int = config["num_key_value_heads"]
        hidden: int = config["hidden_size"]
        self.width = hidden // self.heads
        self.base: float = config["rope_theta"]
        self.wqkv = nn.Linear(hidden, (self.heads + 2 * self.kv_heads) * self.width, bias=False)
        self.wo = nn.Linear(hidden, hidden, bias=False)

    def rotate(self, x: Tensor) -> Tensor:
        """Turns the pair of numbers `i` and `i + width / 2` of each head by an angle that grows with the place in the text."""
        half = self.width // 2
        speeds = self.base ** (-torch.arange(half, dtype=torch.float32) / half)
        angles = torch.arange(x.shape[1], dtype=torch.float32)[:, None] * speeds
        cos, sin = angles.cos(), angles.sin()
        one, other = x[..., :half], x[..., half:]
        return torch.cat([one * cos - other * sin, other * cos + one * sin], -1)

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[0]
        group = self.heads // self.kv_heads
        packed = self.wqkv(x).view(length, self.kv_heads, group + 2, self.width)
        queries = packed[:, :, :group].reshape(length, self.heads, self.width).transpose(0, 1)
        keys = packed[:, :, group].transpose(0, 1).repeat_interleave(group, 0)
        values = packed[:, :, group + 1].transpose(0, 1).repeat_interleave(group, 0)
        logits = self.rotate(queries) @ self.rotate(keys).transpose(1, 2) / self.width**0.5
        ahead = torch.ones(length, length, dtype=torch.bool).triu(1)
        weights = logits.masked_fill(ahead, float("-inf")).softmax(-1)
        out: Tensor = self.wo((weights @ values).transpose(0, 1).reshape(length, -1))
        return out


class FeedForward(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        hidden, inner = config["hidden_size"], config["intermediate_size"]
        self.w1 = nn.Linear(hidden, inner, bias=False)
        self.w2 = nn.Linear(inner, hidden, bias=False)
        self.w3 = nn.Linear(hidden, inner, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.w2(nn.functional.silu(self.w1(x)) * self.w3(x))
        return out


class Layer(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.feed_forward = FeedForward(config)
        self.attention_norm = Norm(config["hidden_size"], config["rms_norm_eps"])
        self.ffn_norm = Norm(config["hidden_size"], config["rms_norm_eps"])

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        out: Tensor = x + self.feed_forward(self.ffn_norm(x))
        return out


class Backbone(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.tok_embeddings = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))
        self.norm = Norm(config["hidden_size"], config["rms_norm_eps"])

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tok_embeddings(tokens)
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.norm(x)
        return out


class InternLM2(nn.Module):
    """The reward model, or the language model where `reward` is false. Reads one text, without a dimension for batches."""

    def __init__(self, config: dict[str, Any], reward: bool) -> None:
        super().__init__()
        self.model = Backbone(config)
        if reward:
            self.v_head = nn.Linear(config["hidden_size"], 1, bias=False)
        else:
            self.output = nn.Linear(config["hidden_size"], config["vocab_size"], bias=False)
