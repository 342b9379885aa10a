"""Thinking goes on while the answer is spoken, inside the time that playout has bought, and the answer hears of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from realtime.decoder.scheduler import Service
from realtime.engine.messages import Answer, Done, FromEngine, Thought
from realtime.mind import Mind, Order, ThinkingPlan
from realtime.mind.speaking import ThinkLane
from tests.mind_tiny import LETTERS, NEWLINE, SPECIAL, encode, tiny_dialect
from tests.test_mind_lanes import Memory

STEP_MS = 20
DEADLINE_MS = 500
VOICE_MS = 300  # from a clause's last token to its audio
CLAUSE_MS = 2000
REPORT_MS = 200
THOUGHT_TOKENS = 400
CLAUSES = 8
CLAUSE_LETTERS = 11
PER_LETTER = 20  # a clause is written in the letter that says how much thought its writer saw, in twenties
PLAN = ThinkingPlan(Order.THINK_BEFORE, segment_tokens=20, cover_ms=1000)


def next_token(symbols: list[int]) -> int:
    """The model: thinks 400 tokens; answers in clauses that say how much of the thought stands before them."""
    block = symbols[len(symbols) - symbols[::-1].index(SPECIAL.think) :]
    if SPECIAL.think_end not in block:
        return SPECIAL.think_end if _count(block) >= THOUGHT_TOKENS else encode("t")[0]
    end = block.index(SPECIAL.think_end)
    answer = block[end + 2 :]
    if answer.count(NEWLINE) == CLAUSES:
        return SPECIAL.im_end
    clause = answer[len(answer) - answer[::-1].index(NEWLINE) :] if NEWLINE in answer else answer
    if len(clause) == CLAUSE_LETTERS:
        return NEWLINE
    return clause[-1] if clause else encode(LETTERS[_count(block[:end]) // PER_LETTER])[0]


def _count(thought: list[int]) -> int:
    return thought.count(encode("t")[0])


@dataclass
class Run:
    """One text turn with a voice, a playout and a clock. Every step runs all that may run."""

    plan: ThinkingPlan
    deadline_ms: int | None = DEADLINE_MS
    spoken: bool = True
    now_ms: int = 0
    bought_ms: float = 0.0
    told_ms: float = 0.0
    starved: int = 0
    voice: list[int] = field(default_factory=list)  # when each clause's audio will be there
    said: list[tuple[int, FromEngine]] = field(default_factory=list)
    rows: list[tuple[int, int]] = field(default_factory=list)  # (speak, think) rows of each step

    def __post_init__(self) -> None:
        dialect = tiny_dialect()
        dialect.least_thought_lines = 0  # a checkpoint that can do without a thought, and thinks in no lines
        self.memory = Memory()
        self.mind = Mind("s", dialect, self.memory, plan=self.plan)  # type: ignore[arg-type]
        self.mind.put_text("q", "user", "abc")
        self.mind.respond(1, 1, spoken=self.spoken)

    @property
    def done(self) -> Done | None:
        return next((m for _, m in self.said if isinstance(m, Done)), None)

    def to_the_end(self, limit_ms: int = 60_000) -> Run:
        while self.done is None and self.now_ms < limit_ms:
            self.step()
        return self

    def step(self) -> None:
        self.now_ms += STEP_MS
        if self.now_ms == self.deadline_ms:
            self.mind.pass_deadline(1)
        self._play()
        work = [entry for entry in self.mind.work() if entry.lane is not None]
        thinks = [entry for entry in work if isinstance(entry.lane, ThinkLane)]
        if thinks:
            assert self.told_ms >= self.plan.cover_ms, "thinking ran in time that nobody has bought"
            assert thinks[0].service is Service.THOUGHT
        self.rows.append((sum(entry.seq.pending for entry in work) - sum(e.seq.pending for e in thinks),
                          sum(entry.seq.pending for entry in thinks)))  # fmt: skip
        for entry in work:
            entry.seq.computed = len(entry.seq.symbols)  # type: ignore[misc]
            self.mind.ran(entry.lane)
        for entry in work:
            assert entry.lane is not None
            for message in self.mind.accept(entry.lane, next_token(list(entry.seq.symbols))):
                self.said.append((self.now_ms, message))
                if isinstance(message, Answer) and message.text.endswith("\n"):
                    self.voice.append(self.now_ms + VOICE_MS)

    def _play(self) -> None:
        """The playout loses a step's worth of speech, and gets the clauses whose voice is ready."""
        if self.bought_ms and self.bought_ms < STEP_MS and (self.done is None or self.voice):
            self.starved += 1
        self.bought_ms = max(0.0, self.bought_ms - STEP_MS)
        ready = [at for at in self.voice if at <= self.now_ms]
        self.voice = self.voice[len(ready) :]
        self.bought_ms += CLAUSE_MS * len(ready)
        if ready or self.now_ms % REPORT_MS == 0:
            self.told_ms = self.bought_ms
            self.mind.played(1, 1, round(self.bought_ms))

    def first(self, kind: type) -> int:
        return next(at for at, message in self.said if isinstance(message, kind))

    def thoughts(self, *, while_speaking: bool) -> int:
        return sum(m.tokens for _, m in self.said if isinstance(m, Thought) and m.while_speaking is while_speaking)

    @property
    def clauses(self) -> list[str]:
        return "".join(m.text for _, m in self.said if isinstance(m, Answer)).split()


