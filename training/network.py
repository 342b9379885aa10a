"""The decoder as it is trained: a Llama-shaped network in torch with gradients. It knows tokens, no audio and no files.

`realtime.decoder` runs the same weights for serving, in int8 and block by block; here they are floating point, whole
sequences side by side, padded on the right (a causal mask never lets padding be read).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from realtime.decoder.shape import DecoderShape


@dataclass(slots=True)
class Cache:
    """Keys and values of sequences of one length: per layer [batch, kv_heads, length, head_dim]. Grows in `forward`.

    prompt: positions that the padded prompts took; 0 where that is the longest of the `lengths` given to `forward`. Who
    drops sequences on the way must say it, since the longest may be among them.
    """

    keys: list[Tensor]
    values: list[Tensor]
    prompt: int = 0

    @classmethod
    def empty(cls) -> Cache:
        return cls([], [])

    @property
    def length(self) -> int:
        return self.keys[0].shape[2] if self.keys else 0

    def select(self, rows: Tensor) -> Cache:
        """Only these sequences, int64 [n]; one may be there many times."""
        return Cache([k[rows] for k in self.keys], [v[rows] for v in self.values], self.prompt)


class Layer(nn.Module):
    """Attribute names are the checkpoint's."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        width, eps = shape.width, shape.norm_eps
        self.heads, self.kv_heads, self.head_dim = shape.heads, shape.kv_heads, shape.head_dim
        self.input_layernorm = nn.RMSNorm(width, eps)
        self.q = nn.Linear(width, shape.heads * shape.head_dim, bias=shape.qkv_bias)
        self.k = nn.Linear(width, shape.kv_heads * shape.head_dim, bias=shape.qkv_bias)
        self.v = nn.Linear(width, shape.kv_heads * shape.head_dim, bias=shape.qkv_bias)
        self.o = nn.Linear(shape.heads * shape.head_dim, width, bias=False)
        self.post_attention_layernorm = nn.RMSNorm(width, eps)
        self.gate = nn.Linear(width, shape.mlp_width, bias=False)
        self.up = nn.Linear(width, shape.mlp_width, bias=False)
        self.down = nn.Linear(shape.mlp_width, width, bias=False)

    def forward(
        self,
        x: Tensor,
        rotation: tuple[Tensor, Tensor],
        past: tuple[Tensor, Tensor] | None,
        mask: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x: [batch, time, width]. Returns it, and all keys and values [batch, kv_heads, past + time, head_dim]."""
        batch, time, _ = x.shape
        h = self.input_layernorm(x)
        q = self.q(h).view(batch, time, self.heads, self.head_dim).transpose(1, 2)
        k = self.k(h).view(batch, time, self.kv_heads, self.head_dim).transpose(1, 2)
        v = self.v(h).view(batch, time, self.kv_heads, self.head_dim).transpose(1, 2)
        q, k = _rotate(q, rotation), _rotate(k, rotation)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        if time == 1:
            # One query a head: the heads of a group stand where the queries do, and no key is copied for each of them.
            grouped = q.view(batch, self.kv_heads, -1, self.head_dim)
            mixed = functional.scaled_dot_product_attention(grouped, k, v, attn_mask=mask).reshape(q.shape)
        else:
            mixed = functional.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=True
            )
        x = x + self.o(mixed.transpose(1, 2).reshape(batch, time, -1))
        h = self.post_attention_layernorm(x)
        return x + self.down(functional.silu(self.gate(h)) * self.up(h)), k, v


class Decoder(nn.Module):
    """Embeddings in, hidden states out; `logits` of those that are asked for. The head is the embedding table."""

    frequencies: Tensor

    def __init__(self, shape: DecoderShape, *, saves_memory: bool = False) -> None:
        super().__init__()
        assert shape.tied_head, "training knows models whose head is their embedding table"
        self.shape = shape
        self.saves_memory = saves_memory
        self.embed = nn.Embedding(shape.vocab_size, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, shape.norm_eps)
        exponent = torch.arange(0, shape.head_dim, 2, dtype=torch.float32, device="cpu") / shape.head_dim
        self.register_buffer("frequencies", 1.0 / shape.rope_theta**exponent, persistent=False)

    def forward(self, x: Tensor, cache: Cache | None = None, lengths: Tensor | None = None) -> Tensor:
        """x: [batch, time, width] -> hidden states of the same shape, before the head.

        cache: what came before, appended to in place. lengths: int64 [batch], how much of the cache is real for each
        sequence (the rest of it was padding on the right, and is not read); the new positions follow it.
        """
        start = 0 if cache is None else cache.length
        new = torch.arange(x.shape[1], device=x.device)
        if cache is None or not start:
            positions, mask = new, None  # a causal mask never lets the padding on the right be read
        elif lengths is None:
            positions, mask = new + start, self._mask(start, x.shape[1], None, 0, x.device)
        else:
            prompt = cache.prompt or int(lengths.max())
            positions = lengths[:, None] + (start - prompt) + new
            mask = self._mask(start, x.shape[1], lengths, prompt, x.device)
        angle = positions.float()[..., None] * self.frequencies
        if angle.dim() == 3:
            angle = angle[:, None]
        rotation = (torch.cat([angle, angle], -1).cos(), torch.cat([angle, angle], -1).sin())
        for index, layer in enumerate(self.layers):
            past = (cache.keys[index], cache.values[index]) if cache is not None and start else None
            if self.saves_memory and self.training:
                x, k, v = checkpoint(layer, x, rotation, past, mask, use_reentrant=False)
            else:
                x, k, v = layer(x, rotation, past, mask)
            if cache is not None:
                if start:
                    cache.keys[index], cache.values[index] = k, v
                else:
                    cache.keys.append(k)
                    cache.values.append(v)
        normed: Tensor = self.norm(x)
        return normed

    def compile_layers(self) -> None:
        """Let torch compile a layer, once for all of them and for any batch and length."""
        # One variant each for training, watching and sampling; past the limit a layer would silently run uncompiled.
        torch._dynamo.config.recompile_limit = 64
        for layer in self.layers:
            layer.compile(dynamic=True)

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., width] -> [..., vocab]."""
        return functional.linear(hidden, self.embed.weight)

    def _mask(self, start: int, time: int, lengths: Tensor | None, prompt: int, device: torch.device) -> Tensor:
        """bool [batch or 1, 1, time, start + time]: everything real so far, and the new ones causally."""
        causal = torch.ones(time, time, dtype=torch.bool, device=device).tril()
        if lengths is None:
            before = torch.ones(1, time, start, dtype=torch.bool, device=device)
        else:
            at = torch.arange(start, device=device)
            real = (at < lengths[:, None]) | (at >= prompt)  # what was appended behind the padded prompts is real
            before = real[:, None, :].expand(-1, time, -1)
        return torch.cat([before, causal.expand(len(before), -1, -1)], 2)[:, None]


def _rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary embedding, rotate-half: [batch, heads, time, head_dim]."""
    cos, sin = rotation
    first, second = x.chunk(2, -1)
    turned = torch.cat([-second, first], -1)
    return (x * cos + turned * sin).to(x.dtype)
