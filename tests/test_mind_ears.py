"""A contested line: the lane goes on with the transcriber's line or its own, whole, as if it had been laid so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from realtime.decoder.sequence import Row, Sequence
from realtime.engine.memory import DecoderMemory
from realtime.engine.messages import FromEngine, Transcript
from realtime.mind import Mind, Order, ThinkingPlan
from realtime.mind.contest import Hypothesis
from realtime.mind.ears import (
    LEAST_GAIN,
    MOST_ALTERNATIVES,
    MOST_LOSS,
    TRANSCRIBER_SHARE,
    UNHEARD_LINE,
    HeardLine,
    Second,
    Standing,
    Step,
    alternatives,
    own_is_better,
    score,
    words_ahead,
)
from realtime.mind.lanes import AnswerLane, Phase
from realtime.mind.laying import HEARD_TOKENS_LEAST
from realtime.mind.memory import Symbol
from realtime.mind.turn import Folded
from tests.decoder_tiny import tiny_decoder
from tests.mind_tiny import NEWLINE, SPECIAL, encode, tiny_dialect
from tests.test_mind_lanes import Memory

DIALECT = tiny_dialect()
FRAMES = [~0, ~1]
GIVEN = ("ab", "cd")
OWN = ("ab", "xy")
FOLDED = ("st", "uv")
# Under the rule itself: the transcriber in doubt and the decoder sure, and the other way round.
BELIEVED, UNBELIEVED = (-1.0, -0.01), (-0.05, -1.5)
# What the transcriber finds each word of the lane's own line, where it finds none of its own unlikely.
HEARD, UNHEARD = -0.1, -50.0

logprobs = st.floats(-6, 0)
lines = st.lists(logprobs, min_size=1, max_size=12)


# --- the rule ---------------------------------------------------------------------------------------


def test_the_rule_believes_who_is_sure() -> None:
    assert own_is_better(-1.0, [-0.01] * 5, [-2.0] * 5, ended=True)
    assert not own_is_better(-0.05, [-1.5] * 5, [-1.0] * 5, ended=True)
    assert not own_is_better(-1.0, [], [-2.0], ended=True)
    assert not own_is_better(-1.0, [-0.01] * 5, [-2.0] * 5, ended=False), "a loop is not a line"
    assert own_is_better(-0.5, [-0.05], [], ended=True) and not own_is_better(-0.5, [-1.5], [], ended=True)


@given(logprobs, st.lists(st.floats(-0.6, 0), min_size=1, max_size=12), lines, st.floats(0, 3), st.data())
def test_the_rule_is_monotone_in_every_sign(
    transcriber: float, own: list[float], given: list[float], less: float, data: st.DataObject
) -> None:
    """What is believed still is with a transcriber less sure, or a decoder surer of its line or less of the other."""
    assume(own_is_better(transcriber, own, given, ended=True))
    assert own_is_better(transcriber - less, own, given, ended=True)
    at = data.draw(st.integers(0, len(own) - 1))
    assert own_is_better(
        transcriber, [p if i != at else min(0.0, p + less) for i, p in enumerate(own)], given, ended=True
    )
    at = data.draw(st.integers(0, len(given) - 1))
    assert own_is_better(transcriber, own, [p if i != at else p - less for i, p in enumerate(given)], ended=True)


steps = st.lists(
    st.tuples(st.floats(-4, 0), st.none() | st.floats(0, 6)).map(
        lambda each: (each[0], None if each[1] is None else Second(7, each[0] - each[1]))
    ),
    min_size=1,
    max_size=8,
)


@given(steps, st.floats(0, 10), st.data())
def test_what_is_tried_has_something_to_win(
    written: list[tuple[float, Second | None]], ahead: float, data: st.DataObject
) -> None:
    likely = data.draw(st.lists(st.floats(-20, 0), min_size=len(written), max_size=len(written)))
    line_ = [Step(at, logprob, second) for at, (logprob, second) in enumerate(written)]
    tried = alternatives(line_, likely, ahead)
    assert len(tried) == len(set(tried)) <= MOST_ALTERNATIVES

    def most(at: int) -> float:
        """By how much the line with the other token wins, where the transcriber has no objection left to it."""
        step = line_[at]
        assert step.second is not None
        return step.second.logprob - step.logprob - TRANSCRIBER_SHARE * likely[at] - ahead

    assert all(most(at) >= LEAST_GAIN - 1e-9 for at in tried)
    assert [most(at) for at in tried] == sorted((most(at) for at in tried), reverse=True)
    left = [at for at, step in enumerate(line_) if step.second is not None and at not in tried]
    for at in left:
        second = line_[at].second
        assert second is not None
        is_unlikely = line_[at].logprob - second.logprob > MOST_LOSS
        assert is_unlikely or most(at) < LEAST_GAIN or len(tried) == MOST_ALTERNATIVES


def test_first_comes_the_word_that_the_transcriber_did_not_hear() -> None:
    line_ = [Step(at, -0.5, Second(7, -1.5)) for at in range(5)]
    assert alternatives(line_, [-0.1, -9.0, -0.1, -19.0, -0.1], 0.0) == [3, 1][:MOST_ALTERNATIVES]
    assert alternatives(line_, [-0.1, -9.0, -0.1, -19.0, -0.1], 4.0) == [3]
    assert alternatives(line_, [-0.1] * 5, 0.0) == [], "nothing to win"


def test_both_are_asked() -> None:
    assert score([-1.0, -2.0], [-3.0]) == -3.0 - 3.0 * TRANSCRIBER_SHARE


# --- how far each has heard --------------------------------------------------------------------------

WORDS = st.lists(st.sampled_from(["which", "tone", "was", "the", "first", "or", "second"]), max_size=12)


@given(WORDS, WORDS)
def test_words_ahead_are_words_of_the_line(own: list[str], written: list[str]) -> None:
    assert 0 <= words_ahead(own, written) <= len(own)
    assert words_ahead(own, own) == 0 and words_ahead(own, []) == len(own)
    assert words_ahead(own, [*written, *own]) == 0, "it heard more"


@given(WORDS, WORDS)
def test_all_behind_what_the_transcriber_heard_is_ahead(own: list[str], more: list[str]) -> None:
    assert words_ahead([*own, *more], own) == len(more)


@pytest.mark.parametrize(
    ("own", "written", "ahead"),
    [
        ("count the beeps", "count the", 1),
        ("count the beeps", "count of", 1),
        ("count the beeps", "count of beats", 0),
        ("count the beeps", "counted beat", 1),
        ("which beep was higher", "which people's higher", 0),
        ("um how many claps did you hear", "how many clap did you hear", 0),
        ("how many beeps", "well how many", 1),
        ("which tone was longer the first or the second", "which tone was longer the first or the", 1),
        ("which tone was longer the first or the second", "which tone was longer the first", 3),
        ("okay was the tone rising or falling", "okay was the tone rising or falling okay", 0),
    ],
)
def test_a_misheard_word_is_no_word_that_was_not_said(own: str, written: str, ahead: int) -> None:
    assert words_ahead(own.split(), written.split()) == ahead


def test_a_line_that_is_not_believed_still_tells_what_was_written() -> None:
    line = HeardLine(GIVEN, -1.0, -0.25, 0.5, Standing.CONTESTED).unbelieved()
    assert (line.words, line.written, line.standing) == ((), GIVEN, Standing.UNBELIEVED)
    assert (UNHEARD_LINE.words, UNHEARD_LINE.written, UNHEARD_LINE.standing) == ((), (), Standing.UNBELIEVED)


# --- the lane ---------------------------------------------------------------------------------------


@dataclass
class Attempt:
    """An answer lane on a turn of two frames, `folded` words before them, and what it told of its line."""

    contested: bool
    confidence: float = BELIEVED[0]
    folded: tuple[str, ...] = ()
    rest: tuple[str, ...] = GIVEN
    order: Order = Order.THINK_BEFORE
    respond: bool = True
    told: list[Transcript] = field(default_factory=list)
    attempt: int = 0
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        plan = ThinkingPlan(self.order)
        self.mind = Mind("s", DIALECT, Memory(), note_interval_frames=None, plan=plan)  # type: ignore[arg-type]
        self.mind.start_turn(1)
        self.mind.hear(FRAMES, 160)
        assert self.mind.turn is not None
        if self.folded:
            text = DIALECT.text_item("user", " ".join(self.folded))
            self.mind.turn.folded = Folded(self.folded, 0, text, DIALECT.line(self.folded))
        self.end()

    def end(self) -> None:
        """A tentative end, with the same line."""
        self.attempt += 1
        standing = Standing.CONTESTED if self.contested else Standing.STANDS
        line = HeardLine((*self.folded, *self.rest), self.confidence, -0.25, 0.5, standing)
        self.mind.end_turn(self.attempt, [], 160, line=line, respond=self.respond)
        assert self.mind._attempt is not None
        self.lane: AnswerLane = self.mind._attempt.lane
        self.prefix = list(self.lane.seq.symbols)

    def weigh(self, logprob: float = -3.0) -> None:
        self.lane.weigh([logprob] * len(self.lane.unweighed))

    def write(self, tokens: list[int], logprob: float = BELIEVED[1]) -> None:
        """One token after the other, until the line is complete; a given line's end is due, whatever is chosen."""
        for token in tokens:
            if self.lane.phase is not Phase.HEARING:
                break
            chosen = token if self.lane.due is None else self.lane.due
            self.tell(self.mind.accept(self.lane, chosen, logprob))
            if self.lane.asked:
                self.answer(HEARD if logprob == BELIEVED[1] else UNHEARD)

    def answer(self, own: float | None, *others: float | None) -> None:
        """The transcriber's: how likely it finds each word of the lane's own line, or of others."""
        self.asked += self.lane.asked
        likely = [own, *others] if len(self.lane.asked) == len(others) + 1 else [-0.1, own, *others]
        told = [None if p is None else [p] * len(words) for words, p in zip(self.lane.asked, likely, strict=True)]
        self.tell(self.mind.told(self.lane, told))

    def tell(self, said: list[FromEngine]) -> None:
        self.told += [message for message in said if isinstance(message, Transcript)]

    @property
    def laid(self) -> list[Symbol]:
        """What stands behind the prefix."""
        assert self.lane.seq.symbols[: len(self.prefix)] == self.prefix
        return list(self.lane.seq.symbols[len(self.prefix) :])


