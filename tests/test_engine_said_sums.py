"""A sum that was said is the one that is calculated: in the engine's lane and in the evaluation's, typed and heard."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from realtime.decoder import Decoder
from realtime.engine.messages import Answer, Thought
from realtime.mind import Order
from realtime.mind.lanes import Phase
from tests.decoder_tiny import EMBEDDED_MODEL
from tests.test_engine_cues import audio_model
from tests.test_mind_cues import Model, frames, mind_over, text_of
from training.checkpoint import load_format
from training.evaluation.dialogue import Chosen, Dialogue
from training.evaluation.trial import Manner, Reply, Trial
from training.items import Clip, Example, Item

SAID = "one hundred thirty one minus thirty thank you"
ANSWER = "I know."
# What is heard or typed, what the model itself writes token by token, and the thought that comes of it.
CASES = [
    (SAID, "3.", "131 - 30 = 101."),  # a wrong sum begun: the one that was said
    (SAID, "1.", "131 - 30 = 101."),
    (SAID, "9.\n4 + 4 =.", "131 - 30 = 101.\n4 + 4 = 8."),  # the first line only
    (SAID, "The user wants me to repeat.", "The user wants me to repeat."),  # it does not calculate
    (SAID, "The user says 3 + 5.", "The user says 3 + 5."),
    ("take thirty from one hundred thirty one", "301 - 30 =.", "301 - 30 = 271."),  # laid out in another way
]


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder.load(EMBEDDED_MODEL, kv_tokens=2048, threads=1)
    yield decoder
    assert decoder.pool.used == 0 and len(decoder.frames) == 0


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize(("said", "written", "thought"), CASES)
def test_a_lane_calculates_the_sum_that_was_said(
    decoder: Decoder, order: Order, typed: bool, said: str, written: str, thought: str
) -> None:
    mind, model = mind_over(decoder, order), Model(decoder, f" {said}\n", f"{written}\n", ANSWER)
    if typed:
        mind.put_text("q", "user", said)
        mind.respond(1, 1)
    else:
        mind.start_turn(1)
        mind.end_turn(1, frames(decoder, 4), 320)
        mind.commit(1, "item")
    mind.played(1, 1, 60_000)  # there is time to think on
    told = model.run(decoder, mind)
    assert (text_of(told, Thought), text_of(told, Answer)) == (f"{thought}\n", ANSWER)
    mind.close()


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize(("said", "written", "thought"), CASES)
def test_an_evaluation_calculates_the_same(
    decoder: Decoder, typed: bool, said: str, written: str, thought: str
) -> None:
    clip = None if typed else Clip(np.zeros(16_000, np.int16), (), "x", "x")
    example = Example(Item("skill/subtract", said, said), clip)
    for cues, wanted in ((True, thought), (False, written)):
        manner = Manner(chunk_frames=32, listens=False, cues=cues)
        assert converse(decoder, example, manner, written).thought == wanted


def converse(decoder: Decoder, example: Example, manner: Manner, thought: str) -> Reply:
    dialogue = Dialogue(audio_model(0), decoder, load_format(EMBEDDED_MODEL))
    model = Model(decoder, f" {example.item.spoken}\n", f"{thought}\n", ANSWER)
    phases = [Phase.HEARING] * (example.clip is not None) + [Phase.THINKING, Phase.ANSWERING]
    end = {Phase.HEARING: decoder.tokenizer.encode("\n")[0], Phase.THINKING: decoder.tokenizer.special.think_end}
    steps = dialogue.steps(Trial("x", example), manner)
    want = next(steps)
    try:
        while True:
            token = model.next(phases[0]) if want.token else -1
            if token == end.get(phases[0]):
                del phases[0]
            want = steps.send(Chosen(token))
    except StopIteration as over:
        reply: Reply = over.value
        return reply
