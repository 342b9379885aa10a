"""One step of the decoder as one compiled call: every layer, every row, no allocation, without the GIL.

Its products are shared with an assistant where there is one (`sharing.py`); everything between them is its own.

It works on memory that `network.py` owns and keeps alive. Numba compiles it on the first call for this version of the
sources and reads it from its cache afterwards. A row's numbers depend on nothing but its own positions: sums of int8
products are exact, and every float sum has the fixed order that its kernel writes down.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from realtime.decoder.native import attention as a
from realtime.decoder.native import rows as r
from realtime.decoder.native.multiply import KIND, LEVEL_BYTES, OPTIONS, multiply
from realtime.decoder.native.sharing import is_free, multiply_together
from realtime.decoder.native.vectors import LANES

UNIT, HEAD_MULTIPLE, MOST_QUERIES = a.UNIT, a.HEAD_MULTIPLE, a.MOST_QUERIES

_quantise = r.quantise_to_int8 if LEVEL_BYTES == 1 else r.quantise_to_int16
_norm_row, _gate_row, _soften = r.norm_row, r.gate_row, a.soften
_REGISTERS = KIND.registers * KIND.lanes // LANES
_scores_1, _scores_2, _scores_3, _scores_4, _scores_5, _scores_6 = a.scores(_REGISTERS)
_mixed_1, _mixed_2, _mixed_3, _mixed_4, _mixed_5, _mixed_6 = a.mixed(_REGISTERS)


@njit(**OPTIONS)
def _at(array):  # type: ignore[no-untyped-def]
    """The address of an array, signed: numba adds signed and unsigned integers as floats."""
    return np.int64(array.ctypes.data)


@njit(**OPTIONS)
def place_qkv(qkv, bias, cos, sin, positions, slots, heads, head_dim, queries, cache, layer_floats, unit_floats):  # type: ignore[no-untyped-def]
    """Queries, rotated and scaled, to `queries`; keys, rotated, and values to the cache.

    qkv: float32 [rows, …]. bias: [heads + 2 kv_heads, head_dim] or empty. queries: [kv_heads, rows * group, head_dim].
    layer_floats: where the layer begins in `cache`.
    """
    kv_heads = queries.shape[0]
    group = heads // kv_heads
    half = head_dim // 2
    head_pad = unit_floats // (UNIT * kv_heads) - head_dim
    scale = np.float32(1 / head_dim**0.5)
    for row in range(len(positions)):
        position = positions[row]
        if bias.size:
            for column in range(bias.size):
                qkv[row, column] += bias[column]
        for head in range(heads):
            index = row * group + head % group
            base = head * head_dim
            for j in range(half):
                x, y, c, s = qkv[row, base + j], qkv[row, base + half + j], cos[position, j], sin[position, j]
                queries[head // group, index, j] = (x * c - y * s) * scale
                queries[head // group, index, half + j] = (y * c + x * s) * scale
        unit, lane = slots[row] // UNIT, slots[row] % UNIT
        unit_at = layer_floats + unit * unit_floats
        for head in range(kv_heads):
            base = (heads + head) * head_dim
            at = unit_at + head * head_dim * UNIT + lane
            for j in range(half):
                x, y, c, s = qkv[row, base + j], qkv[row, base + half + j], cos[position, j], sin[position, j]
                cache[at + j * UNIT] = x * c - y * s
                cache[at + (half + j) * UNIT] = y * c + x * s
            base = (heads + kv_heads + head) * head_dim
            at = unit_at + kv_heads * head_dim * UNIT + (head * UNIT + lane) * head_pad
            for j in range(head_dim):
                cache[at + j] = qkv[row, base + j]


@njit(**OPTIONS)
def attend(q, n, head_dim, table, length, keys, values, unit_bytes, head_pad, scores, stride, sums, out, lengths):  # type: ignore[no-untyped-def]
    """Attention of `n` queries (at most 6) of one key/value head, the longest of them over `length` positions.

    All addresses, but `lengths`, of the n queries. out: float32 [n, head_pad].
    """
    units = (length + UNIT - 1) // UNIT
    if n == 1:
        _scores_1(q, head_dim, table, units, keys, unit_bytes, scores, stride)
    elif n == 2:
        _scores_2(q, head_dim, table, units, keys, unit_bytes, scores, stride)
    elif n == 3:
        _scores_3(q, head_dim, table, units, keys, unit_bytes, scores, stride)
    elif n == 4:
        _scores_4(q, head_dim, table, units, keys, unit_bytes, scores, stride)
    elif n == 5:
        _scores_5(q, head_dim, table, units, keys, unit_bytes, scores, stride)
    else:
        _scores_6(q, head_dim, table, units, keys, unit_bytes, scores, stride)
    for query in range(n):
        _soften(scores + query * stride, lengths[query], length, sums + query * 4)
    if n == 1:
        _mixed_1(scores, stride, table, length, values, unit_bytes, head_pad, sums, out)
    elif n == 2:
        _mixed_2(scores, stride, table, length, values, unit_bytes, head_pad, sums, out)
    elif n == 3:
        _mixed_3(scores, stride, table, length, values, unit_bytes, head_pad, sums, out)
    elif n == 4:
        _mixed_4(scores, stride, table, length, values, unit_bytes, head_pad, sums, out)
    elif n == 5:
        _mixed_5(scores, stride, table, length, values, unit_bytes, head_pad, sums, out)
    else:
        _mixed_6(scores, stride, table, length, values, unit_bytes, head_pad, sums, out)


@njit(**OPTIONS)
def quantise_rows(x, stride, rows, length, levels, scales, sums):  # type: ignore[no-untyped-def]
    """Rows of floats, `stride` bytes apart, to levels with a scale and a sum each."""
    for row in range(rows):
        _quantise(x + row * stride, length, levels + row * length * LEVEL_BYTES, scales + row * 4, sums + row * 4)


@njit(**OPTIONS)
def norm_rows(x, stride, rows, length, weight, eps, normed, levels, scales, sums):  # type: ignore[no-untyped-def]
    """RMSNorm of each row by way of `normed` (one row), quantised."""
    for row in range(rows):
        _norm_row(x + row * stride, weight, length, eps, normed)
        quantise_rows(normed, 0, 1, length, levels + row * length * LEVEL_BYTES, scales + row * 4, sums + row * 4)


@njit(**OPTIONS)
def spread(board, matrix, outputs, inputs, rows, levels, scales, sums, wide):  # type: ignore[no-untyped-def]
    """A product into `wide`, float32 [2, rows, outputs]: into 0 alone, into 1 together. Which of the two holds it."""
    if not is_free(board):
        multiply(matrix, outputs, inputs, rows, levels, scales, sums, _at(wide[0]), wide.strides[1], np.int64(0))
        return 0
    shared = _at(wide[1])
    if multiply_together(board, matrix, outputs, inputs, rows, levels, scales, sums, shared, wide.strides[1]):
        return 1
    # The assistant is late with a part that was done for it, and will write it again: into what nobody reads then.
    wide[0, :rows, :outputs] = wide[1, :rows, :outputs]
    return 0


@njit(**OPTIONS)
def add_product(board, matrix, outputs, inputs, rows, levels, scales, sums, delta, x):  # type: ignore[no-untyped-def]
    """x += rows times matrix. delta: float32 [rows, outputs], where the product is made together."""
    if not is_free(board):
        multiply(matrix, outputs, inputs, rows, levels, scales, sums, _at(x), x.strides[0], np.int64(1))
        return
    multiply_together(board, matrix, outputs, inputs, rows, levels, scales, sums, _at(delta), delta.strides[0])
    for row in range(rows):
        for column in range(outputs):
            x[row, column] = delta[row, column] + x[row, column]


@njit(**OPTIONS)
def run_layers(board, sizes, layers, bias, eps, cos, sin, x, positions, slots, spans, tables, cache, work):  # type: ignore[no-untyped-def]
    """All layers for all rows: the residual stream `x` is changed in place, keys and values go to the cache.

    board: of an assistant (`sharing.py`), 0 without.
    sizes: int64, as `network.Sizes`. layers: int64 [layers, 6], addresses of norm, qkv, o, norm, gate_up, down.
    bias: float32 [layers, qkv outputs or 0]. x: float32 [rows, …]. positions, slots: int64 [rows].
    spans: int64 [n, 2], first row and number of rows of each sequence. tables: int64 [n, …], the units of each.
    work: arrays, as `network.Workspace`.
    """
    width, heads, kv_heads, head_dim, head_pad, mlp, layer_floats = sizes
    levels, scales, sums, wide, delta, queries, mixed, scores, normed, tile, lengths = work
    group = heads // kv_heads
    rows = len(positions)
    unit_floats = UNIT * kv_heads * (head_dim + head_pad)
    attention_width = heads * head_dim
    x_at, x_stride = _at(x), x.strides[0]
    wide_stride = wide.strides[1]
    levels_at, scales_at, sums_at = _at(levels), _at(scales), _at(sums)
    scores_at, tile_at, normed_at, mixed_at = (
        _at(scores),
        _at(tile),
        _at(normed),
        _at(mixed),
    )
    tile_sums_at = tile_at + MOST_QUERIES * head_pad * 4
    for layer in range(len(layers)):
        norm_1, qkv, o, norm_2, gate_up, down = layers[layer]
        norm_rows(x_at, x_stride, rows, width, norm_1, eps, normed_at, levels_at, scales_at, sums_at)
        outputs = attention_width + 2 * kv_heads * head_dim
        which = spread(board, qkv, outputs, width, rows, levels_at, scales_at, sums_at, wide)
        base = layer * layer_floats
        place_qkv(
            wide[which], bias[layer], cos, sin, positions, slots, heads, head_dim, queries, cache, base, unit_floats
        )  # fmt: skip

        keys_at = _at(cache) + base * 4
        values_at = keys_at + kv_heads * head_dim * UNIT * 4
        for span in range(len(spans)):
            first, count = spans[span]
            table = _at(tables) + span * tables.strides[0]
            for kv_head in range(kv_heads):
                keys = keys_at + kv_head * head_dim * UNIT * 4
                values = values_at + kv_head * head_pad * UNIT * 4
                begin = first * group
                while begin < (first + count) * group:
                    n = min(MOST_QUERIES, (first + count) * group - begin)
                    q = _at(queries) + kv_head * queries.strides[0] + begin * queries.strides[1]
                    for query in range(n):
                        lengths[query] = positions[(begin + query) // group] + 1
                    attend(
                        q, n, head_dim, table, lengths[n - 1], keys, values, unit_floats * 4, head_pad,
                        scores_at, scores.strides[0], tile_sums_at, tile_at, lengths,
                    )  # fmt: skip
                    for query in range(n):
                        row, member = (begin + query) // group, (begin + query) % group
                        for j in range(head_dim):
                            mixed[row, (kv_head * group + member) * head_dim + j] = tile[query, j]
                    begin += n

        quantise_rows(mixed_at, mixed.strides[0], rows, attention_width, levels_at, scales_at, sums_at)
        add_product(board, o, width, attention_width, rows, levels_at, scales_at, sums_at, delta, x)
        norm_rows(x_at, x_stride, rows, width, norm_2, eps, normed_at, levels_at, scales_at, sums_at)
        which = spread(board, gate_up, 2 * mlp, width, rows, levels_at, scales_at, sums_at, wide)
        wide_at = _at(wide[which])
        for row in range(rows):
            gate = wide_at + row * wide_stride
            _gate_row(gate, gate + mlp * 4, mlp, gate)
        quantise_rows(wide_at, wide_stride, rows, mlp, levels_at, scales_at, sums_at)
        add_product(board, down, width, mlp, rows, levels_at, scales_at, sums_at, delta, x)


@njit(**OPTIONS)
def head_logits(board, width, vocab, norm, head, eps, x, wanted, work, logits):  # type: ignore[no-untyped-def]
    """Logits of the residual rows `wanted` (int64 [n]) to `logits`, float32 [2, n, vocab filled up to whole blocks].

    Returns which of the two holds them.
    """
    levels, scales, sums, _, _, _, _, _, normed, _, _ = work
    levels_at, scales_at, sums_at = _at(levels), _at(scales), _at(sums)
    for index in range(len(wanted)):
        norm_rows(
            _at(x) + wanted[index] * x.strides[0], 0, 1, width, norm, eps, _at(normed),
            levels_at + index * width * LEVEL_BYTES, scales_at + index * 4, sums_at + index * 4,
        )  # fmt: skip
    return spread(board, head, vocab, width, len(wanted), levels_at, scales_at, sums_at, logits)
