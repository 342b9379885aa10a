"""What is heard in a turn besides words: tones, a glide, claps. Numbers of 10 ms slots in, events out; no state.

Every rule asks for more than speech gives: a tone keeps its pitch to half a percent, where a voice wavers; a glide is
straight on the scale of octaves for longer than a syllable; a clap is as loud in every band, where a consonant is a
hiss or a thump. What passes none of them is not there: a thought that asks for it is then left to guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streaming_encoder.sound_slots import SLOTS_PER_S, Slots

Floats = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]

# --- tones. Pitches are compared as natural logarithms: 0.01 is one percent.
LOWEST_TONE_HZ = 220.0
# Below this a voice's own fundamental may stand alone for a syllable: a tone must last longer there.
VOICE_HZ = 380.0
TONAL, PURE = 0.85, 0.93  # share of a tone in every slot of it, and in the middle one
STEP, NEAR = 0.012, 0.03  # from slot to slot; around one pitch
SEED_SPREAD, SPREAD, TIGHT = 0.006, 0.009, 0.004
SEED_SLOTS, LEAST_SLOTS, VOICE_SLOTS = 5, 5, 15
SAME = 0.006  # tones of one pitch; where a voice passes it, it lies a little off
# A beep is at most so far below the loudest of its pitch; so far below it, it is over; a valley so deep parts two.
BELOW_DB, OVER_DB, VALLEY_DB = 6.0, 6.0, 5.0
REACH_DB = 12.0
# An echo may cut a beep in two for less than the shortest gap between beeps.
MERGE_SLOTS = 7
# Of all tight slots of the pitch that has most: what has less than this is chance.
CLUSTER_SHARE, CLUSTER_SLOTS = 0.3, 6

# --- a glide, in octaves
GLIDE_TONAL = 0.5
GLIDE_STEP, GLIDE_MISSED = 0.12, 4  # octaves a slot, slots without a partial
GLIDE_SLOTS, GLIDE_OCTAVES = 35, 0.3
GLIDE_OFF = 0.04  # octaves from the straight line
GLIDE_SHARE = 0.7
# Where an echo hides an end of it: what lies this near its line, behind a hole this long at most, belongs to it.
GLIDE_NEAR, GLIDE_HOLE = 0.1, 12

# --- claps
CLAP_RISE_DB, CLAP_FALL_DB = 5.0, 4.0  # over 40 ms before; within 70 ms behind
CLAP_FLAT_DB, CLAP_TONAL = 24.0, 0.6  # bands apart
# The release of a consonant is as sharp and as flat, but it stands in a word: nothing near a clap is as loud.
CLAP_ALONE, CLAP_ALONE_DB = 22, 3.0
CLAP_GAPS = (25, 80)  # slots between two
CLAPS_LEVEL_DB, CLAPS_COLOUR_DB, CLAPS_TEMPO = 7.0, 8.0, 1.5  # how alike the claps of one row are
CLAPS_QUIET_DB = 8.0  # between two
ONE_CLAP, MANY_CLAPS = 2.0, 2.5  # evidence: up to 2.5 a clap


@dataclass(frozen=True, slots=True)
class Tone:
    """A sound of one pitch. start_s: from the first slot that was looked at."""

    start_s: float
    seconds: float
    hz: float


@dataclass(frozen=True, slots=True)
class Glide:
    """A tone that goes from one pitch to another."""

    from_hz: float
    to_hz: float


def tones(slots: Slots) -> tuple[Tone, ...]:
    """Every sound that keeps one pitch, in order: beeps, whistles, notes."""
    if len(slots) < LEAST_SLOTS:
        return ()
    pitch = np.log(slots.hz.astype(np.float64))
    found = [_of_pitch(slots, pitch, at, top) for at, top in _pitches(slots, pitch)]
    best = max((tight for tight, _ in found), default=0)
    kept = [tone for tight, of in found if tight >= max(CLUSTER_SLOTS, CLUSTER_SHARE * best) for tone in of]
    return tuple(sorted(kept, key=lambda tone: tone.start_s))


def _pitches(slots: Slots, pitch: Floats) -> list[tuple[float, float]]:
    """The pitches that are held somewhere for long enough, each with its highest level, loudest first."""
    good = (slots.tonal >= TONAL) & (slots.hz > LOWEST_TONE_HZ)
    held = good[1:] & good[:-1] & (np.abs(np.diff(pitch)) <= STEP)
    seeds = []
    for begin, last in _runs(held):
        if last + 1 - begin < SEED_SLOTS:
            continue
        run = slice(begin, last + 1)
        level = slots.tone_db[run]
        loud = level > level.max() - 8.0
        middle, spread = _spread(pitch[run][loud])
        is_low = middle < np.log(VOICE_HZ)
        least, widest = (VOICE_SLOTS + SEED_SLOTS, TIGHT) if is_low else (SEED_SLOTS, SEED_SPREAD)
        if loud.sum() >= least and spread <= widest and _at_share(slots.tonal[run][loud], 0.5) >= PURE:
            seeds.append((float(level.max()), middle))
    pitches: list[tuple[float, float]] = []
    for top, middle in sorted(seeds, reverse=True):
        if all(abs(other - middle) >= NEAR for other, _ in pitches):
            pitches.append((middle, top))
    return pitches


def _of_pitch(slots: Slots, pitch: Floats, middle: float, top: float) -> tuple[int, list[Tone]]:
    """The tones of one pitch, the loudest of which is at `top` dB; and how many slots of them hold it tightly."""
    is_on = (np.abs(pitch - middle) < NEAR) & (slots.tonal > 0.5)
    level = np.where(is_on, slots.tone_db, -120.0)
    spans: list[tuple[int, int]] = []
    for begin, end in _runs(level > top - REACH_DB):
        for left, right in _parted(level, begin, end):
            most = level[left:right].max()
            if most < top - BELOW_DB:
                continue
            loud = np.flatnonzero(level[left:right] > most - OVER_DB)
            span = left + int(loud[0]), left + int(loud[-1]) + 1
            if spans and span[0] - spans[-1][1] < MERGE_SLOTS:
                span = spans.pop()[0], span[1]
            spans.append(span)
    least = VOICE_SLOTS if middle < np.log(VOICE_HZ) else LEAST_SLOTS
    held = []
    for begin, end in spans:
        inside = level[begin:end]
        at, spread = _spread(pitch[begin:end][inside > inside.max() - 8.0])
        if end - begin >= least and spread <= SPREAD:
            held.append((begin, end, at, spread))
    surest = [at for _, _, at, spread in held if spread <= TIGHT] or [at for _, _, at, _ in held]
    middle = _at_share(np.array(surest), 0.5) if surest else middle
    tight = sum(end - begin for begin, end, _, spread in held if spread <= TIGHT)
    return tight, [
        Tone(begin / SLOTS_PER_S, (end - begin) / SLOTS_PER_S, float(np.exp(at)))
        for begin, end, at, _ in held
        if abs(at - middle) <= SAME
    ]


def _parted(level: npt.NDArray[np.floating], begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The span, cut at every valley that lies VALLEY_DB below what is on both sides of it."""
    inside = level[begin:end]
    left = np.maximum.accumulate(inside)
    right = np.maximum.accumulate(inside[::-1])[::-1]
    depth = np.minimum(left, right) - inside
    cut = int(depth.argmax())
    if end - begin <= LEAST_SLOTS or depth[cut] < VALLEY_DB:
        yield begin, end
    else:
        yield from _parted(level, begin, begin + cut)
        yield from _parted(level, begin + cut, end)