def line(words: tuple[str, ...]) -> list[int]:
    return [*DIALECT.line(words), NEWLINE]


def standing(folded: tuple[str, ...] = (), rest: tuple[str, ...] = GIVEN, **options: object) -> Attempt:
    """The same turn where the transcriber's line was laid from the start."""
    lane = Attempt(False, folded=folded, rest=rest, **options)  # type: ignore[arg-type]
    lane.write([NEWLINE])
    return lane


def assert_is_the_transcribers(contested: Attempt, reference: Attempt) -> None:
    ours, theirs = contested.lane, reference.lane
    assert list(ours.seq.symbols) == list(theirs.seq.symbols)
    assert (ours.transcript, ours.heard_tokens, ours.phase) == (theirs.transcript, theirs.heard_tokens, theirs.phase)
    assert list(ours.draft.written) == list(theirs.draft.written)
    assert ours.has_given_line
    assert [(t.text, t.doubt) for t in contested.told] == [(t.text, t.doubt) for t in reference.told]
    assert len(contested.told) == 1 and contested.told[0].doubt == -0.25


folded_or_not = pytest.mark.parametrize("folded", [(), FOLDED], ids=["whole", "folded"])


@folded_or_not
def test_the_same_line_is_the_transcribers_and_nothing_is_laid_again(folded: tuple[str, ...]) -> None:
    subject = Attempt(True, folded=folded)
    subject.weigh()
    subject.write(DIALECT.line(GIVEN))
    subject.lane.seq.computed = before = len(subject.lane.seq.symbols)  # type: ignore[misc]
    subject.write([NEWLINE])
    assert subject.lane.seq.computed == before, "nothing that was computed was taken back"
    assert_is_the_transcribers(subject, standing(folded))
    assert not subject.lane.unwanted


