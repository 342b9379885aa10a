"""Folding: wherever it comes between other events, the trunk is what the words as text and the rest of the sound give
from scratch, to the bit; every frame is given back once; and what was said is told whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import cast

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from realtime.decoder import Decoder
from realtime.decoder.sequence import Row, Symbol
from realtime.decoder.sequence import Sequence as DecoderSequence
from realtime.engine.memory import DecoderMemory
from realtime.engine.messages import Answer, Done, Note, Transcript
from realtime.mind import Mind, Order, ThinkingPlan, TurnState, folding
from realtime.mind.folding import SettledWords, is_due
from realtime.mind.lanes import AnswerLane
from realtime.mind.turn import Folded, Turn
from realtime.mind.work import Lane
from tests.mind_tiny import NEWLINE, SPECIAL, standing_line, step
from tests.test_mind_trunk import DIALECT, WORD, MindHistory, decoders

LONG_FRAMES, FOLDED_FRAMES = 4, 2


class Ledger(DecoderMemory):
    """The decoder as memory, which takes no frame back twice."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__(decoder)
        self._frames = decoder.frames

    def drop_frames(self, symbols: Iterable[Symbol]) -> None:
        frames = [symbol for symbol in symbols if symbol < 0]
        assert len(set(frames)) == len(frames)
        before = len(self._frames)
        super().drop_frames(frames)
        assert len(self._frames) == before - len(frames), "a frame was dropped twice"


