"""Somebody makes a sound while the agent speaks: lower the voice, then pause it, long before it is known who it was.

Levels and yes-or-no voice of 10 ms blocks in, decisions out; sans-I/O. That it *was* an interruption is the turn
machine's word (five strong frames, `TurnStarted`); here only the playout is quietened in time and let go on.

    clear     nothing but the agent's own voice
    ducked    DUCK_MS of a voice that the echo does not explain: the answer is lowered
    paused    PAUSE_MS of it: the answer stops and keeps its place
              ... a turn starts: the answer is cut there by whoever hears `TurnStarted`
              ... RESUME_MS without such a voice: the answer goes on with the word that was cut
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from realtime.turns.decisions import SAMPLES_PER_MS
from realtime.turns.echo import Echo
from realtime.turns.onset import Onset

BLOCK_MS = 10
# Two blocks: a click fills one.
DUCK_MS = 20
# Two packets. Of the 100 ms within which the last word must have left, two more are the wire's and the playout's beat.
PAUSE_MS = 40
# A ducked answer comes back after a syllable's gap; a paused one when no second syllable followed the first.
UNDUCK_MS = 120
RESUME_MS = 200
# A sound that lasts and that the turn machine does not take for a voice is the room's: no pause is longer, and none
# follows before it has ended.
LONGEST_PAUSE_MS = 1_000
# Quieter than a person who wants to be heard.
LEAST_DBFS = -50.0
# Above the background: half of what makes a frame stand out to `Onset` is too little beside a noisy fan, all of it too
# late for a voice that rises slowly.
ABOVE_FLOOR_DB = 10.0


@dataclass(frozen=True, slots=True)
class Ducked:
    """Somebody may be speaking: answer more quietly from `at_sample` of the input on."""

    at_sample: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Somebody is probably speaking: fall silent and keep the place."""

    at_sample: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """It was nobody: go on, at full level."""

    at_sample: int


Suspicion = Ducked | Paused | Resumed


class WatchState(StrEnum):
    CLEAR = "clear"
    DUCKED = "ducked"
    PAUSED = "paused"
    HELD_OFF = "held off"  # a lasting sound is no interruption; wait for its end


class BargeInWatch:
    """One session's watch over its playout. Single owner; every method returns at once."""

    def __init__(self) -> None:
        self.echo = Echo()
        self.state = WatchState.CLEAR
        self._floor = Onset()
        self._agent_speaks = False
        self._evidence_ms = 0
        self._quiet_ms = 0
        self._paused_ms = 0

    @property
    def is_on(self) -> bool:
        return self._agent_speaks

    def agent_speaking(self, speaks: bool) -> None:
        """Whether an answer is being heard. Its end ends every suspicion, without a decision."""
        if speaks != self._agent_speaks:
            self._agent_speaks = speaks
            self._reset(WatchState.CLEAR)

    def push(self, at_sample: int, level_dbfs: float, is_voice: bool) -> list[Suspicion]:
        """Judge the next 10 ms of input, which begin at `at_sample`."""
        self._floor.push(at_sample, BLOCK_MS * SAMPLES_PER_MS, level_dbfs, background=True)
        if not self._agent_speaks:
            return []
        strange = is_voice and level_dbfs > self._least_dbfs and not self.echo.explains(level_dbfs)
        if not strange:
            self.echo.hear(level_dbfs, BLOCK_MS)
        self._evidence_ms = max(0, self._evidence_ms + (BLOCK_MS if strange else -BLOCK_MS))
        self._quiet_ms = 0 if strange else self._quiet_ms + BLOCK_MS
        at_sample += BLOCK_MS * SAMPLES_PER_MS
        match self.state:
            case WatchState.CLEAR if self._evidence_ms >= DUCK_MS:
                self.state = WatchState.DUCKED
                return [Ducked(at_sample)]
            case WatchState.DUCKED if self._evidence_ms >= PAUSE_MS:
                self.state = WatchState.PAUSED
                self._paused_ms = 0
                return [Paused(at_sample)]
            case WatchState.DUCKED if self._quiet_ms >= UNDUCK_MS:
                return self._resume(at_sample, WatchState.CLEAR)
            case WatchState.PAUSED:
                return self._push_paused(at_sample)
            case WatchState.HELD_OFF if self._quiet_ms >= RESUME_MS:
                self._reset(WatchState.CLEAR)
        return []

    def _push_paused(self, at_sample: int) -> list[Suspicion]:
        self._paused_ms += BLOCK_MS
        if self._quiet_ms >= RESUME_MS:
            if self._paused_ms - self._quiet_ms < PAUSE_MS:
                self.echo.mistaken()
            return self._resume(at_sample, WatchState.CLEAR)
        if self._paused_ms >= LONGEST_PAUSE_MS:
            return self._resume(at_sample, WatchState.HELD_OFF)
        return []

    def _resume(self, at_sample: int, state: WatchState) -> list[Suspicion]:
        self._reset(state)
        return [Resumed(at_sample)]

    def _reset(self, state: WatchState) -> None:
        self.state = state
        self._evidence_ms = self._quiet_ms = self._paused_ms = 0

    @property
    def _least_dbfs(self) -> float:
        return max(LEAST_DBFS, self._floor.floor_dbfs + ABOVE_FLOOR_DB)
