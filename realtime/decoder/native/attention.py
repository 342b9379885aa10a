"""Attention of up to 6 queries of one key/value head over cached blocks, read in place through the block table.

A unit of the cache is 16 positions: keys [head_dim, 16] and values [16, head_pad] of every key/value head. Scores are
chains over head_dim and mixed values chains over positions, so an element's order of additions depends on neither the
number of queries nor the length of the cache, and nothing beyond a query's position is added.
"""

from __future__ import annotations

from typing import Any

from realtime.decoder.native.vectors import F32, FLOATS, I64, LANES, Emitter, kernel

UNIT = 16  # positions
MOST_QUERIES = 6
SCORED_UNITS = 4  # read together; scores are kept for whole groups of them
HEAD_MULTIPLE = 64  # values are mixed in 4 vectors at a time
_VECTOR_BYTES = 4 * LANES
_VECTORS = HEAD_MULTIPLE // LANES


def parts(queries: int, of: int, registers: int) -> list[range]:
    """The `of` vectors of each query, in parts whose sums the registers hold: others are written and read each time.

    registers: of LANES floats each; one in four is for what is multiplied.
    """
    together = of
    while queries * together * 4 > registers * 3 and together > 1:
        together //= 2
    return [range(first, first + together) for first in range(0, of, together)]


def _scores(queries: int, registers: int) -> Any:
    def body(e: Emitter, *arguments: Any) -> None:
        q, head_dim, table, units, keys, unit_bytes, scores, stride = arguments
        last = e.b.sub(units, e.i64(1))
        groups = e.b.udiv(e.b.add(units, e.i64(SCORED_UNITS - 1)), e.i64(SCORED_UNITS))
        with e.loop(groups) as group:
            places: list[Any] = []
            for number in range(2 * SCORED_UNITS):  # where a group has fewer units, the last one again: never read
                unit = e.at(number, group, SCORED_UNITS)
                unit = e.b.select(e.b.icmp_signed("<", unit, last), unit, last)
                places.append(e.at(keys, e.load(I64, e.at(table, unit, 8), 8), unit_bytes))
            for part in parts(queries, SCORED_UNITS, registers):
                sums = [[e.variable(e.constant(0.0)) for _ in part] for _ in range(queries)]
                with e.loop(head_dim) as dim:
                    columns = [e.load(FLOATS, e.at(places[unit], dim, _VECTOR_BYTES), 4) for unit in part]
                    for unit in part:
                        e.prefetch(e.at(places[SCORED_UNITS + unit], dim, _VECTOR_BYTES))
                    for query in range(queries):
                        value = e.splat(e.load(F32, e.at(e.at(q, dim, 4), e.at(0, head_dim, 4 * query)), 4))
                        for place, column in zip(sums[query], columns, strict=True):
                            e.b.store(e.fma(value, column, e.b.load(place)), place)
                for query in range(queries):
                    for unit, place in zip(part, sums[query], strict=True):
                        out = e.at(e.at(scores, stride, query), e.at(unit, group, SCORED_UNITS), _VECTOR_BYTES)
                        e.store(e.b.load(place), out, 4)

    body.__name__ = f"scores_{queries}"
    return kernel(body, "q head_dim table units keys unit_bytes scores stride")


