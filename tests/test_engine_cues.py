"""Measured cues from samples to words: what the encoder's meter reads stands in the thought, evaluated and served."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch

from realtime.clock import FakeClock
from realtime.decoder import Decoder, Row
from realtime.engine import messages as m
from realtime.engine.core import EngineCore
from realtime.engine.dialect import seed_dialect
from realtime.mind import Order, ThinkingPlan
from streaming_encoder import AudioConfig, AudioModel
from streaming_encoder.prosody import WIDTH
from tests.decoder_tiny import EMBEDDED_MODEL
from tests.encoder_reference import small_config
from tests.test_encoder_voice_meter import spoken
from training.checkpoint import load_format
from training.evaluation.dialogue import Chosen, Dialogue
from training.evaluation.trial import Manner, Trial
from training.items import Clip, Example, Item

GUESSED = " 330"
LINE, BEFORE, BEHIND = " is my voice high\n", "The voice is about", " hertz, so I know.\n"
ANSWER = "I know."

Step = Callable[[Sequence[Row]], list[torch.Tensor | None]]


def scripted(decoder: Decoder) -> Step:
    """`Decoder.step` whose logits are of a model that consults its ear, and guesses 330 Hz where it must."""
    compute, encode, special = decoder.step, decoder.tokenizer.encode, decoder.tokenizer.special
    opening = encode("\nheard:")
    line, before, behind, guessed = (encode(text) for text in (LINE, BEFORE, BEHIND, GUESSED))
    number = {token for text in (" 1", "0 2 3 4 5 6 7 8 9") for token in encode(text)}
    rest = [*behind, special.think_end, *encode("\n"), *encode(ANSWER), special.im_end]

    def chosen(symbols: list[int]) -> int:
        if special.think not in symbols:
            return special.wait
        written = symbols[len(symbols) - symbols[::-1].index(special.think) + len(opening) :]
        head = [*line, *before]
        if len(written) < len(head):
            return head[len(written)]
        tail = written[len(head) :]
        digits = next((at for at, token in enumerate(tail) if token not in number), len(tail))
        if digits == len(tail) and tail == guessed[:digits] and digits < len(guessed):
            return guessed[digits]
        return [*rest, *[special.im_end] * len(tail)][len(tail) - digits]  # a guess may lie behind the end

    def step(rows: Sequence[Row]) -> list[torch.Tensor | None]:
        wanted = [[*row.seq.symbols[: row.seq.computed + row.count]] for row in rows]
        out = compute(rows)
        found: list[torch.Tensor | None] = []
        for logits, symbols, row in zip(out, wanted, rows, strict=True):
            if logits is None:
                found.append(None)
                continue
            found.append(torch.zeros(logits.shape))
            for place, of in enumerate(found[-1]):
                of[chosen([*symbols, *row.guess[:place]])] = 9.0
        return found

    return step


def audio_model(prosody: int) -> AudioModel:
    config = small_config()
    config["adapter"].update(prosody=prosody, input=32 + prosody, output=576)
    torch.manual_seed(0)
    model = AudioModel(AudioConfig.parse(config))
    torch.nn.init.normal_(model.encoder.pos)
    return model.requires_grad_(False).eval()


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder.load(EMBEDDED_MODEL, kv_tokens=2048, threads=1)
    decoder.step = scripted(decoder)  # type: ignore[method-assign,assignment]
    yield decoder
    assert decoder.pool.used == 0 and len(decoder.frames) == 0


class Talk:
    """An engine and one session of it."""

    def __init__(self, decoder: Decoder, prosody: int = WIDTH, rehearsal_interval_ms: int = 240) -> None:
        prompt = json.loads((EMBEDDED_MODEL / "config.json").read_text())["system_prompt"]
        self._core = EngineCore(
            audio_model(prosody), decoder, seed_dialect(decoder, prompt), FakeClock(),
            rehearsal_interval_ms=rehearsal_interval_ms, plan=ThinkingPlan(Order.THINK_BEFORE),
        )  # fmt: skip
        self._at = 0
        self.tell(m.OpenSession(session="s"))

    def tell(self, message: m.ToEngine) -> list[m.FromEngine]:
        said = self._core.handle(message)
        said += self._core.step()  # a rehearsal begins where there is no work
        while self._core.has_work:
            said += self._core.step()
        return said

    def begin(self, turn: int) -> None:
        self._at = 0
        self.tell(m.StartTurn(session="s", turn=turn, at_sample=0))

    def speak(self, turn: int, pcm: np.ndarray, hop: int = 512) -> list[m.FromEngine]:
        said: list[m.FromEngine] = []
        for start in range(0, len(pcm), hop):
            part = pcm[start : start + hop]
            said += self.tell(m.Audio(session="s", turn=turn, at_sample=self._at, pcm=part.tobytes()))
            self._at += len(part)
        return said

    def end(self, turn: int, attempt: int) -> list[m.FromEngine]:
        return self.tell(m.EndTurn(session="s", turn=turn, attempt=attempt, at_sample=self._at, max_tokens=12))

    def close(self) -> None:
        self.tell(m.CloseSession(session="s"))


def thought(number: str) -> str:
    return f"{BEFORE}{number}{BEHIND}"


def thought_of(said: list[m.FromEngine]) -> str:
    return "".join(message.text for message in said if isinstance(message, m.Thought))


def answer_of(said: list[m.FromEngine]) -> str:
    return "".join(message.text for message in said if isinstance(message, m.Answer)).strip()


@pytest.mark.parametrize("rehearsal_interval_ms", [0, 240])
def test_a_thought_states_what_was_measured_in_its_own_turn(decoder: Decoder, rehearsal_interval_ms: int) -> None:
    talk = Talk(decoder, rehearsal_interval_ms=rehearsal_interval_ms)
    for turn, (hz, number) in enumerate([(210.0, " 210"), (120.0, " 120"), (331.0, " 330")], 1):
        talk.begin(turn)
        foreseen = [message for message in talk.speak(turn, spoken(hz, 0.5)) if isinstance(message, m.Foreseen)]
        assert [(message.turn, message.text.strip()) for message in foreseen] == [(turn, ANSWER)] * bool(
            rehearsal_interval_ms
        ), "of all that was rehearsed, how the answer begins is told, once"
        said = talk.end(turn, 1)
        assert (thought_of(said), answer_of(said)) == (thought(number), ANSWER)
        talk.tell(m.Commit(session="s", turn=turn, attempt=1, item=f"item_{turn}"))
        talk.tell(m.AnswerHeard(session="s", turn=turn, item=f"answer_{turn}"))
    talk.close()


def test_behind_a_revoked_end_the_whole_turn_is_measured(decoder: Decoder) -> None:
    talk = Talk(decoder)
    talk.begin(1)
    talk.speak(1, spoken(120, 0.5, seconds=1.0))
    assert thought_of(talk.end(1, 1)) == thought(" 120")
    talk.tell(m.Revoke(session="s", turn=1, attempt=1))
    talk.speak(1, spoken(240, 0.5, seconds=4.0))
    assert thought_of(talk.end(1, 2)) == thought(" 240")
    talk.close()


def test_without_a_measurement_the_model_says_what_it_believes(decoder: Decoder) -> None:
    for talk, pcm in [(Talk(decoder, prosody=0), spoken(210, 0.5)), (Talk(decoder), np.zeros(32_000, np.int16))]:
        talk.begin(1)
        talk.speak(1, pcm)
        assert thought_of(talk.end(1, 1)) == thought(GUESSED)
        talk.close()


@pytest.mark.parametrize(("cues", "number"), [(True, " 210"), (False, GUESSED)])
def test_an_evaluation_writes_what_the_engine_writes(decoder: Decoder, cues: bool, number: str) -> None:
    dialogue = Dialogue(audio_model(WIDTH), decoder, load_format(EMBEDDED_MODEL))
    clip = Clip(spoken(210, 0.5), (), "x", "x")
    steps = dialogue.steps(Trial("x", Example(Item("voice/pitch", "", ""), clip)), Manner(chunk_frames=32, cues=cues))
    want = next(steps)
    while True:
        lane = want.lane
        logits = decoder.step([Row(lane, lane.pending, want_logits=want.token)])[0]
        try:
            want = steps.send(Chosen() if logits is None else Chosen(int(logits[-1].argmax())))
        except StopIteration as end:
            reply = end.value
            break
    assert (reply.thought, reply.answer) == (thought(number).strip(), ANSWER)