class FoldedHistory(MindHistory):
    """The history of `test_mind_trunk` with a transcriber's words in it. `settled` are those that do not change."""

    folds = 0  # that took the trunk's place, in all runs

    @initialize(order=st.sampled_from(Order))
    def open(self, order: Order) -> None:
        super().open(order)
        self.mind.close()
        plan = ThinkingPlan(order, segment_tokens=3, max_tokens=40)
        self.mind = Mind("session", DIALECT, Ledger(self.decoder), note_interval_frames=None, plan=plan)
        self.settled: list[str] = []
        self.settled_frames = 0
        self.offered: list[SettledWords] = []
        self.rest: list[str] = []
        self.told: tuple[str, ...] = ()
        self.sure = False
        self.noted = 0
        self.limits = folding.LONG_TURN_FRAMES, folding.LEAST_FOLDED_FRAMES
        folding.LONG_TURN_FRAMES, folding.LEAST_FOLDED_FRAMES = LONG_FRAMES, FOLDED_FRAMES

    @property
    def folded(self) -> SettledWords:
        """What the mind has folded of the turn: something that was offered, or nothing."""
        turn = self.mind.turn
        if turn is None or not turn.folded.words:
            return SettledWords((), 0)
        (found,) = {each for each in self.offered if each.words == turn.folded.words}
        return found

    def sounding(self) -> list[Symbol]:
        words = self.folded.words
        text = DIALECT.text_item("user", " ".join(words)) if words else []
        return [*text, *DIALECT.audio_open(), *self.frames[self.folded.frames :]]

    def user_symbols(self) -> list[Symbol]:
        return [*self.sounding(), *self.tail, *DIALECT.audio_close()]

    def committed(self) -> list[Symbol]:
        symbols = [symbol for _, item in self.history for symbol in item]
        return symbols + self.sounding() if self.state in ("listening", "tentative") else symbols

    @rule()
    def start_turn(self) -> None:
        super().start_turn()
        self.settled, self.settled_frames, self.offered, self.rest, self.noted = [], 0, [], [], 0

    @precondition(lambda self: self.state == "listening")
    @rule(words=st.lists(WORD, min_size=1, max_size=3))
    def note(self, words: list[str]) -> None:
        """Noted words may be misheard; there are never fewer of them than are settled."""
        said = self.mind.note(words, 80 * len(self.frames))
        assert [message.text for message in said if isinstance(message, Note)] == ["".join(f" {w}" for w in words)]
        self.noted += len(words)

    @precondition(lambda self: self.state == "listening" and self.noted > len(self.settled))
    @rule(data=st.data())
    def fold(self, data: st.DataObject) -> None:
        least = min(self.settled_frames + 1, len(self.frames))
        self.settled.append(data.draw(WORD))
        self.settled_frames = data.draw(st.integers(least, len(self.frames)))
        self.offered.append(SettledWords(tuple(self.settled), self.settled_frames))
        self.mind.fold(self.offered[-1])

    @precondition(lambda self: self.state == "listening")
    @rule(frames=st.integers(4, 9), words=st.lists(WORD, min_size=1, max_size=4), rehearsed=st.booleans())
    def talk_and_fold(self, frames: int, words: list[str], rehearsed: bool = False) -> None:
        """What most often happens: nobody waits, and the fold is computed before anything else comes."""
        self.hear(frames)
        self.note(words)
        if rehearsed and self.mind.may_rehearse:
            self.rehearse(1)
        self.settled += words[: self.noted - len(self.settled)]
        self.settled_frames = max(self.settled_frames, len(self.frames) - 2)
        self.offered.append(SettledWords(tuple(self.settled), self.settled_frames))
        before = self.folded
        self.mind.fold(self.offered[-1])
        self.compute()
        for _ in range(2):
            self.write(lambda lane: SPECIAL.im_end)
        if self.folded != before:
            FoldedHistory.folds += 1

    @rule()
    def compute(self) -> None:
        """Everything but the lanes: they have not had their turn yet."""
        for work in [work for work in self.mind.work() if work.lane is None]:
            self.decoder.step([Row(cast(DecoderSequence, work.seq), work.seq.pending)])
            self.mind.ran(None)

    @precondition(lambda self: self.state == "listening")
    @rule(count=st.integers(0, 3), more=st.lists(WORD, max_size=3), sure=st.booleans(), asked=st.booleans())
    def end_turn(
        self, count: int, respond: bool = True, more: Sequence[str] = (), sure: bool = True, asked: bool = False
    ) -> None:
        self.attempt += 1
        self.tail = self.heard(count) if count else []
        self.rest, self.told = [*self.settled, *more], self.folded.words
        line = standing_line(self.rest)
        self.sure = sure and bool(self.rest)
        line = line if self.sure else line.unbelieved()
        self.mind.end_turn(self.attempt, self.tail, 80 * len(self.frames), line=line, max_tokens=12)
        self.state = "tentative"
        if asked:
            self.write(lambda lane: NEWLINE)

    @precondition(lambda self: self.state == "listening" and self.mind.may_rehearse)
    @rule(count=st.integers(0, 3), more=st.lists(WORD, max_size=3))
    def rehearse(self, count: int, more: Sequence[str] = ()) -> None:
        line = standing_line((*self.settled, *more))
        self.mind.rehearse(self.heard(count) if count else [], 80 * len(self.frames), line)

    @precondition(lambda self: self.state in ("idle", "answering"))
    @rule()
    def respond(self) -> None:
        super().respond()
        self.sure, self.told = False, ()  # the decoder goes on with the line as it stands in the history

    def write(self, choose: Callable[[Lane], int]) -> None:
        def chosen(lane: Lane) -> int:
            due = lane.due if isinstance(lane, AnswerLane) else None
            return choose(lane) if due is None else due

        for message in step(self.decoder, self.mind, chosen):
            if isinstance(message, Answer):
                self.answer += message.text
            elif isinstance(message, Transcript) and self.sure:
                assert message.text.split() == self.rest, "words were lost or said twice"
            elif isinstance(message, Transcript):
                assert message.text.startswith(" ".join(self.told))

    def teardown(self) -> None:
        if not hasattr(self, "limits"):
            return
        try:
            super().teardown()
        finally:
            folding.LONG_TURN_FRAMES, folding.LEAST_FOLDED_FRAMES = self.limits


TestFoldedHistory = FoldedHistory.TestCase
TestFoldedHistory.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_histories_were_folded() -> None:
    """Or the test above proves nothing; it runs first."""
    run = FoldedHistory()
    run.open(Order.THINK_FIRST)
    run.start_turn()
    before = FoldedHistory.folds
    run.talk_and_fold(6, ["ab", "cd"])
    assert FoldedHistory.folds == before + 1
    run.trunk_is_the_committed_history()
    run.teardown()


