"""Measured cues: the number that a thought comes to is the measured one, in training's tokens, whatever was drafted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.decoder import Decoder, Row
from realtime.decoder.sequence import Sequence as DecoderSequence
from realtime.engine.dialect import seed_dialect
from realtime.engine.memory import DecoderMemory
from realtime.engine.messages import Answer, Foreseen, FromEngine, Thought
from realtime.mind import Mind, Order, ThinkingPlan
from realtime.mind.cues import cue, cue_tokens, last_line
from realtime.mind.lanes import AnswerLane, Phase
from realtime.mind.speaking import ThinkLane
from realtime.mind.work import Lane
from tests.decoder_tiny import EMBEDDED_MODEL, embedded_tokenizer, run_alone
from tests.mind_tiny import step
from training.data.texts import voice as texts

LINES = {"pitch": "The voice is about", "sex": "The voice is about", "level": "The voice is at about",
         "rate": "The voice says about"}  # fmt: skip


@dataclass(frozen=True)
class Measured:
    pitch_hz: float | None = 210.0
    level_dbfs: float = -33.0
    speech_s: float = 2.0


VALUES = st.one_of(
    st.tuples(st.sampled_from(["pitch", "sex"]), st.floats(60, 420)),
    st.tuples(st.just("level"), st.floats(-70, 0)),
    st.tuples(st.just("rate"), st.integers(1, 80).map(lambda words: words / 4.0)),
)


def measured(what: str, value: float) -> tuple[Measured, str]:
    """A voice of which `value` was measured, and the words it said."""
    if what == "rate":
        return Measured(speech_s=4.0), " word" * round(value * 4)
    return (Measured(level_dbfs=value) if what == "level" else Measured(pitch_hz=value)), " how am I"


@given(VALUES)
def test_a_cue_is_what_stands_in_the_training_texts(of: tuple[str, float]) -> None:
    line = LINES[of[0]]
    said = line + cue(line, *measured(*of))
    assert texts.thought(of[0], "high", of[1]).startswith((said + " ",)) and len(said) > len(line)


@settings(deadline=None)
@given(VALUES)
def test_its_tokens_are_those_of_the_whole_line_in_training(of: tuple[str, float]) -> None:
    encode, line = embedded_tokenizer().encode, LINES[of[0]]
    whole = encode(texts.thought(of[0], "high", of[1]))
    tokens = [*encode(line), *cue_tokens(encode, line, *measured(*of))]
    assert tokens == whole[: len(tokens)]
    assert embedded_tokenizer().decode(whole[len(tokens) :]).startswith((" hertz", " decibels", " words"))


@pytest.mark.parametrize(
    ("line", "voice", "heard"),
    [
        ("The voice is about", None, "how am I"),
        ("The voice is about", Measured(pitch_hz=None), "how am I"),
        ("The voice says about", Measured(), ""),
        ("The voice says about", Measured(speech_s=0.0), "how am I"),
        ("The voice is about 210", Measured(), "how am I"),
        ("The tone is about", Measured(), "how am I"),
        ("I say: The voice is about", Measured(), "how am I"),
        ("The voice is", Measured(), "how am I"),
        ("", Measured(), "how am I"),
    ],
)
def test_elsewhere_and_without_a_measurement_there_is_none(line: str, voice: Measured | None, heard: str) -> None:
    assert cue(line, voice, heard) == ""


def test_the_last_line_is_followed_over_pieces() -> None:
    assert last_line("The voice", " is about") == "The voice is about"
    assert last_line("one", " two\nthree") == "three"
    assert last_line("one", " two\n") == ""


# --- in a lane ----------------------------------------------------------------------------------------

HEARD = " is my voice high\n"
THOUGHT = "The voice is about hertz, so it is high.\n"  # what the model itself is left to write
ANSWER = "Your voice is high."


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder.load(EMBEDDED_MODEL, kv_tokens=2048, threads=1)
    yield decoder
    assert decoder.pool.used == 0 and len(decoder.frames) == 0


class Model:
    """Chooses what is written, in whichever lane: by default what a model would that consults a measurement."""

    def __init__(self, decoder: Decoder, heard: str = HEARD, thought: str = THOUGHT, answer: str = ANSWER) -> None:
        encode, special = decoder.tokenizer.encode, decoder.tokenizer.special
        self._end = special.im_end  # chosen again where the end of an answer is withheld
        self._line, self._answer = iter(encode(heard)), iter(encode(answer))
        self._thought = iter([*encode(thought), special.think_end])
        self.steps = 0

    def __call__(self, lane: Lane) -> int:
        if isinstance(lane, ThinkLane):  # goes on where the answer lane left the thought
            return self.next(Phase.THINKING)
        assert isinstance(lane, AnswerLane)
        return self.next(lane.phase)

    def next(self, phase: Phase) -> int:
        return next({Phase.HEARING: self._line, Phase.THINKING: self._thought}.get(phase, self._answer), self._end)

    def run(self, decoder: Decoder, mind: Mind) -> list[FromEngine]:
        """Until no lane has more to say."""
        said: list[FromEngine] = []
        while any(work.lane is not None for work in mind.work()):
            said += step(decoder, mind, self)
            self.steps += 1
        return said


def mind_over(decoder: Decoder, order: Order) -> Mind:
    dialect = seed_dialect(decoder, "Answer.")
    plan = ThinkingPlan(order, segment_tokens=64)
    return Mind("s", dialect, DecoderMemory(decoder), note_interval_frames=None, plan=plan)


def frames(decoder: Decoder, count: int) -> list[int]:
    return decoder.frames.put(torch.randn(count, decoder.shape.width))


def text_of(said: list[FromEngine], kind: type[Thought | Answer]) -> str:
    return "".join(message.text for message in said if isinstance(message, kind))


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize(("pitch_hz", "number"), [(124.0, " 120"), (216.0, " 220"), (209.0, " 210"), (None, "")])
def test_the_measured_number_is_written_whatever_a_draft_holds(
    decoder: Decoder, order: Order, pitch_hz: float | None, number: str
) -> None:
    """Two rehearsals with other numbers, or beginnings of the same, before the answer."""
    mind = mind_over(decoder, order)
    mind.start_turn(1)
    mind.hear(frames(decoder, 6), 480)
    for hz in (330.0, 211.0):
        mind.rehearse(frames(decoder, 1), 480, voice=Measured(pitch_hz=hz))
        said = Model(decoder).run(decoder, mind)
        foreseen = [Foreseen(session="s", turn=1, text=ANSWER, whole=True)] if hz == 330.0 else []
        assert said == foreseen, "nobody hears a rehearsal; how the answer begins is told, once"
    mind.end_turn(1, frames(decoder, 2), 640, voice=Measured(pitch_hz=pitch_hz))
    mind.commit(1, "item")
    mind.played(1, 1, 60_000)
    said = Model(decoder).run(decoder, mind)
    assert text_of(said, Thought) == THOUGHT.replace(" hertz", f"{number} hertz")
    assert text_of(said, Answer) == ANSWER
    mind.close()


def test_a_draft_of_another_number_leaves_nothing_in_the_cache(decoder: Decoder) -> None:
    mind = mind_over(decoder, Order.THINK_BEFORE)
    mind.start_turn(1)
    mind.hear(frames(decoder, 6), 480)
    mind.rehearse(frames(decoder, 1), 480, voice=Measured(pitch_hz=330.0))
    Model(decoder).run(decoder, mind)
    mind.end_turn(1, frames(decoder, 2), 640, voice=Measured(pitch_hz=124.0))
    model, lane = Model(decoder), next(iter(mind.work())).lane
    assert isinstance(lane, AnswerLane)
    while lane.answer_tokens < 2:
        step(decoder, mind, model)
    probe = decoder.fork(cast(DecoderSequence, lane.seq))
    decoder.truncate(probe, len(probe) - 1)
    decoder.extend(probe, [lane.seq.symbols[-1]])
    logits = decoder.step([Row(probe, probe.pending, want_logits=True)])[0]
    alone = run_alone(decoder, list(probe.symbols))
    decoder.drop(probe)
    assert logits is not None and torch.equal(logits[0], alone)
    mind.close()


def test_a_number_takes_no_step_of_its_own(decoder: Decoder) -> None:
    steps = []
    for voice in (None, Measured()):
        mind, model = mind_over(decoder, Order.THINK_BEFORE), Model(decoder)
        mind.start_turn(1)
        mind.end_turn(1, frames(decoder, 4), 320, voice=voice)
        model.run(decoder, mind)
        steps.append(model.steps)
        mind.close()
    assert steps[0] == steps[1]


def test_a_turn_that_is_answered_later_keeps_its_measurement(decoder: Decoder) -> None:
    mind = mind_over(decoder, Order.THINK_BEFORE)
    mind.start_turn(1)
    mind.end_turn(1, frames(decoder, 4), 320, voice=Measured(), respond=False)
    Model(decoder).run(decoder, mind)
    mind.commit(1, "item")
    mind.respond(2, 1)
    model = Model(decoder)
    assert " 210 hertz" in text_of(model.run(decoder, mind), Thought)
    mind.close()


def test_what_was_typed_is_spelled_and_counted_on_as_it_was_written(decoder: Decoder) -> None:
    mind = mind_over(decoder, Order.THINK_BEFORE)
    mind.put_text("q", "user", "Spell school, and go on: 3, 5, 7!")
    mind.respond(1, 1)
    lane = next(iter(mind.work())).lane
    assert isinstance(lane, AnswerLane)
    written = [decoder.tokenizer.decode(lane.cue(line)) for line in ("S-C", "Each number is", "4 + 5 =", "Well")]
    assert written == ["-H-O-O-L", " 2", " 9", ""]
    mind.close()