@folded_or_not
def test_another_line_that_is_not_believed_leaves_no_trace(folded: tuple[str, ...]) -> None:
    confidence, logprob = UNBELIEVED
    subject = Attempt(True, confidence, folded)
    subject.weigh()
    subject.write(line(OWN), logprob)
    assert_is_the_transcribers(subject, standing(folded))
    assert subject.lane.unwanted == DIALECT.line((*folded, *OWN))


def test_in_a_long_turn_what_was_noted_is_not_written_again() -> None:
    """But for the last words, and only where something is folded: of a short turn the whole line is contested."""
    words = tuple("abcdefghijkl")
    for folded, noted, contested in ((FOLDED, 0, 12), (FOLDED, 2, 12), (FOLDED, 5, 9), (FOLDED, 12, 8), ((), 5, 12)):
        subject = Attempt(True, folded=folded, rest=words)
        assert subject.mind.turn is not None
        subject.mind.turn.noted = [*folded, *"vvvvvvvvvvvv"][:noted]  # other words: those of the line stand
        subject.mind.revoke(1)
        subject.end()
        lane = subject.lane
        assert lane.unweighed == line(words[12 - contested :])
        assert lane.heard_tokens == DIALECT.line((*folded, *words[: 12 - contested]))[: lane.given_tokens]
        assert lane.given_tokens == 2 * (12 - contested) + 3 * len(folded)
        subject.weigh()
        subject.write(line(words[12 - contested :]))
        assert [t.text for t in subject.told] == [" ".join((*folded, *words))]