def test_a_long_thought_goes_on_while_its_answer_is_spoken() -> None:
    run = Run(PLAN).to_the_end()
    assert run.first(Answer) - DEADLINE_MS <= 2 * STEP_MS, "the answer begins at the deadline"
    before = DEADLINE_MS // STEP_MS - 1
    assert run.thoughts(while_speaking=False) == before
    assert run.thoughts(while_speaking=True) == THOUGHT_TOKENS - before
    assert run.done is not None and run.done.reason == "stop" and run.done.thought_tokens == THOUGHT_TOKENS
    assert [len(clause) for clause in run.clauses] == [CLAUSE_LETTERS] * CLAUSES
    seen = [LETTERS.index(clause[0]) * PER_LETTER for clause in run.clauses]
    assert seen == sorted(seen) and seen[0] == 20 and seen[-1] == THOUGHT_TOKENS, seen
    assert run.starved == 0, "speech ran dry while there was time to think"


def test_thinking_that_is_over_lets_the_answer_run_to_its_end() -> None:
    run = Run(PLAN).to_the_end()
    last_thought = max(at for at, m in run.said if isinstance(m, Thought))
    rest = [(at, m) for at, m in run.said if at > last_thought and isinstance(m, Answer)]
    assert len(rest) > CLAUSE_LETTERS
    assert rest[-1][0] - rest[0][0] == STEP_MS * (len(rest) - 1), "a token in every step"


def test_nothing_is_thought_in_time_that_is_not_bought() -> None:
    """Without a word of the playout the answer runs to its end with the thought it has."""
    run = Run(PLAN)
    run.voice = []
    run._play = lambda: None  # type: ignore[method-assign]
    run.to_the_end()
    assert run.done is not None and run.thoughts(while_speaking=True) == 0
    assert all(think == 0 for _, think in run.rows)


@pytest.mark.parametrize(
    ("order", "before"), [(Order.SPEAK_FIRST, 0), (Order.THINK_FIRST, 20), (Order.THINK_BEFORE, THOUGHT_TOKENS)]
)
def test_the_order_says_how_much_is_thought_before_the_first_word(order: Order, before: int) -> None:
    run = Run(ThinkingPlan(order, segment_tokens=20), deadline_ms=None).to_the_end()
    assert run.thoughts(while_speaking=False) == before
    assert run.thoughts(while_speaking=True) == THOUGHT_TOKENS - before
    assert run.done is not None and run.starved == 0
    first = LETTERS.index(run.clauses[0][0]) * PER_LETTER
    assert first == before and LETTERS.index(run.clauses[-1][0]) * PER_LETTER == THOUGHT_TOKENS