def _mixed(queries: int, registers: int) -> Any:
    def body(e: Emitter, *arguments: Any) -> None:
        weights, stride, table, length, values, unit_bytes, head_pad, sums, out = arguments
        units = e.b.udiv(e.b.add(length, e.i64(UNIT - 1)), e.i64(UNIT))
        row_bytes = e.b.mul(head_pad, e.i64(4))
        last = e.b.sub(units, e.i64(1))
        with e.loop(e.b.udiv(head_pad, e.i64(HEAD_MULTIPLE))) as chunk:
            for part in parts(queries, _VECTORS, registers):
                totals = [[e.variable(e.constant(0.0)) for _ in part] for _ in range(queries)]
                with e.loop(units) as unit:
                    following = e.b.select(e.b.icmp_signed("<", unit, last), e.b.add(unit, e.i64(1)), last)
                    place, next_place = (
                        e.at(e.at(values, e.load(I64, e.at(table, number, 8), 8), unit_bytes), chunk, 4 * HEAD_MULTIPLE)
                        for number in (unit, following)
                    )
                    first = e.b.mul(unit, e.i64(UNIT))
                    left = e.b.sub(length, first)
                    held = e.b.select(e.b.icmp_signed("<", left, e.i64(UNIT)), left, e.i64(UNIT))
                    with e.loop(held) as position:
                        row = e.at(place, position, row_bytes)
                        columns = [e.load(FLOATS, e.at(row, v, _VECTOR_BYTES), 4) for v in part]
                        for v in part:
                            e.prefetch(e.at(e.at(next_place, position, row_bytes), v, _VECTOR_BYTES))
                        for query in range(queries):
                            at = e.at(e.at(weights, stride, query), e.b.add(first, position), 4)
                            weight = e.splat(e.load(F32, at, 4))
                            for total, column in zip(totals[query], columns, strict=True):
                                e.b.store(e.fma(weight, column, e.b.load(total)), total)
                for query in range(queries):
                    sum_ = e.splat(e.load(F32, e.at(sums, query, 4), 4))
                    for v, total in zip(part, totals[query], strict=True):
                        target = e.at(e.at(e.at(out, row_bytes, query), chunk, 4 * HEAD_MULTIPLE), v, _VECTOR_BYTES)
                        e.store(e.b.fdiv(e.b.load(total), sum_), target, 4)

    body.__name__ = f"mixed_{queries}"
    return kernel(body, "weights stride table length values unit_bytes head_pad sums out")


def scores(registers: int) -> tuple[Any, ...]:
    """scores_n(q, head_dim, table, units, keys, unit_bytes, scores, stride) for 1 … 6 queries [n, head_dim] float32.

    At `keys` are the head's keys of unit 0; scores float32 [n, 64 k], rows `stride` bytes apart. registers: of `parts`.
    """
    return tuple(_scores(n, registers) for n in range(1, MOST_QUERIES + 1))


def mixed(registers: int) -> tuple[Any, ...]:
    """mixed_n(weights, stride, table, length, values, unit_bytes, head_pad, sums, out) for 1 … 6 queries.

    Σ weight * value / sum of the query, over positions below `length`; out float32 [n, head_pad].
    """
    return tuple(_mixed(n, registers) for n in range(1, MOST_QUERIES + 1))


@kernel
def soften(e: Emitter, scores: Any, length: Any, filled: Any, total: Any) -> None:
    """Scores in place to e^(score - largest) for positions below `length` and 0 for the rest below `filled`.

    filled: rounded up to 16. The sum, float32, goes to `total`.
    """
    vectors = e.b.udiv(e.b.add(filled, e.i64(LANES - 1)), e.i64(LANES))
    lowest, zero = e.constant(float("-inf")), e.constant(0.0)
    peak = e.variable(lowest)
    with e.loop(vectors) as index:
        seen = e.lanes_below(e.b.sub(length, e.at(0, index, LANES)))
        value = e.b.select(seen, e.load(FLOATS, e.at(scores, index, _VECTOR_BYTES), 4), lowest)
        e.b.store(e.larger(value, e.b.load(peak)), peak)
    largest = e.splat(e.largest(e.b.load(peak)))
    sums = e.variable(zero)
    with e.loop(vectors) as index:
        place = e.at(scores, index, _VECTOR_BYTES)
        seen = e.lanes_below(e.b.sub(length, e.at(0, index, LANES)))
        power = e.exp(e.b.fsub(e.load(FLOATS, place, 4), largest))
        weight = e.b.select(seen, power, zero)
        e.store(weight, place, 4)
        e.b.store(e.b.fadd(e.b.load(sums), weight), sums)
    e.store(e.sum(e.b.load(sums)), total, 4)
