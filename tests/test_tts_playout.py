"""The playout: every sample once, in order, counted; nothing that was taken back or held is ever heard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tts_bridge import Heard, Playout, PlayoutFrame, PlayoutFull
from tts_bridge.levels import AUDIBLE, samples_of
from tts_bridge.playout import FADE_MS, MAX_ANSWERS, NOTHING_HEARD
from tts_bridge.word_times import word_ends

RATE_HZ = 8_000
FRAME = RATE_HZ // 50
FADE = samples_of(FADE_MS, RATE_HZ)


def tone(samples: int, level: int = 3_000) -> np.ndarray:
    return np.full(samples, level, np.int16)


def played(playout: Playout, frames: int) -> list[PlayoutFrame]:
    return [playout.pop() for _ in range(frames)]


class Model:
    """What one answer should be: its samples, and how many of them have left."""

    def __init__(self, held: bool) -> None:
        self.held = held
        self.finished = False
        self.samples: list[int] = []
        self.text = ""
        self.left = 0  # samples heard, those before a pause that were said again counted twice
        self.at = 0  # the next sample to be heard
        self.starts: list[int] = [0]  # where words begin


class PlayoutMachine(RuleBasedStateMachine):
    """Every answer gets samples of a level that no other has, so that each sample that is heard names its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.playout = Playout(RATE_HZ)
        self.open: dict[tuple[int, int], Model] = {}
        self.order: list[tuple[int, int]] = []  # released, as they will be heard
        self.newest = (-1, -1)
        self.gone: list[tuple[int, int]] = []
        self.fading: tuple[int, int] | None = None
        self.level = 1_000
        self.levels: dict[tuple[int, int], int] = {}
        self.heard = NOTHING_HEARD
        self.paused = False
        self.is_mute = False  # paused, and the fade has left
        self.rising = False

    def key(self, data: st.DataObject) -> tuple[int, int]:
        return data.draw(st.sampled_from([*self.open, *self.gone[-4:], (99, 99)]))

    @precondition(lambda self: len(self.open) < MAX_ANSWERS)
    @rule(new_turn=st.booleans(), held=st.booleans())
    def open_answer(self, new_turn: bool, held: bool) -> None:
        turn, attempt = self.newest
        key = (turn + 1, 1) if new_turn else (turn, attempt + 1)
        assert self.playout.open(*key, held)
        self.newest = key
        self.level += 10
        self.levels[key] = self.level
        self.open[key] = Model(held)
        if not held:
            self.order.append(key)

    @rule(data=st.data())
    def open_again_is_refused(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from([self.newest, *self.gone[-4:], *self.open]))
        assert not self.playout.open(*old, data.draw(st.booleans()))

    @rule(data=st.data(), samples=st.integers(0, 4 * FRAME), words=st.integers(0, 4))
    def enqueue(self, data: st.DataObject, samples: int, words: int) -> None:
        key = self.key(data)
        model = self.open.get(key)
        text = "word " * words
        pcm = tone(samples, self.levels.get(key, 0))
        accepted = self.playout.enqueue(*key, text, pcm)
        assert accepted == (model is not None and not model.finished)
        if accepted and model:
            begin = len(model.samples)
            model.starts += [begin, *(begin + at for _, at in word_ends(text, pcm))]
            model.samples += pcm.tolist()
            model.text += text

    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        key = self.key(data)
        model = self.open.get(key)
        assert self.playout.finish(*key) == (model is not None and not model.finished)
        if model:
            model.finished = True

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        key = self.key(data)
        model = self.open.get(key)
        assert self.playout.release(*key) == (model is not None and model.held)
        if model and model.held:
            model.held = False
            self.order.append(key)

    def take_back(self, key: tuple[int, int]) -> None:
        model = self.open.pop(key)
        if key in self.order:
            self.order.remove(key)
        self.gone.append(key)
        if model.left and not self.is_mute:
            self.fading = key
            model.left += min(FADE, len(model.samples) - model.at)

    @rule(data=st.data(), all_attempts=st.booleans())
    def drop(self, data: st.DataObject, all_attempts: bool) -> None:
        turn, attempt = self.key(data)
        keys = [key for key in self.open if key[0] == turn and (all_attempts or key[1] == attempt)]
        assert self.playout.drop(turn, None if all_attempts else attempt) == bool(keys)
        for key in keys:
            self.take_back(key)

    @rule()
    def flush(self) -> None:
        front = self.order[0] if self.order else None
        heard = self.playout.flush()
        is_mute, self.is_mute, self.paused = self.is_mute, False, False
        if front is None:
            assert heard == NOTHING_HEARD
            return
        self.is_mute = is_mute
        model = self.open[front]
        last_turn = max(turn for turn, _ in self.order)
        for key in [key for key, each in self.open.items() if not each.held or key[0] <= last_turn]:
            self.take_back(key)
        self.is_mute = False
        assert (heard.turn, heard.attempt) == front
        assert heard.samples == model.left
        assert model.text.startswith(heard.text)

    @rule()
    def duck(self) -> None:
        # A gain of 1 keeps the levels of the samples, which name their answer.
        self.playout.duck(1.0)
        self.playout.unduck()

    @rule()
    def pause(self) -> None:
        self.playout.pause()
        self.paused = True

    @rule()
    def resume(self) -> None:
        self.playout.resume()
        if self.is_mute and self.order:
            model = self.open[self.order[0]]
            model.at = max(start for start in model.starts if start <= model.at)
            self.rising = model.left > 0
        self.paused = self.is_mute = False

    def pop_paused(self, frame: PlayoutFrame) -> None:
        key = self.order[0] if self.order else None
        model = self.open[key] if key else None
        fades = not self.is_mute and model is not None and model.left and model.at < len(model.samples)
        self.is_mute = True
        if not fades or model is None or key is None:
            assert frame.turn is None and not frame.pcm.any()
            return
        assert (frame.turn, frame.attempt, frame.first) == (*key, False)
        assert not frame.pcm[FADE - 1 :].any()
        step = min(FADE, len(model.samples) - model.at)
        model.at += step
        model.left += step
        self.ended(key, model, frame)

    @rule(frames=st.integers(1, 6))
    def pop(self, frames: int) -> None:
        for _ in range(frames):
            self.pop_one()

    def pop_one(self) -> None:
        frame = self.playout.pop()
        assert frame.pcm.shape == (FRAME,) and frame.pcm.dtype == np.int16
        if self.fading is not None:
            assert (frame.turn, frame.attempt) == self.fading and frame.last and not frame.first
            assert np.abs(frame.pcm[:FADE]).max(initial=0) <= self.levels[self.fading]
            assert not frame.pcm[FADE:].any()
            self.fading = None
            return
        if self.paused:
            self.pop_paused(frame)
            return
        key = self.order[0] if self.order else None
        if key is None:
            assert frame.turn is None and not frame.pcm.any()
            return
        model = self.open[key]
        expected = model.samples[model.at : model.at + FRAME]
        soft = FADE if self.rising else 0
        assert frame.pcm.tolist()[soft:] == (expected + [0] * (FRAME - len(expected)))[soft:]
        assert frame.first == (bool(expected) and model.left == 0)
        self.rising = self.rising and not expected
        model.at += len(expected)
        model.left += len(expected)
        assert frame.turn == (key[0] if expected or frame.last else None)
        self.ended(key, model, frame)

    def ended(self, key: tuple[int, int], model: Model, frame: PlayoutFrame) -> None:
        assert frame.last == (model.finished and model.at == len(model.samples))
        if frame.last:
            assert self.playout.heard() == Heard(*key, model.text, model.left, len(model.text.split()), complete=True)
            del self.open[key]
            self.order.remove(key)
            self.gone.append(key)

    @invariant()
    def heard_never_goes_back(self) -> None:
        now, before = self.playout.heard(), self.heard
        if (now.turn, now.attempt) == (before.turn, before.attempt):
            assert now.samples >= before.samples and now.words >= before.words and now.text.startswith(before.text)
        self.heard = now

    @invariant()
    def held_and_queued_add_up(self) -> None:
        def waiting_ms(keys: list[tuple[int, int]]) -> float:
            return 1000 * sum(len(self.open[key].samples) - self.open[key].at for key in keys) / RATE_HZ

        assert self.playout.queued_ms == pytest.approx(waiting_ms(self.order))
        assert self.playout.held_ms == pytest.approx(waiting_ms([key for key in self.open if key not in self.order]))
        assert all(self.playout.bought_ms(*key) == pytest.approx(waiting_ms([key])) for key in self.open)
        assert {(a.turn, a.attempt) for a in self.playout.snapshot().answers} == set(self.open)