def test_an_answer_to_be_read_is_thought_through_before_it_begins() -> None:
    run = Run(ThinkingPlan(Order.SPEAK_FIRST, segment_tokens=20), deadline_ms=None, spoken=False).to_the_end()
    assert run.thoughts(while_speaking=False) == THOUGHT_TOKENS and run.thoughts(while_speaking=True) == 0


def test_the_speak_lane_is_laid_again_in_one_prefill_and_only_for_whole_segments() -> None:
    run = Run(PLAN).to_the_end()
    begun = DEADLINE_MS // STEP_MS + 2
    prefills = [speak for speak, _ in run.rows[begun:] if speak > 1]
    assert 3 <= len(prefills) <= THOUGHT_TOKENS // PLAN.segment_tokens
    # The thought is shared with the think lane: only the block's end and the answer so far are computed again.
    assert max(prefills) <= CLAUSES * (CLAUSE_LETTERS + 1) + 4


def test_a_thought_that_never_ends_stops_at_its_limit() -> None:
    run = Run(ThinkingPlan(Order.THINK_BEFORE, segment_tokens=20, max_tokens=60)).to_the_end()
    assert run.done is not None and run.done.thought_tokens == 60
    assert LETTERS.index(run.clauses[-1][0]) * PER_LETTER == 60


def test_an_end_waits_for_the_thought_and_stands_when_time_is_short() -> None:
    """The answer would end behind its first clause; while there is bought time the model is asked again."""
    run = Run(PLAN)
    while "\n" not in "".join(m.text for _, m in run.said if isinstance(m, Answer)):
        run.step()
    lane = next(entry.lane for entry in run.mind.work() if not isinstance(entry.lane, ThinkLane))
    assert lane is not None
    run.mind.played(1, 1, 1500)
    assert run.mind.accept(lane, SPECIAL.im_end) == [] and run.done is None
    assert [entry.service for entry in run.mind.work()] == [Service.THOUGHT], "the speak lane waits"
    run.mind.played(1, 1, 900)
    (again,) = run.mind.work()
    assert again.lane is lane and again.seq.pending == 1
    (done,) = run.mind.accept(lane, SPECIAL.im_end)
    assert isinstance(done, Done) and done.reason == "stop"
    assert not list(run.mind.work())


@pytest.mark.parametrize("gone", ["cancel", "answer_heard", "start_turn", "close"])
def test_whatever_ends_the_answer_drops_both_lanes(gone: str) -> None:
    run = Run(PLAN)
    while not run.thoughts(while_speaking=True):
        run.step()
    lanes = [entry.lane for entry in run.mind.work()]
    assert any(isinstance(lane, ThinkLane) for lane in lanes)
    {
        "cancel": lambda: run.mind.cancel(1, "item", "aa"),
        "answer_heard": lambda: run.mind.answer_heard(1, "item"),
        "start_turn": lambda: run.mind.start_turn(2),
        "close": run.mind.close,
    }[gone]()
    assert len(run.memory.alive) == (0 if gone == "close" else 1), "only the trunk is left"
    assert all(not run.mind.accept(lane, NEWLINE) for lane in lanes if lane is not None)


def test_what_was_heard_stands_in_the_trunk_without_the_thought() -> None:
    run = Run(PLAN)
    while run.thoughts(while_speaking=True) < 100:
        run.step()
    run.mind.cancel(1, "item", "bbb")
    assert run.mind.trunk.last.symbols == tiny_dialect().text_item("assistant", "bbb …")
    assert SPECIAL.think not in run.mind.trunk.symbols


def test_without_room_thinking_gives_way_to_the_answer() -> None:
    run = Run(PLAN)
    while run.thoughts(while_speaking=True) < 10:
        run.step()
    assert run.mind.relieve() and not run.mind.relieve()
    run.to_the_end()
    assert run.done is not None and run.done.reason == "stop" and len(run.clauses) == CLAUSES