# --- one fold, and what may follow it ---------------------------------------------------------------------------


WORDS: tuple[str, ...] = ("ab", "cd", "ef")


@pytest.fixture
def long_turn(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Decoder, Mind, list[Symbol]]]:
    """A turn of ten frames, the first six of which are folded into two of its three words."""
    monkeypatch.setattr(folding, "LONG_TURN_FRAMES", LONG_FRAMES)
    monkeypatch.setattr(folding, "LEAST_FOLDED_FRAMES", FOLDED_FRAMES)
    decoder, _ = decoders()
    assert decoder.pool.used == 0 and len(decoder.frames) == 0
    mind = Mind("session", DIALECT, Ledger(decoder), note_interval_frames=None)
    mind.start_turn(1)
    frames = decoder.frames.put(torch.randn(10, decoder.shape.width))
    mind.hear(frames, 800)
    mind.note(["ab", "cq", "ef"], 800)
    mind.fold(SettledWords(WORDS[:2], 6))
    run(decoder, mind)
    assert mind.turn is not None and mind.turn.folded.frames == 6
    yield decoder, mind, frames
    mind.close()
    assert decoder.pool.used == 0 and len(decoder.frames) == 0


def run(decoder: Decoder, mind: Mind, most: int = 60) -> list[object]:
    said: list[object] = []
    for _ in range(most):
        if not list(mind.work()):
            break
        said += step(decoder, mind, lambda lane: NEWLINE)
    return said


def item(*words: str) -> list[Symbol]:
    return DIALECT.text_item("user", " ".join(words))


def test_the_oldest_part_is_text_and_its_frames_are_gone(long_turn: tuple[Decoder, Mind, list[Symbol]]) -> None:
    decoder, mind, frames = long_turn
    heard = [*DIALECT.text_item("system", "be brief"), *item("ab", "cd"), *DIALECT.audio_open(), *frames[6:]]
    assert list(mind.trunk.seq.symbols) == heard
    assert mind.trunk.seq.pending == 0 and len(decoder.frames) == 4
    # A note that was misheard is right now.
    assert mind.turn is not None and mind.turn.notes == DIALECT.line(WORDS)


def test_an_answer_is_laid_on_the_words_that_are_not_folded(long_turn: tuple[Decoder, Mind, list[Symbol]]) -> None:
    decoder, mind, _ = long_turn
    before = len(mind.trunk.seq.symbols)
    mind.end_turn(1, [], 800, line=standing_line(WORDS), max_tokens=4)
    (work,) = mind.work()
    laid = [*DIALECT.audio_close(), *DIALECT.answering_audio(DIALECT.line(WORDS[2:]))]
    assert list(work.seq.symbols[before:]) == laid
    said = run(decoder, mind)
    (transcript,) = (message for message in said if isinstance(message, Transcript))
    (done,) = (message for message in said if isinstance(message, Done))
    assert transcript.text == "ab cd ef"
    assert done.input_audio_frames == 10


@pytest.mark.parametrize("sure", [True, False])
def test_where_nothing_follows_what_is_folded(long_turn: tuple[Decoder, Mind, list[Symbol]], sure: bool) -> None:
    decoder, mind, _ = long_turn
    assert mind.turn is not None
    mind.turn.notes, mind.turn.noted = DIALECT.line(WORDS[:2]), list(WORDS[:2])
    line = standing_line(WORDS[:2])
    mind.end_turn(1, [], 800, line=line if sure else line.unbelieved(), max_tokens=4)
    (transcript,) = (message for message in run(decoder, mind) if isinstance(message, Transcript))
    assert transcript.text == "ab cd"