TestPlayoutMachine = PlayoutMachine.TestCase
TestPlayoutMachine.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)


def speaking(text: str = "one two three four", seconds: float = 1.0) -> Playout:
    playout = Playout(24_000)
    playout.open(1, 1, held=False)
    playout.enqueue(1, 1, text, tone(round(24_000 * seconds)))
    return playout


def test_flush_fades_within_one_frame_and_then_is_silent() -> None:
    playout = speaking()
    played(playout, 10)
    heard = playout.flush()
    fade, silence = playout.pop(), playout.pop()
    fade_samples = samples_of(FADE_MS, 24_000)
    assert heard.samples == 10 * 480 + fade_samples
    assert fade.last and fade.pcm[fade_samples - 1] == 0 and not fade.pcm[fade_samples:].any()
    assert np.abs(np.diff(np.concatenate([[3_000], fade.pcm]).astype(int))).max() < 3_000 / fade_samples * 2
    assert silence.turn is None and not silence.pcm.any()
    assert playout.queued_ms == 0


def test_heard_words_follow_the_voiced_span() -> None:
    playout = Playout(24_000)
    playout.open(1, 1, held=False)
    silence = np.zeros(4_800, np.int16)  # 200 ms on either side of a second of voice
    playout.enqueue(1, 1, "abcde fghij", np.concatenate([silence, tone(24_000), silence]))
    words = [(playout.pop(), playout.heard().text)[1] for _ in range(70)]
    assert words.index("abcde") == 34  # 200 ms + half of the voiced second, counted in frames
    assert words.index("abcde fghij") == 59
    assert not playout.heard().complete
    playout.finish(1, 1)
    assert playout.pop().last and playout.heard().complete