@pytest.mark.parametrize("chosen", [GIVEN, OWN], ids=["given", "own"])
def test_what_was_computed_of_a_weighed_line_is_not_computed_again(chosen: tuple[str, ...]) -> None:
    """Nor what stands before it; and whichever line is chosen, no block stays behind."""
    decoder = tiny_decoder()
    memory = DecoderMemory(decoder)
    mind = Mind("s", DIALECT, memory, note_interval_frames=None)
    mind.start_turn(1)
    confidence, logprob = BELIEVED if chosen == OWN else UNBELIEVED
    mind.end_turn(1, [], 160, line=HeardLine(GIVEN, confidence, -0.25, 0.5, Standing.CONTESTED))
    assert mind._attempt is not None
    lane = mind._attempt.lane
    decoder.step([Row(cast(Sequence, lane.seq), lane.seq.pending, True, tuple(lane.unweighed))])
    lane.weigh([-3.0] * len(lane.unweighed))
    for token in line(OWN):
        mind.accept(lane, token, logprob)
        if lane.seq.pending and lane.phase is Phase.HEARING and not lane.is_waiting:
            decoder.step([Row(cast(Sequence, lane.seq), lane.seq.pending, True)])
    assert not lane.asked, "it is clear which is the better one"
    assert lane.has_given_line == (chosen == GIVEN) and lane.phase is Phase.THINKING
    assert lane.seq.pending == 1, "the end of the line"
    assert lane.seq.computed == lane.prompt_tokens + len(DIALECT.line(chosen))
    mind.close()
    assert decoder.pool.used == 0


def test_a_lane_that_is_dropped_while_it_writes_another_line_gives_both_back() -> None:
    decoder = tiny_decoder()
    mind = Mind("s", DIALECT, DecoderMemory(decoder), note_interval_frames=None)
    mind.start_turn(1)
    heard = HeardLine(GIVEN, -1.0, -0.25, 0.5, Standing.CONTESTED)
    for is_rehearsed in (True, False):
        if is_rehearsed:
            mind.rehearse([], 160, heard)
        else:
            mind.end_turn(1, [], 160, line=heard)
        (lane,) = (work.lane for work in mind.work() if isinstance(work.lane, AnswerLane))
        decoder.step([Row(cast(Sequence, lane.seq), lane.seq.pending, True, tuple(lane.unweighed))])
        lane.weigh([-3.0] * len(lane.unweighed))
        mind.accept(lane, encode("x")[0], -0.01)
        assert lane._contest is not None and lane._contest._laid is not None
    mind.close()
    assert decoder.pool.used == 0


@folded_or_not
def test_another_line_that_is_believed_stays(folded: tuple[str, ...]) -> None:
    subject = Attempt(True, folded=folded)
    subject.weigh()
    subject.write(line(OWN))
    assert subject.laid == line(OWN)
    assert [t.text.split() for t in subject.told] == [[*folded, *OWN]]
    assert not subject.lane.has_given_line and not subject.lane.unwanted
    assert subject.told[0].doubt != -0.25


def test_a_loop_is_not_believed_however_sure_it_is() -> None:
    subject = Attempt(True)
    subject.weigh()
    subject.write(encode("a" * 500))
    assert_is_the_transcribers(subject, standing())
    assert 0 < len(subject.lane.unwanted) <= HEARD_TOKENS_LEAST + len(FRAMES)


