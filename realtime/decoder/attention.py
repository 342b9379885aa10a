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

from realtime.decoder.compiled import compiled
from realtime.decoder.kv_cache import LayerCache
from realtime.decoder.sequence import runs

TILE_TOKENS = 128


@dataclass(frozen=True, slots=True)
class Span:
    """The rows [first_row, first_row + count) of a batch: one sequence's next positions, from `position` on.

    key_runs: slot ranges of whole blocks, in order of position, that cover the sequence after this step.
    value_tiles: for each tile of 128 positions, the slot ranges of its positions, cut at the length.
    tile_tokens: how many positions each tile has: 128, the last one perhaps less.
    mask: bool [count, columns - position]; True where a score column from `position` on must not be seen.
    """

    first_row: int
    count: int
    position: int
    key_runs: tuple[tuple[int, int], ...]
    value_tiles: tuple[tuple[tuple[int, int], ...], ...]
    tile_tokens: list[int]
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
    tile_tokens = [sum(end - start for start, end in ranges) for ranges in tiles]
    return Span(first_row, count, position, key_runs, tuple(tiles), tile_tokens, columns[None, :] > rows[:, None])


def attend(qkv: Tensor, cache: LayerCache, span: Span) -> Tensor:
    """Attention of one span in one layer.

    qkv: contiguous [count, heads + 2 * kv_heads, head_dim]; queries (rotated and scaled), then keys and values, which
    are in the cache already. Returns [count, heads * head_dim] in the dtype of `qkv`.
    """
    keys = [cache.keys.narrow(2, start, end - start) for start, end in span.key_runs]
    if len(keys) == 1:
        run = cache.values.narrow(1, span.key_runs[0][0], span.position + span.count)
        values = list(run.split_with_sizes(span.tile_tokens, 1))
    else:
        values = [
            torch.cat([cache.values.narrow(1, start, end - start) for start, end in ranges], dim=1)
            for ranges in span.value_tiles
        ]
    mixed: Tensor = _mix(qkv, keys, values, span.position, span.mask)
    return mixed


def _mix_views(qkv: Tensor, keys: list[Tensor], values: list[Tensor], position: int, mask: Tensor) -> Tensor:
    """Attention over views of the cache.

    keys: per run [kv_heads, head_dim, columns]. values: per tile [kv_heads, positions, head_dim].
    mask: see `Span`. Returns [count, heads * head_dim].
    """
    count, head_dim = qkv.shape[0], qkv.shape[2]
    kv_heads = keys[0].shape[0]
    group = qkv.shape[1] // kv_heads - 2
    rows = count * group  # of one product: position major, head of the group minor
    queries = _queries(qkv, kv_heads, group).to(keys[0].dtype)

    scores = torch.bmm(queries, keys[0])
    if len(keys) > 1:
        scores = torch.cat([scores] + [torch.bmm(queries, run) for run in keys[1:]], 2)
    # [kv_heads, count, group, columns]: hide the future, and whatever lies in slots that nobody has written
    recent = scores[:, :rows, position:]
    recent.view(kv_heads, count, group, recent.shape[2]).masked_fill_(mask[None, :, None, :], float("-inf"))
    weights = torch.softmax(scores, 2)

    mixed = torch.bmm(weights[:, :, : values[0].shape[1]], values[0])
    column = values[0].shape[1]
    for tile in values[1:]:
        mixed.baddbmm_(weights[:, :, column : column + tile.shape[1]], tile)
        column += tile.shape[1]
    by_position = mixed[:, :rows].view(kv_heads, count, group, head_dim).transpose(0, 1)
    return by_position.reshape(count, kv_heads * group * head_dim).to(qkv.dtype)


def _queries(qkv: Tensor, kv_heads: int, group: int) -> Tensor:
    """Queries by key/value head: [kv_heads, rows, head_dim], rows = count * group but at least 4.

    Rows that fill up to 4 are whatever stands next in memory (another head of the same row): their results are
    computed and never read. That spares a copy in every layer of every decoding step.
    """
    count, head_dim = qkv.shape[0], qkv.shape[2]
    if count == 1 and group < 4 and kv_heads + group >= 4:
        return qkv.as_strided([kv_heads, 4, head_dim], [group * head_dim, head_dim, 1])
    heads = qkv[:, : kv_heads * group].view(count, kv_heads, group, head_dim)
    queries = heads.transpose(0, 1).reshape(kv_heads, count * group, head_dim)
    if count * group < 4:
        queries = functional.pad(queries, [0, 0, 0, 4 - count * group])
    return queries


_mix = compiled(_mix_views)
