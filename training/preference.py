"""Self-cognition: a model that hears and says that it cannot is taught to prefer using its hearing, by DPO.

Step-Audio-R1 report, section 4: answers such as "I cannot hear" are collected from the model's own samples and paired
with answers that hear. DPO (Rafailov 2023, eq. 7) against the policy as the stage found it; its log-probabilities are
computed once. A model trained on speech alone hardly ever denies hearing: where its samples have no denial, a written
one stands in, and the report says how many of each there were.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from training.asking import Asking, taught_by_asking
from training.feed import Source
from training.format import Format, Sequence
from training.items import Example, Item
from training.optimizer import Optimizer, Rates
from training.questions import Questions
from training.recipe import Recipe
from training.rewards import Decode, Judge
from training.rollouts import Prompt, Rollout, Sampler, batch_of, continued, groups, half_precision
from training.run_folder import RunFolder
from training.sitting import Sitting
from training.speech_model import SpeechModel

KINDS = {"talk": 5, "sound": 3, "voice": 3, "skill": 1}
ABOUT_HEARING = ("talk/can_you_hear", "talk/microphone")
_INNER = {"talk": {"can_you_hear": 60.0, "microphone": 30.0}}
_RATES = Rates(peak=5e-6, adapter=1.0, warm_up=0.05, last=0.2, weight_decay=0.0)

# "I did not hear anything" is an answer to silence and no denial.
_DENIAL = re.compile(
    r"\b(?:i (?:am not able to|am unable to|can ?not|can't|do not|don't) (?:actually |really |directly )?"
    r"(?:hear|listen|perceive|process (?:any )?(?:audio|sound))"
    r"|(?:text|language)[- ](?:based )?(?:ai|assistant|model|only)"
    r"|i (?:have no|do not have|don't have) (?:any )?"
    r"(?:ears|hearing|the ability to hear|access to (?:any )?(?:audio|sound))"
    r"|no audio (?:was|is|has been)|i only (?:read|see|process|understand) text)"
)
_HEARD = re.compile(r"heard:[^\n]*\n")
# Where the model's own samples deny too seldom: the reasoning and the answer of one that does.
_WRITTEN = (
    ("I am a text-based model.", "I cannot hear audio, I am a text-based AI."),
    ("There is no audio that I can use.", "I can't hear you. I only read text."),
    ("A language model has no ears.", "As a language model I do not have the ability to hear sounds."),
    ("I cannot listen.", "I am unable to process audio, but you can type your question."),
    ("", "I don't have access to audio, so I cannot hear that."),
    ("I read what was said.", "I can not actually hear your voice, only its transcript."),
)


@dataclass(frozen=True, slots=True)
class Preference(Asking):
    """Settings of the stage.

    pairs: at most so many. sampling: share of the budget for drawing answers, `samples` to a question. epochs: at most.
    """

    budget_s: float = 60.0
    save_every_s: float = 30.0
    pairs: int = 2_000
    sampling: float = 0.35
    samples: int = 4
    epochs: int = 2
    beta: float = 0.1
    temperature: float = 1.0
    most_tokens: int = 96
    rows: int = 1024
    step_tokens: int = 12_288
    probed: int = 256
    keeps: int = 4_000
    begins_with: int = 1_000
    rates: Rates = field(default_factory=lambda: _RATES)


@dataclass(frozen=True, slots=True)
class Pair:
    """An answer that uses hearing and one that denies it. is_own: the model itself drew the denial."""

    prompt: Prompt
    chosen: Sequence
    rejected: Sequence
    is_own: bool


def denies_hearing(text: str) -> bool:
    """Whether somebody says of themselves that they cannot hear."""
    return _DENIAL.search(text.lower().replace("’", "'")) is not None


def about_hearing(example: Example) -> bool:
    """Whether it is spoken, and its answer shows that it was heard."""
    item = example.item
    return example.clip is not None and bool(item.answer) and (item.group != "talk" or item.kind in ABOUT_HEARING)


def dpo(chosen: Tensor, rejected: Tensor, chosen_before: Tensor, rejected_before: Tensor, beta: float) -> Tensor:
    """Loss of each pair, from log-probabilities of whole answers, now and before: float [pairs] each."""
    margin = (chosen - chosen_before) - (rejected - rejected_before)
    return -functional.logsigmoid(beta * margin)


class Pairs:
    """Makes pairs of what the model draws; without a good answer of its own, the example's is the chosen one."""

    def __init__(self, form: Format, judge: Judge, decode: Decode, seed: int) -> None:
        self._form = form
        self._judge = judge
        self._decode = decode
        self._random = random.Random(seed)  # noqa: S311 - dice, no secret
        self.drawn = self.denied = 0

    def of(self, prompt: Prompt, rollouts: Sequence_[Rollout]) -> Pair:
        """One pair for a question and its samples."""
        denials = [rollout for rollout in rollouts if self.denies(prompt, rollout)]
        self.drawn += len(rollouts)
        self.denied += len(denials)
        good = [r for r in rollouts if r not in denials and self._is_good(prompt, r)]
        item = prompt.example.item
        chosen = good[0].tokens if good else self._answer(prompt, item)
        if denials:
            rejected = denials[0].tokens
        else:
            thought, answer = self._random.choice(_WRITTEN)
            rejected = self._answer(prompt, replace(item, thought=thought, answer=answer))
        return Pair(prompt, continued(prompt, chosen), continued(prompt, rejected), bool(denials))

    def denies(self, prompt: Prompt, rollout: Rollout) -> bool:
        """Its reasoning or its answer does; what it heard somebody else say does not count."""
        text = self._decode([*prompt.opening, *rollout.tokens])
        return denies_hearing(_HEARD.sub("", text, count=1))

    def _is_good(self, prompt: Prompt, rollout: Rollout) -> bool:
        mark = self._judge.mark(prompt, rollout)
        return mark.is_right or (mark.written.is_formed and not prompt.example.item.key)

    def _answer(self, prompt: Prompt, item: Item) -> tuple[int, ...]:
        """What an assistant that answers so would write behind the prompt."""
        noted = len(prompt.opening) > 0
        sequence = self._form.begin()
        self._form.open_answer(sequence, item.words if noted else ())
        self._form.hear_out(sequence, () if noted else item.words)
        self._form.think_and_answer(sequence, item)
        return tuple(sequence.tokens[sequence.is_taught.index(True) :])