def glide(slots: Slots) -> Glide | None:
    """The longest sound whose pitch moves steadily, if there is one."""
    octaves = np.log2(slots.hz.astype(np.float64))
    at = np.flatnonzero(slots.tonal > GLIDE_TONAL)
    apart = np.diff(at)
    breaks = (apart > GLIDE_MISSED) | (np.abs(np.diff(octaves[at])) > GLIDE_STEP * apart)
    best: tuple[int, Glide] | None = None
    for run in np.split(at, np.flatnonzero(breaks) + 1):
        straight = _straight(run, octaves, slots.tonal)
        if straight is not None and (best is None or straight[0] > best[0]):
            best = straight
    return best[1] if best else None


def _straight(at: npt.NDArray[np.intp], octaves: Floats, tonal: Floats) -> tuple[int, Glide] | None:
    """How many slots of a run lie on a straight line that climbs or falls, and that line."""
    for _ in range(4):  # without what an echo put beside it
        if len(at) < GLIDE_SLOTS:
            return None
        slope, base = np.polyfit(at, octaves[at], 1)
        off = np.abs(octaves[at] - slope * at - base)
        near = off <= max(GLIDE_OFF, 1.5 * float(np.median(off)))
        if near.all():
            break
        at = at[near]
    length = int(at[-1] - at[0])
    if len(at) < GLIDE_SLOTS or abs(slope) * length < GLIDE_OCTAVES or len(at) < GLIDE_SHARE * length:
        return None
    if float(np.std(octaves[at] - slope * at - base)) > GLIDE_OFF:
        return None
    off = np.abs(octaves - slope * np.arange(len(octaves)) - base)
    along = np.flatnonzero((tonal > GLIDE_TONAL) & (off < GLIDE_NEAR))
    parts = np.split(along, np.flatnonzero(np.diff(along) > GLIDE_HOLE) + 1)
    whole = max(parts, key=lambda part: int(np.isin(part, at).sum()))
    found = Glide(float(2.0 ** (slope * whole[0] + base)), float(2.0 ** (slope * whole[-1] + base)))
    return None if max(found.from_hz, found.to_hz) < VOICE_HZ else (len(at), found)