def test_numbers_take_the_time_they_need_to_be_said() -> None:
    ends = word_ends("in 1999 we", tone(24_000))
    assert [end for end, _ in ends] == [2, 7, 10]
    assert ends[1][1] - ends[0][1] > 0.7 * 24_000
    assert ends[2][1] == 24_000


def test_text_without_sound_counts_once_it_is_reached() -> None:
    playout = speaking("one two", 0.04)
    playout.enqueue(1, 1, " 🙂", np.zeros(0, np.int16))
    played(playout, 1)
    assert playout.heard().text == "one"
    playout.finish(1, 1)
    assert playout.pop().last
    assert playout.heard() == Heard(1, 1, "one two 🙂", 960, 3, complete=True)


def test_an_answer_without_any_clause_still_ends() -> None:
    playout = Playout()
    playout.open(4, 2, held=False)
    assert playout.pop().turn is None
    playout.finish(4, 2)
    frame = playout.pop()
    assert (frame.turn, frame.first, frame.last, frame.voiced) == (4, False, True, False)
    assert playout.heard() == Heard(4, 2, "", 0, 0, complete=True)


def test_a_late_voice_is_counted_and_marked_as_silence() -> None:
    playout = speaking(seconds=0.03)
    frames = played(playout, 4)
    assert [frame.turn for frame in frames] == [1, 1, None, None]
    assert playout.starved_frames == 2
    assert playout.playing == (1, 1)


def test_ducking_moves_smoothly_and_comes_back() -> None:
    playout = speaking()
    played(playout, 2)
    playout.duck(0.2)
    ramp, low = playout.pop().pcm, playout.pop().pcm
    playout.unduck()
    rise, full = playout.pop().pcm, playout.pop().pcm
    assert ramp[0] == 3_000 and ramp[-1] == 600 and np.abs(np.diff(ramp.astype(int))).max() < 20
    assert set(low) == {600}
    assert rise[0] == 600 and set(full) == {3_000}
    assert playout.heard().samples == 6 * 480


