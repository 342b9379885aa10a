"""Paced, flushable playout: clauses of PCM in, one 20 ms frame per `pop()`, and exactly what was heard.

Sans-I/O. It has no clock (whoever calls `pop` keeps the pace), knows no voice and no wire. A turn may have several
attempts at its answer; an answer opened as held stays unheard until `release`. Whatever arrives for an answer that
is not open (dropped, flushed, finished) is refused at the door: the call returns False and nothing changes.

Two numbers bound it: `limit_s` seconds of audio over all answers, and MAX_ANSWERS open answers. Nothing is ever
dropped to make room: what does not fit raises PlayoutFull, and the caller waits for `queued_ms` to fall.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tts_bridge.errors import PlayoutFull
from tts_bridge.levels import AUDIBLE, Samples, fade_out, samples_of
from tts_bridge.word_times import word_ends

FRAME_MS = 20
FADE_MS = 4
MAX_ANSWERS = 8
DUCKED_GAIN = 0.2  # −14 dB: clearly behind the person who just made a sound, still followable


@dataclass(frozen=True, slots=True, eq=False)
class PlayoutFrame:
    """`pcm` is int16 [frame_samples]. `turn` and `attempt` are None when no sample of any answer is in it.

    `first` marks the first audio of an answer, `last` its end (which may be a silent frame). `voiced` says whether
    anything in it can be heard.
    """

    pcm: Samples
    turn: int | None
    attempt: int | None
    first: bool
    last: bool
    voiced: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """How far an answer got. `text` is the written text up to the last word that was heard whole, `words` its count.

    `samples` counts every sample of the answer that left, at the playout rate. `complete` is True when all of a
    finished answer was heard. `turn` is None when no answer was playing.
    """

    turn: int | None
    attempt: int | None
    text: str
    samples: int
    words: int
    complete: bool


NOTHING_HEARD = Heard(None, None, "", 0, 0, False)


@dataclass(frozen=True, slots=True)
class AnswerSnapshot:
    turn: int
    attempt: int
    held: bool
    finished: bool
    clauses: int
    queued_samples: int
    heard_samples: int


@dataclass(frozen=True, slots=True)
class PlayoutSnapshot:
    """The whole state as a plain value: equal snapshots behave equally for equal PCM."""

    answers: tuple[AnswerSnapshot, ...]
    newest: tuple[int, int]
    gain: float
    target_gain: float
    fading: bool
    paused: bool
    frames: int
    starved_frames: int


@dataclass(slots=True)
class _Clip:
    """One clause. `word_ends` holds (end in text, sample at which that word has been heard), in order."""

    text: str
    pcm: Samples
    word_ends: list[tuple[int, int]]
    played: int = 0

    def heard(self) -> tuple[str, int]:
        """The text heard so far, and how many words that is."""
        count = sum(1 for _, at_sample in self.word_ends if at_sample <= self.played)
        return (self.text[: self.word_ends[count - 1][0]] if count else ""), count

    def rewind(self) -> None:
        """Back to where the word began that has been heard in part."""
        self.played = max((at_sample for _, at_sample in self.word_ends if at_sample <= self.played), default=0)


@dataclass(slots=True)
class _Answer:
    turn: int
    attempt: int
    held: bool
    finished: bool = False
    started: bool = False
    clips: deque[_Clip] = field(default_factory=deque)
    text: str = ""  # of the clips that are over
    words: int = 0
    samples: int = 0

    @property
    def queued(self) -> int:
        return sum(len(clip.pcm) - clip.played for clip in self.clips)

    def retire(self) -> None:
        """Move clips that are played to the end into the text that was heard."""
        while self.clips and self.clips[0].played == len(self.clips[0].pcm):
            clip = self.clips.popleft()
            self.text += clip.text
            self.words += len(clip.word_ends)

    def take(self, wanted: int) -> Samples:
        """The next samples, at most `wanted`, int16 [≤ wanted]; they count as heard."""
        pieces: list[Samples] = []
        self.retire()
        while wanted and self.clips:
            clip = self.clips[0]
            piece = clip.pcm[clip.played : clip.played + wanted]
            clip.played += len(piece)
            wanted -= len(piece)
            self.samples += len(piece)
            pieces.append(piece)
            self.retire()
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)

    def heard(self) -> Heard:
        text, words = self.clips[0].heard() if self.clips else ("", 0)
        complete = self.finished and not self.clips
        return Heard(self.turn, self.attempt, self.text + text, self.samples, self.words + words, complete)


class Playout:
    """One session's way to the ear."""

    def __init__(self, sample_rate_hz: int = 48_000, frame_ms: int = FRAME_MS, *, limit_s: float = 180.0) -> None:
        if sample_rate_hz * frame_ms % 1000:
            raise ValueError(f"{frame_ms} ms is not a whole number of samples at {sample_rate_hz} Hz")
        self.sample_rate_hz = sample_rate_hz
        self.frame_ms = frame_ms
        self.frame_samples = sample_rate_hz * frame_ms // 1000
        self.starved_frames = 0  # silent frames in the middle of an answer: the voice was late
        self._limit_samples = round(limit_s * sample_rate_hz)
        self._fade_samples = samples_of(FADE_MS, sample_rate_hz)
        self._held: dict[tuple[int, int], _Answer] = {}
        self._released: dict[tuple[int, int], _Answer] = {}  # in the order in which they will be heard
        self._newest = (-1, -1)
        self._fading: tuple[_Answer, Samples] | None = None
        self._last_heard = NOTHING_HEARD
        self._gain = self._target_gain = 1.0
        self._paused = False
        self._pause_fades = False  # paused, and the fade has not left yet
        self._rising = False  # the next frame of speech begins softly
        self._frames = 0

    # --- what comes in ---------------------------------------------------------------------------------------

    def open(self, turn: int, attempt: int, held: bool) -> bool:
        """Begin an answer. False if it is not newer than every answer opened before. Raises PlayoutFull."""
        if (turn, attempt) <= self._newest:
            return False
        if len(self._held) + len(self._released) >= MAX_ANSWERS:
            raise PlayoutFull(f"{MAX_ANSWERS} answers are open already: drop or flush some first")
        self._newest = (turn, attempt)
        (self._held if held else self._released)[turn, attempt] = _Answer(turn, attempt, held)
        return True

    def enqueue(self, turn: int, attempt: int, clause_text: str, pcm: Samples) -> bool:
        """Append a clause, int16 [n] at the playout rate. n may be 0: the text then counts once it is reached.

        False if the answer is not open for more. Raises PlayoutFull, with nothing taken, beyond `limit_s`.
        """
        assert pcm.ndim == 1 and pcm.dtype == np.int16, f"enqueue wants int16 [samples], got {pcm.dtype} {pcm.shape}"
        answer = self._find(turn, attempt)
        if answer is None or answer.finished:
            return False
        if sum(each.queued for each in self._answers()) + len(pcm) > self._limit_samples:
            limit_s = self._limit_samples / self.sample_rate_hz
            raise PlayoutFull(f"the playout holds at most {limit_s:g} s of audio: wait for queued_ms to fall")
        answer.clips.append(_Clip(clause_text, pcm, word_ends(clause_text, pcm)))
        return True

    def finish(self, turn: int, attempt: int) -> bool:
        """No more clauses will come for this answer."""
        answer = self._find(turn, attempt)
        if answer is None or answer.finished:
            return False
        answer.finished = True
        return True

    def release(self, turn: int, attempt: int) -> bool:
        """Let a held answer be heard, after whatever is already being heard."""
        answer = self._held.pop((turn, attempt), None)
        if answer is None:
            return False
        answer.held = False
        self._released[turn, attempt] = answer
        return True

    # --- what is taken back ----------------------------------------------------------------------------------

    def drop(self, turn: int, attempt: int | None = None) -> bool:
        """Discard one attempt, or all attempts of `turn`. An answer that is being heard fades out as in `flush`."""
        keys = [(a.turn, a.attempt) for a in self._answers() if a.turn == turn and attempt in (None, a.attempt)]
        for key in keys:
            released = self._released.pop(key, None)
            self._held.pop(key, None)
            if released is not None and released.started and not self._is_mute:
                self._cut(released)
        return bool(keys)

    def flush(self) -> Heard:
        """Stop at once: the next frame holds a 4 ms fade, the one after it is silence.

        Discards every released answer, and held ones of the same or an older turn. Returns what was heard of the
        answer that was playing (the fade is counted) or would have been next; NOTHING_HEARD when there was none.
        A paused answer is silent already: nothing more of it is heard. No pause outlives a flush.
        """
        front = next(iter(self._released.values()), None)
        is_mute, self._paused, self._pause_fades = self._is_mute, False, False
        if front is None:
            return NOTHING_HEARD
        last_turn = max(turn for turn, _ in self._released)
        self._released.clear()
        self._held = {key: answer for key, answer in self._held.items() if answer.turn > last_turn}
        if front.started and not is_mute:
            self._cut(front)
        return front.heard()

    def pause(self) -> None:
        """Fall silent within the next frame (a 4 ms fade) and keep the place: somebody may be interrupting."""
        if not self._paused:
            self._paused = self._pause_fades = True

    def resume(self) -> None:
        """Go on, from the beginning of the word that the pause cut. Its samples count as heard a second time."""
        if self._is_mute and (front := next(iter(self._released.values()), None)) is not None and front.clips:
            front.clips[0].rewind()
            self._rising = front.started
        self._paused = self._pause_fades = False

    @property
    def is_paused(self) -> bool:
        return self._paused

    def duck(self, gain: float = DUCKED_GAIN) -> None:
        """Play on more quietly, reached within one frame: somebody made a sound that may be an interruption."""
        self._target_gain = min(1.0, max(0.0, gain))

    def unduck(self) -> None:
        """Back to full level, reached within one frame."""
        self._target_gain = 1.0

    # --- what goes out ---------------------------------------------------------------------------------------

    def pop(self) -> PlayoutFrame:
        """The next frame, silence where there is nothing to say. Call it once every `frame_ms`."""
        self._frames += 1
        if self._fading is not None:
            answer, tail = self._fading
            self._fading = None
            return self._frame(answer, tail, first=False, last=True)
        answer_or_none = next(iter(self._released.values()), None)
        if self._paused:
            return self._pausing(answer_or_none)
        if answer_or_none is None:
            return self._silence()
        answer = answer_or_none
        samples = answer.take(self.frame_samples)
        first = bool(len(samples)) and not answer.started
        last = answer.finished and not answer.clips
        answer.started = answer.started or first
        if answer.started or last:
            self._last_heard = answer.heard()
        if last:
            del self._released[answer.turn, answer.attempt]
        elif not len(samples):
            self.starved_frames += answer.started
            return self._silence()
        return self._frame(answer, self._levelled(samples), first=first, last=last)

    def heard(self) -> Heard:
        """Progress of the answer that was heard last, up to and including the last popped frame."""
        return self._last_heard

    @property
    def queued_ms(self) -> float:
        """Released audio that is still to be heard: the time that the speaker has bought."""
        return self._ms(sum(answer.queued for answer in self._released.values()))

    def bought_ms(self, turn: int, attempt: int) -> float:
        """What is queued of one answer, held or released; 0 for an answer that is not open."""
        answer = self._find(turn, attempt)
        return 0.0 if answer is None else self._ms(answer.queued)

    @property
    def held_ms(self) -> float:
        return self._ms(sum(answer.queued for answer in self._held.values()))

    @property
    def playing(self) -> tuple[int, int] | None:
        """(turn, attempt) of the answer at the front, also while it waits for its next clause."""
        return next(iter(self._released), None)

    def snapshot(self) -> PlayoutSnapshot:
        answers = tuple(
            AnswerSnapshot(a.turn, a.attempt, a.held, a.finished, len(a.clips), a.queued, a.samples)
            for a in self._answers()
        )
        fading = self._fading is not None
        return PlayoutSnapshot(
            answers,
            self._newest,
            self._gain,
            self._target_gain,
            fading,
            self._paused,
            self._frames,
            self.starved_frames,
        )

    # --- inside ----------------------------------------------------------------------------------------------

    def _find(self, turn: int, attempt: int) -> _Answer | None:
        return self._held.get((turn, attempt)) or self._released.get((turn, attempt))

    def _answers(self) -> Iterator[_Answer]:
        yield from self._released.values()
        yield from self._held.values()

    def _ms(self, samples: int) -> float:
        return 1000 * samples / self.sample_rate_hz

    @property
    def _is_mute(self) -> bool:
        """Paused, and the fade has left."""
        return self._paused and not self._pause_fades

    def _cut(self, answer: _Answer) -> None:
        """Let the answer's next few milliseconds fade out in the next frame, and count them as heard."""
        self._fading = (answer, self._faded(answer))
        self._gain = self._target_gain = 1.0

    def _faded(self, answer: _Answer) -> Samples:
        """The answer's next few milliseconds, falling to nothing; they count as heard."""
        tail = answer.take(self._fade_samples)
        self._last_heard = answer.heard()
        faded: Samples = (self._levelled(tail).astype(np.float32) * fade_out(len(tail))).astype(np.int16)
        return faded

    def _pausing(self, front: _Answer | None) -> PlayoutFrame:
        """The fade into a pause, then silence."""
        fades, self._pause_fades = self._pause_fades, False
        if not fades or front is None or not front.started or not front.queued:
            return self._silence()
        faded = self._faded(front)
        last = front.finished and not front.clips
        if last:
            del self._released[front.turn, front.attempt]
        return self._frame(front, faded, first=False, last=last)

    def _silence(self) -> PlayoutFrame:
        self._gain = self._target_gain
        return PlayoutFrame(np.zeros(self.frame_samples, np.int16), None, None, False, False, False)

    def _levelled(self, samples: Samples) -> Samples:
        """The samples at the present gain, moving to the target within this frame so that the step is not heard."""
        if self._rising:
            self._rising = False
            rise = min(len(samples), self._fade_samples)
            samples = samples.copy()
            samples[:rise] = (samples[:rise].astype(np.float32) * fade_out(rise)[::-1]).astype(np.int16)
        if self._gain == self._target_gain == 1.0:
            return samples
        ramp = np.linspace(self._gain, self._target_gain, self.frame_samples, dtype=np.float32)[: len(samples)]
        self._gain = self._target_gain
        levelled: Samples = (samples.astype(np.float32) * ramp).astype(np.int16)
        return levelled

    def _frame(self, answer: _Answer, samples: Samples, *, first: bool, last: bool) -> PlayoutFrame:
        pcm = np.zeros(self.frame_samples, np.int16)
        pcm[: len(samples)] = samples
        voiced = bool(np.any((pcm >= AUDIBLE) | (pcm <= -AUDIBLE)))
        return PlayoutFrame(pcm, answer.turn, answer.attempt, first, last, voiced)
