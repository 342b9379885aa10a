"""What answers are worth, and which reasonings rest on the sound."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training_small_talker import clip, decode, encode, pitch_example, small_format, sum_example
from training.data.texts import sound, voice
from training.grounding import Tolerance, grounding
from training.items import Example, Item
from training.rewards import Judge, Weights, can_be_verified, is_right, read
from training.rollouts import Rollout, continued, prompt_of

SPOKEN = (
    "<think>\nheard: is my voice high or low\nThe voice is about 120 hertz, which is low.\n</think>\n"
    "Your voice is low.<|im_end|>"
)


def test_a_whole_answer_is_read_into_its_parts() -> None:
    written = read(SPOKEN, is_spoken=True)
    assert written.is_formed
    assert written.heard == "is my voice high or low"
    assert written.reasoning == "The voice is about 120 hertz, which is low."
    assert written.answer == "Your voice is low."


@pytest.mark.parametrize(
    "text",
    [
        SPOKEN.removesuffix("<|im_end|>"),  # cut
        SPOKEN.replace("</think>\n", ""),  # the thought never ends
        SPOKEN.replace("</think>", "</think>\n</think>"),  # or twice
        SPOKEN.replace("heard: is my voice high or low\n", ""),  # nothing was heard
        SPOKEN.replace("<think>\n", ""),
        SPOKEN.replace("Your voice is low.", ""),
        SPOKEN + "more",
        "",
    ],
)
def test_what_is_not_in_the_format_has_no_parts(text: str) -> None:
    written = read(text, is_spoken=True)
    assert not written.is_formed and written.answer == written.reasoning == ""


def test_a_typed_turn_has_no_line_of_what_was_heard() -> None:
    assert read("<think>\n2 + 2 = 4.\n</think>\nFour.<|im_end|>", is_spoken=False).reasoning == "2 + 2 = 4."
    assert read("<think>\n</think>\nFour.<|im_end|>", is_spoken=False).is_formed
    assert not read(SPOKEN, is_spoken=False).is_formed


@given(st.text())
def test_reading_never_fails(text: str) -> None:
    for is_spoken in (True, False):
        assert read(text, is_spoken=is_spoken).is_formed in (True, False)


def test_right_is_the_key_as_words() -> None:
    item = sum_example().item
    assert is_right(item, "Two plus two is 4.")
    assert is_right(item, "It is four!")
    assert not is_right(item, "It is fourteen.")
    assert not is_right(item, "It is twenty four.")
    air = Item("fact/known", "", "", key="nitrogen oxygen")
    assert is_right(air, "Air is mostly nitrogen and oxygen.")
    assert not is_right(air, "Oxygen and nitrogen.") and not is_right(air, "Nitrogen.")
    assert is_right(Item("fact/known", "", "", key="one two"), "Some have one hump, others two.")
    row = Item("skill/count", "", "", key="twenty five thirty thirty five")
    assert is_right(row, "Twenty five, thirty, thirty five.") and not is_right(row, "Twenty five, thirty.")
    third = Item("skill/divide", "", "", answer="Nine divided by three is three.", key="three")
    assert is_right(third, "Nine divided by three is three.") and is_right(third, "It is three.")
    assert not is_right(third, "Nine divided by three is two.")
    total = Item("skill/add", "", "", answer="Three plus sixty is sixty three.", key="sixty three")
    assert is_right(total, total.answer) and not is_right(total, "Three plus sixty is sixty.")
    assert not is_right(Item("talk/tea", "Tea?", "tea", answer="Tea is nice."), "Tea is nice.")


def test_who_names_every_answer_has_not_answered() -> None:
    item = pitch_example().item
    assert is_right(item, "Your voice is low.")
    assert not is_right(item, "Your voice is low, or high.")


def _rollout(text: str) -> Rollout:
    """Markers as the model writes them: one token each."""
    form = small_format()
    special = {"<think>": form.special.think, "</think>": form.special.think_end, "<|im_end|>": form.special.im_end}
    tokens: list[int] = []
    for piece in re.split(r"(</?think>|<\|im_end\|>)", text):
        tokens += [special[piece]] if piece in special else encode(piece)
    return Rollout(tuple(tokens), np.zeros(len(tokens), np.float32), True)


def test_the_reward_is_the_published_one() -> None:
    form, judge = small_format(), Judge(decode)
    prompt = prompt_of(form, pitch_example())
    worth = {
        SPOKEN: 1.0,
        SPOKEN.replace("is low.<", "is high.<"): 0.2,
        SPOKEN.replace("The voice is about 120 hertz, which is low.\n", ""): 0.8,
        SPOKEN.replace("</think>", ""): 0.0,
    }
    for text, expected in worth.items():
        assert judge.reward(prompt, judge.mark(prompt, _rollout(text))) == pytest.approx(expected)
    typed = prompt_of(form, sum_example())
    bare = judge.mark(typed, _rollout("<think>\n</think>\nFour.<|im_end|>"))
    assert judge.reward(typed, bare) == 1.0
    wrong = judge.mark(typed, _rollout("<think>\n2 + 2 = 5.\n</think>\nFive.<|im_end|>"))
    assert judge.reward(typed, wrong) == 0.0


def test_without_the_format_reward_only_right_counts() -> None:
    judge = Judge(decode, Weights(right=1.0, reasoned=0.0))
    prompt = prompt_of(small_format(), pitch_example())
    assert judge.reward(prompt, judge.mark(prompt, _rollout(SPOKEN.replace("is low.<", "is high.<")))) == 0.0


def test_the_lesson_of_an_example_is_a_perfect_answer_to_its_prompt() -> None:
    """What cold start teaches is what is rewarded; with notes, they count as written."""
    form, judge = small_format(), Judge(decode)
    for example in (pitch_example(), sum_example(), sum_example(typed=False)):
        for is_noted in (False, True):
            prompt = prompt_of(form, example, is_noted=is_noted)
            whole = form.begin()
            if example.clip is None:
                form.typed(whole, example.item.spoken)
                form.open_typed_answer(whole)
            else:
                form.spoken(whole, prompt.sequence.spans[0][1])
                form.open_answer(whole, example.item.words if is_noted else ())
                form.hear_out(whole, () if is_noted else example.item.words)
            form.think_and_answer(whole, example.item)
            tokens = whole.tokens[len(prompt.sequence) :]
            assert continued(prompt, tokens).tokens == whole.tokens
            mark = judge.mark(prompt, Rollout(tuple(tokens), np.zeros(len(tokens), np.float32), True))
            assert judge.reward(prompt, mark) == pytest.approx(1.0)


def test_questions_without_a_key_are_not_asked() -> None:
    assert can_be_verified(pitch_example())
    assert not can_be_verified(Example(Item("talk/just_said", "What did I say?", "what did i say", key="x"), clip(0.5)))


def _perceived(seed: int) -> Example:
    rng = np.random.default_rng(seed)
    low, high = sorted(rng.uniform(300, 2000, 2))
    item = [
        sound.counted(rng, "beep", int(rng.integers(1, 9))),
        sound.counted(rng, "clap", int(rng.integers(1, 9))),
        sound.swept(rng, low, high + 300),
        sound.background(rng, ("quiet", "noise", "music", "hum")[seed % 4]),
        sound.tone_order(rng, high + 300, low),
        sound.tone_length(rng, 0.4, 1.1),
        voice.item("pitch", "Is my voice high?", "low", 112.0),
        voice.item("rate", "Am I fast?", "slow", 1.7),
        voice.item("level", "Am I loud?", "quiet", -38.0),
        voice.item("sex", "Who am I?", "woman", 214.0),
    ][seed % 10]
    return Example(item, clip(0.2))


@pytest.mark.parametrize("seed", range(40))
def test_the_thoughts_that_the_data_gives_are_grounded(seed: int) -> None:
    example = _perceived(seed)
    assert grounding(example, example.item.thought, example.item.answer).holds, example.item


@pytest.mark.parametrize("seed", range(40))
def test_a_thought_about_words_is_not(seed: int) -> None:
    example = _perceived(seed)
    thought = "The user asks about a sound. I will answer."
    assert not grounding(example, thought, example.item.answer).cites


def test_a_cue_must_be_true_and_the_answer_follow() -> None:
    low = pitch_example(hz=120)
    near = grounding(low, "The voice is about 130 hertz, which is low.", "Your voice is low.")
    assert near.holds
    far = grounding(low, "The voice is about 220 hertz, which is low.", "Your voice is low.")
    assert far.cites and not far.is_true and not far.holds
    against = grounding(low, "The voice is about 120 hertz, which is high.", "Your voice is low.")
    assert against.is_true and not against.follows
    other_unit = grounding(low, "The voice is at about -20 decibels, which is low.", "Your voice is low.")
    assert not other_unit.cites


def test_a_row_of_beeps_must_be_as_long_as_it_was() -> None:
    rng = np.random.default_rng(0)
    example = Example(sound.counted(rng, "beep", 3), clip(0.2))
    assert grounding(example, "I heard: beep one, beep two, beep three.", "I heard three beeps.").holds
    assert not grounding(example, "I heard: beep one, beep three.", "I heard three beeps.").is_true
    assert not grounding(example, "I heard: beep one, beep two.", "I heard three beeps.").is_true
    assert not grounding(example, "I heard: beep one, beep two, beep three.", "I heard four beeps.").follows


def test_two_numbers_must_compare_as_the_answer_says() -> None:
    rng = np.random.default_rng(0)
    example = Example(sound.tone_order(rng, 900.0, 400.0), clip(0.2))
    assert grounding(example, example.item.thought, example.item.answer).holds
    swapped = "The first tone is about 400 hertz, the second about 900: the first is higher."
    assert not grounding(example, swapped, example.item.answer).is_true
    wrong = "The first tone is about 900 hertz, the second about 400: the second is higher."
    assert not grounding(example, wrong, "The second tone was higher.").follows


@given(st.floats(-500, 500), st.floats(-500, 500))
def test_a_tolerance_is_never_narrower_than_its_unit(cited: float, measured: float) -> None:
    if abs(cited - measured) <= 2:
        assert Tolerance(0.1, 2.0).holds(cited, measured)
    if abs(cited - measured) > max(2.0, 0.1 * abs(measured)) + 1e-6:
        assert not Tolerance(0.1, 2.0).holds(cited, measured)