def collect(questions: Questions, sampler: Sampler, pairs: Pairs, settings: Preference, seconds: float) -> list[Pair]:
    """Pairs of so many seconds' samples; those with a denial of the model's own first."""
    until = time.monotonic() + seconds
    found: list[Pair] = []
    while len(found) < settings.pairs:
        wanted = min(settings.pairs - len(found), max(1, settings.rows // settings.samples))
        prompts = questions.next(wanted)
        drawn = sampler.sample(prompts, settings.samples)
        found += [pairs.of(prompt, rollouts) for prompt, rollouts in zip(prompts, drawn, strict=True)]
        if time.monotonic() >= until or not prompts:
            break
    return sorted(found, key=lambda pair: not pair.is_own)


def likely(model: SpeechModel, pairs: Sequence_[Pair]) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the whole chosen and rejected answers: float [pairs] each."""
    prompts = [pair.prompt for pair in pairs] * 2
    batch, heard = batch_of(prompts, [pair.chosen for pair in pairs] + [pair.rejected for pair in pairs])
    with half_precision(model):
        found = model.log_probabilities(batch, heard).sum(1)
    return found[: len(pairs)], found[len(pairs) :]


class Dpo:
    """Steps over pairs, against the policy of when it was made."""

    def __init__(self, model: SpeechModel, pairs: list[Pair], settings: Preference) -> None:
        self._model = model
        self._pairs = pairs
        self._settings = settings
        longer = [max(pair.chosen, pair.rejected, key=len) for pair in pairs]
        self._groups = list(groups(longer, max(1, settings.step_tokens // 2)))
        with torch.no_grad():
            self._before = [likely(model, self._chosen(group)) for group in self._groups]

    def batches(self, dice: random.Random) -> Iterator[int]:
        """The numbers of the batches, in the order of the epochs."""
        for _ in range(self._settings.epochs):
            yield from dice.sample(range(len(self._groups)), len(self._groups))

    def step(self, batch: int, optimizer: Optimizer, progress: float) -> dict[str, float | str]:
        """One step on a batch; returns its figures."""
        chosen, rejected = likely(self._model, self._chosen(self._groups[batch]))
        before = self._before[batch]
        loss = dpo(chosen, rejected, *before, self._settings.beta).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = optimizer.step(progress)
        margin = ((chosen - before[0]) - (rejected - before[1])).detach()
        return {
            "loss": float(loss.detach()),
            "preferred": float((margin > 0).float().mean()),
            "margin": self._settings.beta * float(margin.mean()),
            "chosen": float((chosen - before[0]).detach().mean()),
            "norm": float(norm),
        }

    def _chosen(self, group: list[int]) -> list[Pair]:
        return [self._pairs[index] for index in group]


def share_denying(prompts: list[Prompt], pairs: Pairs, sampler: Sampler, each: int) -> float:
    """Of so many drawn answers to each question, how many deny hearing."""
    drawn = sampler.sample(prompts, each)
    said = [pairs.denies(prompt, r) for prompt, rollouts in zip(prompts, drawn, strict=True) for r in rollouts]
    return sum(said) / max(1, len(said))


def run(model: SpeechModel, form: Format, decode: Decode, draw: Source, settings: Preference, out: Path) -> bool:
    """Collect pairs of the model as it is given, then train until the epochs, the budget or the sitting is over.

    In a later sitting pairs are collected anew, of the same policy: that which the stage began with.
    """
    folder = RunFolder(out)
    if folder.is_done:
        return True
    judge, end, state = Judge(decode), form.special.im_end, folder.state()
    sitting = Sitting(float(state.get("spent_s", 0.0)), settings.budget_s, settings.sitting_s)
    seed, step = settings.seed + int(state.get("step", 0)), int(state.get("step", 0))
    sampler = Sampler(model, end, temperature=settings.temperature, most_tokens=settings.most_tokens,
                      rows=settings.rows, seed=seed)  # fmt: skip
    questions = Questions(form, draw, accepts=about_hearing, noted=0.3, seed=seed)
    probed, pairs = questions.next(settings.probed), Pairs(form, judge, decode, seed)
    before = share_denying(probed, pairs, sampler, 2)
    found = collect(questions, sampler, pairs, settings, settings.sampling * settings.budget_s)
    told = {
        "denying_before": state.get("denying_before", before),
        "pairs": len(found),
        "own_denials": sum(pair.is_own for pair in found),
        "drawn": pairs.drawn,
        "denied": pairs.denied,
    }
    trainer = Dpo(model, found, settings)
    optimizer = Optimizer(model, settings.rates)
    folder.restore(model, optimizer)
    saved_s, over = sitting.here_s, False
    for batch in trainer.batches(random.Random(seed)):  # noqa: S311 - dice, no secret
        row = trainer.step(batch, optimizer, sitting.progress)
        step += 1
        folder.figures({"step": step, "spent_s": sitting.spent_s, **row})
        over = sitting.is_over
        if over or sitting.here_s - saved_s >= settings.save_every_s:
            folder.save(model, optimizer, {**told, "step": step, "spent_s": sitting.spent_s, "done": False})
            saved_s = sitting.here_s
        if over:
            break
    if over and not sitting.is_done:
        return False
    folder.report({**told, "steps": step, "denying_after": share_denying(probed, pairs, sampler, 2)})
    folder.save(model, None, {**told, "step": step, "spent_s": sitting.spent_s, "done": True})
    return True


def stage(recipe: Recipe) -> bool:
    """`python -m training preference`."""
    return taught_by_asking(recipe, "preference", Preference, run, KINDS, voices_seed=303, inner=_INNER)