def claps(slots: Slots) -> int:
    """How many claps: the row of bursts, alike and evenly apart, for which there is most evidence."""
    candidates, evidence = _bursts(slots)
    level, bands = slots.level_db[candidates], slots.bands_db[candidates]
    # The best row that ends with the bursts `before` and `now`: its evidence, its length, its first burst.
    rows: dict[tuple[int, int], tuple[float, int, int]] = {}
    best = (max(evidence, default=0.0), 1)
    for now in range(len(candidates)):
        for before in range(now - 1, -1, -1):
            gap = candidates[now] - candidates[before]
            if gap > CLAP_GAPS[1]:
                break
            if gap < CLAP_GAPS[0] or not _are_alike(slots, candidates, level, bands, before, now):
                continue
            row = (evidence[before] + evidence[now], 2, before)
            for earlier in range(before - 1, -1, -1):
                if candidates[before] - candidates[earlier] > CLAP_GAPS[1]:
                    break
                longer = rows.get((earlier, before))
                if longer is None:
                    continue
                pace = (candidates[before] - candidates[earlier]) / gap
                is_even = 1 / CLAPS_TEMPO <= pace <= CLAPS_TEMPO
                if is_even and abs(level[now] - level[longer[2]]) <= CLAPS_LEVEL_DB:
                    row = max(row, (longer[0] + evidence[now], longer[1] + 1, longer[2]))
            rows[before, now] = row
            best = max(best, row[:2])
    return best[1] if best[0] >= (ONE_CLAP if best[1] == 1 else MANY_CLAPS) else 0


def _bursts(slots: Slots) -> tuple[npt.NDArray[np.intp], list[float]]:
    """Where something short and loud in every band might be a clap, and how much speaks for it."""
    if len(slots) < 16:
        return np.empty(0, np.intp), []
    at = np.arange(5, len(slots) - 9)
    level = slots.level_db
    rise = level[at] - np.max([level[at - by] for by in (3, 4, 5)], 0)
    fall = level[at] - np.mean([level[at + by] for by in (6, 7, 8)], 0)
    apart = np.ptp(slots.bands_db[at], 1)
    is_top = np.all([level[at] >= level[at + by] for by in (-2, -1, 1, 2)], 0)
    is_flat = (apart <= CLAP_FLAT_DB) & (slots.tonal[at] <= CLAP_TONAL)
    padded = np.pad(level, CLAP_ALONE, constant_values=-120.0)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * CLAP_ALONE + 1)[at]
    others = np.maximum(around[:, : CLAP_ALONE - 4].max(1), around[:, CLAP_ALONE + 8 :].max(1))
    is_alone = others <= level[at] - CLAP_ALONE_DB
    good = is_top & is_flat & is_alone & (rise >= CLAP_RISE_DB) & (fall >= CLAP_FALL_DB)
    evidence = np.clip((rise - CLAP_RISE_DB) / 10, 0, 1) + np.clip((fall - CLAP_FALL_DB) / 8, 0, 1)
    evidence += np.clip((CLAP_FLAT_DB - apart) / 10, 0, 1) - 0.5
    return at[good], [float(value) for value in evidence[good]]


def _are_alike(
    slots: Slots, at: npt.NDArray[np.intp], level: npt.NDArray[np.float32], bands: npt.NDArray[np.float32],
    before: int, now: int,
) -> bool:  # fmt: skip
    """Two bursts sound alike, with quiet between them."""
    colour = float(np.sqrt(np.mean((bands[now] - bands[before]) ** 2)))
    between = slots.level_db[at[before] + 6 : at[now] - 2].min()
    is_quiet = between <= max(level[before], level[now]) - CLAPS_QUIET_DB
    return bool(is_quiet and abs(level[now] - level[before]) <= CLAPS_LEVEL_DB and colour <= CLAPS_COLOUR_DB)


def _spread(values: Floats) -> tuple[float, float]:
    """The middle of some values, and how far from it three in four lie at most."""
    middle = _at_share(values, 0.5)
    return middle, _at_share(np.abs(values - middle), 0.75)


def _at_share(values: Floats, share: float) -> float:
    """The value that this share of them do not exceed; numpy's own quantile takes ten times as long for so few."""
    return float(np.sort(values)[round(share * (len(values) - 1))])


def _runs(flags: Flags) -> Iterator[tuple[int, int]]:
    """First and one past the last of each run of true ones."""
    edges = np.flatnonzero(np.diff(np.pad(flags.astype(np.int8), 1)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        yield int(begin), int(end)
