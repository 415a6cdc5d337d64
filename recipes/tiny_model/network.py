"""The Llama network: pre-norm blocks of rotary attention and a gated feed-forward layer.

The modules have the names that the GGUF format gives their tensors, which spares the export a table of names.
In the shapes below, B is the number of sequences, T the tokens in each, W the width.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu


@dataclass(frozen=True)
class NetworkConfig:
    """The network's dimensions; the defaults make 885,888 parameters."""

    vocabulary: int = 1024
    width: int = 128
    layers: int = 4
    heads: int = 4
    kv_heads: int = 1  # all heads share one: a fourth of the memory per token of context
    feed_forward: int = 384
    context: int = 512  # tokens
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        """Numbers in one head's query, key or value."""
        return self.width // self.heads


@dataclass(frozen=True)
class Rotation:
    """The rotary angles of T positions, as cosines and sines of shape [T, head width]."""

    cosines: Tensor
    sines: Tensor

    @classmethod
    def of_positions(cls, count: int, config: NetworkConfig) -> Self:
        """The rotation of the positions 0 to count - 1."""
        exponents = torch.arange(0, config.head_width, 2) / config.head_width
        angles = torch.outer(torch.arange(count).float(), config.rope_base**-exponents).repeat(1, 2)
        return cls(angles.cos(), angles.sin())

    def __call__(self, x: Tensor) -> Tensor:
        """Turn x, of shape [B, heads, T, head width]; a number's partner is half a head away."""
        first, second = x.chunk(2, dim=-1)
        return x * self.cosines + torch.cat((-second, first), dim=-1) * self.sines


class Block(nn.Module):
    """One layer: attention, then the feed-forward layer, each added to its input."""

    def __init__(self, config: NetworkConfig) -> None:
        """Make the layer's weights."""
        super().__init__()
        self.head_width = config.head_width
        kv_width = config.kv_heads * config.head_width
        self.attn_norm = nn.RMSNorm(config.width, config.norm_epsilon)
        self.ffn_norm = nn.RMSNorm(config.width, config.norm_epsilon)
        self.attn_q = nn.Linear(config.width, config.width, bias=False)
        self.attn_k = nn.Linear(config.width, kv_width, bias=False)
        self.attn_v = nn.Linear(config.width, kv_width, bias=False)
        self.attn_output = nn.Linear(config.width, config.width, bias=False)
        self.ffn_gate = nn.Linear(config.width, config.feed_forward, bias=False)
        self.ffn_up = nn.Linear(config.width, config.feed_forward, bias=False)
        self.ffn_down = nn.Linear(config.feed_forward, config.width, bias=False)

    def forward(self, x: Tensor, rotation: Rotation) -> Tensor:
        """[B, T, W] in, [B, T, W] out."""
        x = x + self._attention(self.attn_norm(x), rotation)
        return x + self._feed_forward(self.ffn_norm(x))

    def _attention(self, x: Tensor, rotation: Rotation) -> Tensor:
        queries = rotation(self._heads(self.attn_q(x)))
        keys = rotation(self._heads(self.attn_k(x)))
        values = self._heads(self.attn_v(x))
        mixed = scaled_dot_product_attention(queries, keys, values, is_causal=True, enable_gqa=True)
        return self.attn_output(mixed.transpose(1, 2).flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        """[B, T, heads * head width] as [B, heads, T, head width]."""
        return x.unflatten(2, (-1, self.head_width)).transpose(1, 2)

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.ffn_down(silu(self.ffn_gate(x)) * self.ffn_up(x))


class Llama(nn.Module):
    """The network, from token ids to scores of the next token."""

    def __init__(self, config: NetworkConfig) -> None:
        """Make the weights, at random."""
        super().__init__()
        self.config = config
        self.token_embd = nn.Embedding(config.vocabulary, config.width)
        self.blk = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.output_norm = nn.RMSNorm(config.width, config.norm_epsilon)
        self._initialize()

    def forward(self, token_ids: Tensor) -> Tensor:
        """Token ids of shape [B, T] in; scores (logits) of shape [B, T, vocabulary] out."""
        rotation = Rotation.of_positions(token_ids.shape[1], self.config)
        x = self.token_embd(token_ids)
        for block in self.blk:
            x = block(x, rotation)
        # The embeddings score the tokens as well: a matrix of its own would add 15 % of parameters.
        return self.output_norm(x) @ self.token_embd.weight.T

    def _initialize(self) -> None:
        """Draw the matrices; those whose output is added to x start smaller, lest x grow with the depth."""
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                is_added = name.endswith(("attn_output.weight", "ffn_down.weight"))
                scale = 1 / sqrt(2 * self.config.layers) if is_added else 1
                nn.init.normal_(parameter, std=0.02 * scale)