def test_a_transcribers_line_longer_than_the_bound_is_no_loop() -> None:
    words = ("abc",) * 12
    subject = Attempt(True, rest=words)
    assert len(DIALECT.line(words)) > HEARD_TOKENS_LEAST + len(FRAMES)
    subject.weigh()
    subject.write(line(words))
    assert_is_the_transcribers(subject, standing(rest=words))


def test_a_line_that_nobody_weighed_is_the_transcribers() -> None:
    subject = Attempt(True)
    assert subject.lane.unweighed == line(GIVEN)
    subject.write(line(OWN))
    assert_is_the_transcribers(subject, standing())
    assert subject.lane.unweighed == [], "it is too late to ask"


def test_the_same_line_closed_without_its_end_gets_one() -> None:
    subject = Attempt(True)
    subject.weigh()
    subject.write([*DIALECT.line(GIVEN), SPECIAL.think_end])
    assert_is_the_transcribers(subject, standing())


def test_without_a_response_the_lane_ends_with_the_chosen_line() -> None:
    confidence, logprob = UNBELIEVED
    subject = Attempt(True, confidence, respond=False)
    subject.weigh()
    subject.write(line(OWN), logprob)
    assert subject.lane.phase is Phase.ENDED
    assert [t.text for t in subject.told] == [" ".join(GIVEN)]


@pytest.mark.parametrize("written", [["[no", "speech]"], ["xy"]])
def test_where_all_words_are_settled_nothing_is_contested(written: list[str]) -> None:
    subject = Attempt(True, folded=FOLDED, rest=())
    assert not subject.lane.unweighed
    subject.write(line(tuple(written)))
    assert_is_the_transcribers(subject, standing(FOLDED, ()))
    assert subject.told[0].text == " ".join(FOLDED)


def test_nobody_spoke_is_no_part_of_a_line() -> None:
    subject = Attempt(True, folded=FOLDED)
    subject.weigh()
    subject.write([*DIALECT.line(()), NEWLINE])
    assert_is_the_transcribers(subject, standing(FOLDED))
    whole = Attempt(True)
    whole.weigh()
    whole.write([*DIALECT.line(()), NEWLINE])
    assert whole.laid == [*DIALECT.line(()), NEWLINE], "but it is a whole one"


@folded_or_not
def test_the_next_attempt_guesses_the_line_that_was_not_believed(folded: tuple[str, ...]) -> None:
    confidence, logprob = UNBELIEVED
    subject = Attempt(True, confidence, folded)
    subject.weigh()
    subject.write(line(OWN), logprob)
    subject.mind.revoke(1)
    subject.end()
    assert subject.lane.draft.guess(6)[:6] == DIALECT.line(GIVEN), "the transcriber's words come first"
    subject.weigh()
    subject.write(DIALECT.line(OWN)[:5], logprob)  # " ab x"
    assert subject.lane.draft.guess(1) == DIALECT.line(OWN)[5:6]


@folded_or_not
@pytest.mark.parametrize(("confidence", "logprob", "chosen"), [(*BELIEVED, OWN), (*UNBELIEVED, GIVEN)])
def test_a_commit_while_the_line_is_written_keeps_the_whole_chosen_line(
    confidence: float, logprob: float, chosen: tuple[str, ...], folded: tuple[str, ...]
) -> None:
    subject = Attempt(True, confidence, folded)
    subject.weigh()
    subject.write(line(OWN)[:2], logprob)
    subject.mind.commit(1, "item")
    subject.write(line(OWN)[2:], logprob)
    item = subject.mind.trunk.last
    assert item.id == "item" and item.notes == DIALECT.line((*folded, *chosen))
    assert item.folded_notes == 3 * len(folded)


