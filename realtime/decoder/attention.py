"""Attention of one sequence's new rows over its blocks. It knows slots and positions, no weights and no other rows.

Each sequence attends on its own, and its numbers do not depend on the batch nor on how a prefill was cut:
- scores: one product per run of consecutive blocks, read in place; every element is a chain over head_dim;
- softmax over whole blocks; what lies beyond a row's own position is -inf, whatever the cache holds there;
- values: summed in tiles of 128 positions, so the order of additions is fixed by position, not by the length of the
  cache. A tile whose blocks are not consecutive is gathered first. No value slot beyond the length is read.
Products have at least 4 rows: with fewer, the BLAS takes a matrix-vector path that adds in another order.
Tests pin the equality to the bit; a BLAS that chose its order of additions by the number of rows would break it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from realtime.decoder.sequence import runs

TILE_TOKENS = 128
_LEAST_PRODUCT_ROWS = 4


@dataclass(frozen=True, slots=True)
class Span:
    """The rows [first_row, first_row + count) of a batch: one sequence's next positions, from `position` on.

    key_runs: slot ranges of whole blocks, in order of position, that cover the sequence after this step.
    value_tiles: for each tile of 128 positions, the slot ranges of its positions, cut at the length.
    mask: bool [count, columns - position]; True where a score column from `position` on must not be seen.
    """

    first_row: int
    count: int
    position: int
    key_runs: tuple[tuple[int, int], ...]
    value_tiles: tuple[tuple[tuple[int, int], ...], ...]
    mask: Tensor


def plan_span(
    blocks: list[int], block_tokens: int, first_row: int, position: int, count: int, *, device: str = "cpu"
) -> Span:
    """Where the keys and values of one sequence lie once positions [position, position + count) are written."""
    length = position + count
    held = blocks[: -(-length // block_tokens)]
    key_runs = tuple((start * block_tokens, end * block_tokens) for start, end in runs(held))
    tiles = []
    per_tile = TILE_TOKENS // block_tokens
    for first in range(0, len(held), per_tile):
        ranges = [(a * block_tokens, b * block_tokens) for a, b in runs(held[first : first + per_tile])]
        beyond = min(len(held), first + per_tile) * block_tokens - length
        if beyond > 0:
            ranges[-1] = (ranges[-1][0], ranges[-1][1] - beyond)
        tiles.append(tuple(ranges))
    columns = torch.arange(position, len(held) * block_tokens, device=device)
    rows = torch.arange(position, length, device=device)
    return Span(first_row, count, position, key_runs, tuple(tiles), columns[None, :] > rows[:, None])


def attend(queries: Tensor, cache: Tensor, span: Span) -> Tensor:
    """Attention of one span in one layer.

    queries: [count, heads, head_dim], rotated and scaled. cache: the layer's slots [slots, 2 * kv_heads, head_dim].
    Returns [count, heads * head_dim] in the dtype of `queries`.
    """
    count, heads, head_dim = queries.shape
    kv_heads = cache.shape[1] // 2
    group = heads // kv_heads
    rows = count * group  # of one product: position major, head of the group minor
    grouped = queries.view(count, kv_heads, group, head_dim).transpose(0, 1).reshape(kv_heads, rows, head_dim)
    if rows < _LEAST_PRODUCT_ROWS:
        grouped = functional.pad(grouped, (0, 0, 0, _LEAST_PRODUCT_ROWS - rows))
    grouped = grouped.to(cache.dtype)

    parts = [torch.bmm(grouped, cache[start:end, :kv_heads].permute(1, 2, 0)) for start, end in span.key_runs]
    scores = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
    _hide_future(scores, span, group)
    weights = torch.softmax(scores, dim=2)

    mixed: Tensor | None = None
    column = 0
    for ranges in span.value_tiles:
        pieces = [cache[start:end, kv_heads:] for start, end in ranges]
        values = (pieces[0] if len(pieces) == 1 else torch.cat(pieces)).transpose(0, 1)
        tile = weights[:, :, column : column + values.shape[1]]
        mixed = torch.bmm(tile, values) if mixed is None else mixed.baddbmm_(tile, values)
        column += values.shape[1]
    assert mixed is not None
    # [count, kv_heads, group, head_dim]
    by_position = mixed[:, :rows].view(kv_heads, count, group, head_dim).transpose(0, 1)
    return by_position.reshape(count, heads * head_dim).to(queries.dtype)


def _hide_future(scores: Tensor, span: Span, group: int) -> None:
    """Put -inf, in place, on every column that its row must not see. scores: [kv_heads, rows, columns]."""
    if span.count == 1:
        scores[:, :, span.position + 1 :] = -torch.inf
        return
    tail = scores[:, : span.count * group, span.position :]
    tail = tail.view(tail.shape[0], span.count, group, tail.shape[2])
    tail.masked_fill_(span.mask[None, :, None, :], -torch.inf)
