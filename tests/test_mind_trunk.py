"""I4: lanes never leak. After any interleaving the trunk equals the committed history computed in one pass, to the
bit, and every block that is not on the trunk is free again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from realtime.decoder.decoder import Decoder
from realtime.decoder.sequence import Row, Symbol
from realtime.engine.messages import Answer
from realtime.mind import Order, ThinkingPlan, TurnState
from realtime.mind.lanes import AnswerLane, NoteLane, Phase
from realtime.mind.work import Lane
from tests.decoder_tiny import run_alone, tiny_decoder
from tests.mind_tiny import NEWLINE, SPECIAL, TinyVoice, encode, step, tiny_dialect, tiny_mind

BLOCK = 16
KV_TOKENS = 2048
DIALECT = tiny_dialect()
LETTER = encode("a")[0]
WORD = st.text("abcdefgh", min_size=1, max_size=6)
NOTE_TOKENS = st.one_of(st.integers(30, 55), st.sampled_from([SPECIAL.wait, SPECIAL.wait, SPECIAL.im_end]))
ANSWER_TOKENS = st.one_of(
    st.integers(30, 55),
    st.sampled_from([NEWLINE, SPECIAL.think_end, SPECIAL.im_end, SPECIAL.wait, SPECIAL.think]),
    st.just(encode("v")[0]),  # where a measured number is written behind it
)
VOICES = st.one_of(st.none(), st.sampled_from([100.0, 200.0, 300.0]).map(TinyVoice))


@cache
def decoders() -> tuple[Decoder, Decoder]:
    """One for the mind, one with the same weights for the single pass over the history."""
    return tiny_decoder(exact=False, kv_tokens=KV_TOKENS), tiny_decoder(exact=False, kv_tokens=KV_TOKENS)


class MindHistory(RuleBasedStateMachine):
    """`history` is the model: items as symbols, built from the rules alone."""

    @initialize(order=st.sampled_from(Order))
    def open(self, order: Order) -> None:
        self.decoder, self.fresh = decoders()
        assert self.decoder.pool.used == 0, "the last run leaked"
        self.decoder.cache.fill(float("nan"))
        # Segments of three tokens: a few steps are enough to lay an answer again.
        self.mind = tiny_mind(self.decoder, plan=ThinkingPlan(order, segment_tokens=3, max_tokens=40))
        self.history: list[tuple[str, list[Symbol]]] = [("system", DIALECT.text_item("system", "be brief"))]
        self.number = self.items = self.attempt = 0
        self.frames: list[Symbol] = []
        self.tail: list[Symbol] = []
        self.answer = ""
        self.state = "idle"  # idle, listening, tentative, answering

    # --- the model ------------------------------------------------------------------------------------------

    def new_item(self) -> str:
        self.items += 1
        return f"item_{self.items}"

    def settle(self, answer: str, item: str | None = None) -> None:
        if self.state == "answering" and answer:
            name = item or f"answer_{self.number}"
            self.history.append((name, DIALECT.text_item("assistant", answer)))
        self.state, self.frames, self.tail, self.answer = "idle", [], [], ""

    def heard(self, count: int) -> list[Symbol]:
        return self.decoder.frames.put(torch.randn(count, self.decoder.shape.width))

    def user_symbols(self) -> list[Symbol]:
        return [*DIALECT.audio_open(), *self.frames, *self.tail, *DIALECT.audio_close()]

    # --- a spoken turn --------------------------------------------------------------------------------------

    @rule()
    def start_turn(self) -> None:
        self.settle(self.answer)
        self.number += 1
        self.attempt = 0
        self.mind.start_turn(self.number)
        self.state = "listening"

    @precondition(lambda self: self.state == "listening")
    @rule(count=st.integers(1, 6))
    def hear(self, count: int) -> None:
        frames = self.heard(count)
        self.frames += frames
        self.mind.hear(frames, 80 * len(self.frames))

    @precondition(lambda self: self.state == "listening")
    @rule(count=st.integers(0, 3), respond=st.booleans(), voice=VOICES)
    def end_turn(self, count: int, respond: bool, voice: TinyVoice | None = None) -> None:
        self.attempt += 1
        self.tail = self.heard(count) if count else []
        self.mind.end_turn(self.attempt, self.tail, 80 * len(self.frames), voice=voice, respond=respond, max_tokens=12)
        self.state = "tentative"

    @precondition(lambda self: self.state == "listening" and self.mind.may_rehearse)
    @rule(count=st.integers(0, 3), voice=VOICES)
    def rehearse(self, count: int, voice: TinyVoice | None) -> None:
        """Nobody hears a rehearsal: no history, no message, no block and no frame remains of it."""
        self.mind.rehearse(self.heard(count) if count else [], 80 * len(self.frames), voice=voice)

    @precondition(lambda self: self.state == "tentative")
    @rule(stale=st.booleans())
    def revoke(self, stale: bool) -> None:
        self.mind.revoke(self.attempt - stale)
        if not stale:
            self.tail, self.answer, self.state = [], "", "listening"

    @precondition(lambda self: self.state == "tentative")
    @rule()
    def commit(self) -> None:
        item = self.new_item()
        self.history.append((item, self.user_symbols()))
        self.mind.commit(self.attempt, item)
        self.state = "answering"

    @precondition(lambda self: self.state in ("listening", "tentative"))
    @rule()
    def discard(self) -> None:
        self.mind.discard_turn(self.number)
        self.state = "idle"
        self.settle("")

    @precondition(lambda self: self.state in ("tentative", "answering"))
    @rule(heard=st.one_of(st.just(""), WORD))
    def barge_in(self, heard: str) -> None:
        """Cancel, also of an attempt that was never committed: what the user said stays."""
        if self.state == "tentative":
            self.history.append((f"turn_{self.number}", self.user_symbols()))
        self.state = "answering"
        item = self.new_item()
        self.mind.cancel(self.number, item, heard)
        self.settle(DIALECT.interrupted(heard), item)

    @precondition(lambda self: self.state == "answering")
    @rule()
    def answer_heard(self) -> None:
        item = self.new_item()
        self.mind.answer_heard(self.number, item)
        self.settle(self.answer, item)

    @rule(attempt=st.integers(0, 3))
    def deadline(self, attempt: int) -> None:
        self.mind.pass_deadline(attempt)

    @rule(attempt=st.integers(0, 3), bought_ms=st.sampled_from([0, 1500, 5000]))
    def played(self, attempt: int, bought_ms: int) -> None:
        self.mind.played(self.number, attempt, bought_ms)

    @precondition(lambda self: self.state in ("listening", "tentative", "answering"))
    @rule(bought_ms=st.lists(st.sampled_from([0, 1500, 5000]), min_size=6, max_size=12), end=st.booleans())
    def think_while_speaking(self, bought_ms: list[int], end: bool) -> None:
        """The answer begins at the deadline; then both lanes write for a while, at some pace of the playout."""
        self.mind.pass_deadline(self.attempt)

        def choose(lane: Lane) -> int:
            if isinstance(lane, AnswerLane) and lane.phase is not Phase.ANSWERING:
                return NEWLINE
            return SPECIAL.wait if isinstance(lane, NoteLane) else LETTER

        if self.state == "listening":
            self.end_turn(count=2, respond=True)
        for number, bought in enumerate(bought_ms):
            self.mind.played(self.number, self.attempt, bought)
            if number == len(bought_ms) - 1 and end:
                self.write(lambda lane: SPECIAL.im_end)
            else:
                self.write(choose)

    @rule()
    def blocks_are_short(self) -> None:
        self.mind.relieve()

    # --- text and edits -------------------------------------------------------------------------------------

    @precondition(lambda self: self.state in ("idle", "answering"))
    @rule()
    def respond(self) -> None:
        self.settle(self.answer)
        self.number += 1
        self.attempt = 1
        self.mind.respond(self.number, 1, max_tokens=12)
        self.state = "answering"

    @precondition(lambda self: self.state == "idle")
    @rule(text=WORD, role=st.sampled_from(["user", "system", "assistant"]), first=st.booleans())
    def put_text(self, text: str, role: str, first: bool) -> None:
        item = self.new_item()
        self.mind.put_text(item, role, text, "root" if first else None)
        self.history.insert(1 if first else len(self.history), (item, DIALECT.text_item(role, text)))

    @precondition(lambda self: self.state == "idle" and len(self.history) > 1)
    @rule(data=st.data())
    def drop_item(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(1, len(self.history) - 1))
        self.mind.drop_item(self.history.pop(at)[0])

    @rule(text=WORD)
    def instruct(self, text: str) -> None:
        self.mind.instruct(text)
        self.history[0] = ("system", DIALECT.text_item("system", text))

    # --- decoding -------------------------------------------------------------------------------------------

    @rule(data=st.data(), count=st.integers(1, 6))
    def think(self, data: st.DataObject, count: int) -> None:
        def choose(lane: Lane) -> int:
            return data.draw(NOTE_TOKENS if isinstance(lane, NoteLane) else ANSWER_TOKENS)

        for _ in range(count):
            self.write(choose)

    def write(self, choose: Callable[[Lane], int]) -> None:
        for message in step(self.decoder, self.mind, choose):
            if isinstance(message, Answer):
                self.answer += message.text

    # --- I4 -------------------------------------------------------------------------------------------------

    def committed(self) -> list[Symbol]:
        symbols = [symbol for _, item in self.history for symbol in item]
        if self.state in ("listening", "tentative"):
            symbols += [*DIALECT.audio_open(), *self.frames]
        return symbols

    @invariant()
    def trunk_is_the_committed_history(self) -> None:
        if not hasattr(self, "mind"):
            return
        assert list(self.mind.trunk.seq.symbols) == self.committed()
        assert (self.mind.turn is None) == (self.state == "idle")
        if self.mind.turn is not None and self.state == "tentative":
            assert self.mind.turn.state is TurnState.TENTATIVE

    def teardown(self) -> None:
        if not hasattr(self, "mind"):
            return
        if self.state in ("listening", "tentative"):
            self.discard()
        elif self.state == "answering":
            self.barge_in("")
        while step(self.decoder, self.mind, lambda lane: SPECIAL.wait) or self.mind.trunk.seq.pending:
            pass
        seq = self.mind.trunk.seq
        # Whatever is not on the trunk is free again.
        assert self.decoder.pool.used == len(seq.blocks)
        # The continuation is that of one pass over the history in a fresh cache, to the bit.
        probe = self.decoder.fork(seq)
        self.decoder.extend(probe, encode("x"))
        ours = self.decoder.step([Row(probe, 1, want_logits=True)])[0]
        self.decoder.drop(probe)
        symbols = [*self.committed(), *encode("x")]
        frames = [symbol for symbol in symbols if symbol < 0]
        moved = (
            dict(zip(frames, self.fresh.frames.put(self.decoder.frames.gather(frames)), strict=True)) if frames else {}
        )
        theirs = run_alone(self.fresh, [moved.get(symbol, symbol) for symbol in symbols])
        self.fresh.frames.drop(list(moved.values()))
        assert ours is not None and torch.equal(ours[0], theirs)
        self.mind.close()
        assert self.decoder.pool.used == 0
        assert len(self.decoder.frames) == 0, "frames of a history that is gone were kept"


TestMindHistory = MindHistory.TestCase
TestMindHistory.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_a_long_conversation_forgets_its_oldest_items_and_leaks_nothing() -> None:
    """Down to half of the limit, never the system item; what is left is computed as one pass would."""
    decoder, _ = decoders()
    assert decoder.pool.used == 0
    limit = 120
    mind = tiny_mind(decoder, max_history_symbols=limit)
    lengths = []
    for number in range(1, 9):
        mind.start_turn(number)
        mind.hear(decoder.frames.put(torch.randn(6, decoder.shape.width)), 480)
        mind.end_turn(1, [], 480, max_tokens=4)
        mind.commit(1, f"item_{number}")
        for _ in range(30):
            step(decoder, mind, lambda lane: SPECIAL.wait if isinstance(lane, NoteLane) else NEWLINE)
        mind.answer_heard(number, f"answer_item_{number}")
        lengths.append(sum(len(item.symbols) for item in mind.trunk.items))
    assert max(lengths) <= limit and min(lengths[3:]) <= limit // 2
    assert mind.trunk.items[0].id == "system" and mind.trunk.items[-1].id.endswith("_8")
    while mind.trunk.seq.pending:
        step(decoder, mind, lambda lane: SPECIAL.wait)
    kept = [symbol for item in mind.trunk.items for symbol in item.symbols]
    assert list(mind.trunk.seq.symbols) == kept
    assert len(decoder.frames) == sum(symbol < 0 for symbol in kept)
    assert decoder.pool.used == len(mind.trunk.seq.blocks)
    mind.close()
    assert decoder.pool.used == 0 and len(decoder.frames) == 0