@given(
    st.lists(st.one_of(st.integers(0, 60), st.sampled_from(line(GIVEN))), max_size=60),
    st.integers(0, 6),
    st.sampled_from([BELIEVED, UNBELIEVED]),
    st.booleans(),
    st.sampled_from([(), FOLDED]),
    st.sampled_from(Order),
)
@settings(deadline=None)
def test_whatever_is_written_one_of_the_two_lines_stands_behind_the_prefix(
    tokens: list[int],
    same: int,
    sure: tuple[float, float],
    is_weighed: bool,
    folded: tuple[str, ...],
    order: Order,
) -> None:
    confidence, logprob = sure
    subject = Attempt(True, confidence, folded, order=order)
    prefix, unwritten = list(subject.prefix), list(subject.lane.heard_tokens)
    if is_weighed:
        subject.weigh()
    tokens = [*line(GIVEN)[:same], *tokens, NEWLINE]
    subject.write(tokens, logprob)
    assert subject.lane.phase is not Phase.HEARING and len(subject.told) == 1
    if subject.lane.has_given_line:
        assert_is_the_transcribers(subject, standing(folded, order=order))
        return
    assert sure == BELIEVED and is_weighed and not subject.lane.unwanted
    own = subject.lane.heard_tokens[len(unwritten) :]
    assert own == tokens[: len(own)] != DIALECT.line(GIVEN), "the lane's own, token by token"
    ended = [NEWLINE] if tokens[len(own)] == NEWLINE else []
    behind = subject.laid[len(own) + len(ended) :]
    assert subject.lane.seq.symbols == [*prefix, *own, *ended, *behind]
    closed = DIALECT.close_thought(bool(ended))
    assert behind == (closed if subject.lane.phase is Phase.ANSWERING else []) and (ended or behind)


# --- other lines ------------------------------------------------------------------------------------

X, Y, Z = (encode(letter)[0] for letter in "xyz")


def doubted(*, rest: tuple[str, ...] = GIVEN, folded: tuple[str, ...] = (), respond: bool = True) -> Attempt:
    """A lane that has written OWN, in doubt whether its "y" is a "z", and a transcriber that did not hear it."""
    subject = Attempt(True, rest=rest, folded=folded, respond=respond)
    subject.weigh(-9.0)
    for token in line(OWN):
        second = Second(Z, -0.9) if token == Y else None
        subject.tell(subject.mind.accept(subject.lane, token, -0.5, second))
    subject.asked = list(subject.lane.asked)
    subject.tell(subject.mind.told(subject.lane, [[-9.0] * (len(folded) + 2), [*[-0.1] * (len(folded) + 1), -20.0]]))
    return subject


@folded_or_not
def test_another_word_is_tried_where_the_transcriber_heard_another(folded: tuple[str, ...]) -> None:
    subject = doubted(folded=folded)
    assert subject.asked == [(*folded, *GIVEN), (*folded, *OWN)]
    assert subject.lane.is_waiting and not subject.told
    (work,) = (work for work in subject.mind.work() if isinstance(work.lane, Hypothesis))
    assert work.lane is not None and subject.mind.holds(work.lane)
    assert work.seq.symbols == [*subject.prefix, *DIALECT.line(("ab",)), *encode(" x"), Z]
    assert subject.lane.hypotheses[0].draft.guess(4) == [NEWLINE], "it goes on as the lane's own does"
    subject.mind.accept(work.lane, NEWLINE, -0.1)
    assert subject.lane.asked == [(*folded, "ab", "xz")]
    subject.answer(HEARD)
    assert subject.laid == line(("ab", "xz"))
    assert [t.text.split() for t in subject.told] == [[*folded, "ab", "xz"]]
    assert subject.told[0].closing == -0.1 and subject.told[0].doubt == -0.9
    assert not subject.lane.has_given_line and subject.lane.phase is Phase.THINKING
    assert subject.lane.unwanted == DIALECT.line((*folded, *OWN)), "which the next attempt guesses, too"
    assert list(subject.lane.draft.written) == [*subject.lane.heard_tokens, NEWLINE]


@pytest.mark.parametrize(
    ("tokens", "heard", "chosen"),
    [
        ([NEWLINE], HEARD, ("ab", "xz")),
        ([X, NEWLINE], HEARD, ("ab", "xzx")),
        ([SPECIAL.think_end], HEARD, ("ab", "xz")),
        ([NEWLINE], UNHEARD, OWN),
        ([NEWLINE], None, OWN),
        ([X] * 60, HEARD, OWN),
    ],
    ids=["better", "longer", "closed", "not heard", "more was heard since", "a loop"],
)
def test_it_is_taken_where_both_find_it_likelier(
    tokens: list[int], heard: float | None, chosen: tuple[str, ...]
) -> None:
    subject = doubted()
    for token in tokens:
        if not subject.lane.asked:
            (other,) = subject.lane.hypotheses
            subject.mind.accept(other, token, -0.1)
    subject.answer(heard)
    assert [t.text.split() for t in subject.told] == [list(chosen)]
    assert subject.laid[: len(DIALECT.line(chosen))] == DIALECT.line(chosen)