def test_a_committed_turn_is_one_item(long_turn: tuple[Decoder, Mind, list[Symbol]]) -> None:
    decoder, mind, frames = long_turn
    mind.end_turn(1, [], 800, line=standing_line(WORDS), max_tokens=4)
    mind.commit(1, "user")
    run(decoder, mind)
    mind.answer_heard(1, "answer")
    kept = [*item("ab", "cd"), *DIALECT.audio_open(), *frames[6:], *DIALECT.audio_close()]
    found = mind.trunk.find("user")
    assert found is not None and found.symbols == kept and found.notes == DIALECT.line(WORDS)
    # Asked again, it is answered as it was the first time.
    mind.drop_item("answer")
    mind.respond(2, 1, max_tokens=4)
    (work,) = (work for work in mind.work() if work.lane is not None)
    laid = DIALECT.answering_audio(DIALECT.line(WORDS[2:]))
    assert list(work.seq.symbols[-len(laid) :]) == laid
    run(decoder, mind)
    mind.drop_item("user")
    assert [each.role for each in mind.trunk.items if each.role == "user"] == []
    assert len(decoder.frames) == 0


@pytest.mark.parametrize("end", ["discard", "cancel"])
def test_a_turn_that_was_none_leaves_nothing(long_turn: tuple[Decoder, Mind, list[Symbol]], end: str) -> None:
    decoder, mind, _ = long_turn
    if end == "discard":
        mind.discard_turn(1)
    else:
        mind.cancel(1)
    assert len(mind.trunk.items) == 1 and len(decoder.frames) == 0
    assert list(mind.trunk.seq.symbols) == DIALECT.text_item("system", "be brief")


def test_a_revoked_end_goes_on_and_folds_more(long_turn: tuple[Decoder, Mind, list[Symbol]]) -> None:
    decoder, mind, frames = long_turn
    tail = decoder.frames.put(torch.randn(2, decoder.shape.width))
    mind.fold(SettledWords(WORDS, 8))  # laid out, and not computed when the end comes
    mind.end_turn(1, tail, 800, line=standing_line(WORDS), max_tokens=4)
    assert all(work.lane is not None for work in mind.work()), "nothing is folded while somebody waits"
    run(decoder, mind)
    assert mind.turn is not None and mind.turn.folded.words == WORDS[:2]
    mind.revoke(1)
    run(decoder, mind)
    assert mind.turn.folded.words == WORDS
    assert list(mind.trunk.symbols[-len(frames[8:]) :]) == frames[8:] and len(decoder.frames) == 2


def test_new_instructions_in_the_middle_of_a_fold(long_turn: tuple[Decoder, Mind, list[Symbol]]) -> None:
    decoder, mind, frames = long_turn
    mind.fold(SettledWords(WORDS, 8))
    mind.instruct("be kind")
    run(decoder, mind)
    assert mind.turn is not None and mind.turn.folded.words == WORDS[:2], "it was laid on the old instructions"
    mind.fold(SettledWords(WORDS, 8))
    run(decoder, mind)
    heard = [*DIALECT.text_item("system", "be kind"), *item(*WORDS), *DIALECT.audio_open(), *frames[8:]]
    assert list(mind.trunk.seq.symbols) == heard


def test_when_a_fold_is_due() -> None:
    turn = Turn(1, "item", is_audio=True, frames=[~n for n in range(folding.LONG_TURN_FRAMES)])
    settled = SettledWords(("ab",), folding.LEAST_FOLDED_FRAMES)
    assert is_due(turn, settled)
    assert not is_due(turn, SettledWords(("ab",), folding.LEAST_FOLDED_FRAMES - 1)), "not worth it"
    assert not is_due(turn, SettledWords((), 100))
    turn.frames.pop()
    assert not is_due(turn, settled), "not long"
    turn.frames.append(-1000)
    turn.state = TurnState.TENTATIVE
    assert not is_due(turn, settled), "somebody waits"
    turn.state, turn.folded = TurnState.LISTENING, Folded(("ab",), 10)
    assert not is_due(turn, SettledWords(("ab",), 100)), "no word is new"
    assert is_due(turn, SettledWords(("ab", "cd"), 10 + folding.LEAST_FOLDED_FRAMES))