def test_a_pause_fades_keeps_the_place_and_goes_on_with_the_word_it_cut() -> None:
    playout = speaking("one two three four", 1.0)
    played(playout, 15)
    playout.pause()
    fade, *silence = played(playout, 10)
    fade_samples = samples_of(FADE_MS, 24_000)
    assert fade.turn == 1 and not fade.pcm[fade_samples:].any()
    assert not any(frame.pcm.any() or frame.voiced for frame in silence) and playout.starved_frames == 0
    assert (playout.heard().text, playout.heard().samples) == ("one", 15 * 480 + fade_samples)
    left_ms = playout.queued_ms
    playout.resume()
    begins = word_ends("one two three four", tone(24_000))[0][1]
    assert playout.queued_ms == pytest.approx(1000 - begins / 24) and playout.queued_ms > left_ms
    first, second = played(playout, 2)
    assert first.pcm[0] < 100 and set(second.pcm) == {3_000}
    assert playout.heard().samples == 17 * 480 + fade_samples


def test_an_answer_cut_off_in_a_pause_was_heard_up_to_the_pause() -> None:
    playout = speaking()
    played(playout, 20)
    playout.pause()
    played(playout, 5)
    before = playout.heard()
    assert playout.flush() == before
    assert not playout.pop().pcm.any() and not playout.is_paused


def test_a_pause_taken_back_before_it_was_heard_changes_nothing() -> None:
    playout = speaking()
    played(playout, 5)
    playout.pause()
    playout.resume()
    assert set(playout.pop().pcm) == {3_000} and playout.heard().samples == 6 * 480


def test_an_answer_released_in_a_pause_waits_for_its_end() -> None:
    playout = Playout(24_000)
    playout.open(1, 1, held=True)
    playout.enqueue(1, 1, "x", tone(960))
    playout.pause()
    playout.release(1, 1)
    assert playout.pop().turn is None
    playout.resume()
    assert playout.pop().first


def test_the_next_answer_is_not_ducked() -> None:
    playout = speaking()
    playout.duck(0.2)
    played(playout, 2)
    playout.flush()
    playout.open(2, 1, held=False)
    playout.enqueue(2, 1, "x", tone(480))
    fade, frame = played(playout, 2)
    assert fade.turn == 1 and frame.turn == 2 and set(frame.pcm) == {3_000}


def test_the_bound_refuses_and_takes_nothing() -> None:
    playout = Playout(24_000, limit_s=1.0)
    playout.open(1, 1, held=True)
    playout.enqueue(1, 1, "a", tone(20_000))
    before = playout.snapshot()
    with pytest.raises(PlayoutFull, match="at most 1 s"):
        playout.enqueue(1, 1, "b", tone(4_001))
    assert playout.snapshot() == before
    assert playout.enqueue(1, 1, "b", tone(4_000))


def test_the_number_of_answers_is_bound() -> None:
    playout = Playout()
    for attempt in range(MAX_ANSWERS):
        assert playout.open(1, attempt, held=True)
    with pytest.raises(PlayoutFull):
        playout.open(1, MAX_ANSWERS, held=True)
    playout.drop(1)
    assert playout.open(1, MAX_ANSWERS, held=True)


def test_flush_keeps_the_held_answer_of_the_next_turn() -> None:
    playout = speaking()
    playout.open(1, 2, held=True)
    playout.open(2, 1, held=True)
    playout.flush()
    assert not playout.release(1, 2)
    assert playout.release(2, 1)


def test_a_frame_must_be_whole_samples() -> None:
    with pytest.raises(ValueError, match="whole number"):
        Playout(22_050, frame_ms=25)


def test_voiced_is_what_can_be_heard() -> None:
    playout = Playout(24_000)
    playout.open(1, 1, held=False)
    playout.enqueue(1, 1, "x", np.concatenate([tone(480, AUDIBLE - 1), tone(480, -AUDIBLE)]))
    assert [frame.voiced for frame in played(playout, 2)] == [False, True]