@pytest.mark.parametrize(
    ("logprob", "heard", "chosen"),
    [
        (-0.35, HEARD, OWN), (-0.35, UNHEARD, GIVEN),  # it is asked, and both tell
        (-0.3, None, OWN), (-0.38, None, GIVEN),  # it cannot tell any more: who is sure is believed
    ],
)  # fmt: skip
def test_where_it_is_not_clear_the_transcriber_is_asked(
    logprob: float, heard: float | None, chosen: tuple[str, ...]
) -> None:
    subject = Attempt(True, -1.0)
    subject.weigh(-1.0)
    for token in line(OWN):
        subject.tell(subject.mind.accept(subject.lane, token, logprob))
    assert subject.lane.asked == [GIVEN, OWN] and subject.lane.is_waiting and not subject.told
    subject.answer(heard)
    assert [t.text.split() for t in subject.told] == [list(chosen)]
    if chosen == GIVEN:
        assert_is_the_transcribers(subject, standing())


@pytest.mark.parametrize(
    ("sure", "second", "is_asked"),
    [
        (BELIEVED, None, False),
        (BELIEVED, MOST_LOSS + 0.1, False),
        (BELIEVED, MOST_LOSS - 0.1, True),
        (UNBELIEVED, 0.1, False),
    ],
)
def test_where_it_is_clear_only_a_word_in_doubt_is_asked_of(
    sure: tuple[float, float], second: float | None, is_asked: bool
) -> None:
    subject = Attempt(True, sure[0])
    subject.weigh()
    for token in line(OWN):
        other = None if second is None else Second(Z, sure[1] - second)
        subject.tell(subject.mind.accept(subject.lane, token, sure[1], other))
    assert bool(subject.lane.asked) == is_asked
    if not is_asked:
        assert [t.text.split() for t in subject.told] == [list(OWN if sure == BELIEVED else GIVEN)]


def test_a_token_that_is_no_word_is_no_other_word() -> None:
    subject = Attempt(True)
    subject.weigh(-9.0)
    for token in line(OWN):
        subject.tell(subject.mind.accept(subject.lane, token, -0.5, Second(SPECIAL.im_start, -0.9)))
    subject.answer(-5.0)
    assert subject.told and not subject.lane.is_waiting


@pytest.mark.parametrize("ending", ["revoked", "discarded", "chosen", "closed"])
def test_no_block_of_another_line_stays_behind(ending: str) -> None:
    decoder = tiny_decoder()
    mind = Mind("s", DIALECT, DecoderMemory(decoder), note_interval_frames=None)
    mind.start_turn(1)
    mind.end_turn(1, [], 160, line=HeardLine(GIVEN, -1.0, -0.25, 0.5, Standing.CONTESTED))
    assert mind._attempt is not None
    lane = mind._attempt.lane

    def step(work_lane: AnswerLane | Hypothesis, guess: tuple[int, ...] = ()) -> None:
        decoder.step([Row(cast(Sequence, work_lane.seq), work_lane.seq.pending, True, guess)])

    step(lane, tuple(lane.unweighed))
    lane.weigh([-9.0] * len(lane.unweighed))
    for token in line(OWN):
        if lane.seq.pending:
            step(lane)
        mind.accept(lane, token, -0.5, Second(Z, -0.9) if token == Y else None)
    mind.told(lane, [[-9.0] * 2, [-0.1, -20.0]])
    (other,) = lane.hypotheses
    computed = other.seq.computed
    assert computed == lane.prompt_tokens + len(DIALECT.line(OWN)) - 1, "only the other word is to be computed"
    step(other)
    if ending == "revoked":
        mind.revoke(1)
    elif ending == "discarded":
        mind.discard_turn(1)
    elif ending == "chosen":
        mind.accept(other, NEWLINE, -0.1)
        mind.told(lane, [[-0.1, -0.1]])
        assert lane.transcript == "ab xz" and lane.seq.pending == 1, "the end of the line"
    mind.close()
    assert decoder.pool.used == 0
