"""Answers drawn from the model as it is: many samples a prompt, with the log-probability of every token drawn.

A prompt is a conversation up to where the assistant is to write. It is heard once, read once, and its cache copied for
each sample. What the samples are worth is not known here (`training.rewards`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Sequence_
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.format import Format, Sequence
from training.hearing import Heard
from training.items import Example
from training.network import Cache, Decoder
from training.speech_model import Batch, SpeechModel, collate

EMBEDDING_SAMPLES = 1280
# How often the finished samples are looked for: each look waits for the GPU.
_LOOK_EVERY = 8
# Copying the cache of those that go on is worth it once so few do.
_STILL_WRITING = 0.75
_HEARD_AT_ONCE = 64
# Not cuDNN's: it plans anew for every length, and a cache that grows has another length at every step.
_ATTENTION = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


@dataclass(slots=True)
class Prompt:
    """A conversation up to the assistant's words.

    opening: tokens of the assistant's turn that stand there already (the notes), the tail of `sequence`.
    frames, prosody: what the frozen encoder makes of the clip, [frames, width] and [embeddings, numbers]; see `listen`.
    """

    example: Example
    sequence: Sequence
    opening: tuple[int, ...] = ()
    frames: Tensor | None = None
    prosody: Tensor | None = None

    @property
    def clips(self) -> list[npt.NDArray[np.int16]]:
        return [self.example.clip.samples] if self.example.clip else []


@dataclass(frozen=True, slots=True, eq=False)
class Rollout:
    """One sample. log_probabilities: float32 [tokens] under the sampling policy. is_whole: it came to its own end."""

    tokens: tuple[int, ...]
    log_probabilities: npt.NDArray[np.float32]
    is_whole: bool


def prompt_of(form: Format, example: Example, *, is_noted: bool = False) -> Prompt:
    """The example's turn, asked. is_noted: its words stand there already, as after a turn that was listened to."""
    sequence = form.begin()
    if example.clip is None:
        form.typed(sequence, example.item.spoken)
        form.open_typed_answer(sequence)
    else:
        form.spoken(sequence, -(-len(example.clip.samples) // EMBEDDING_SAMPLES))
        form.open_answer(sequence, example.item.words if is_noted else ())
    written = sequence.is_taught.index(True) if True in sequence.is_taught else len(sequence)
    opening = sequence.tokens[_last(sequence.tokens, form.special.think, written) : written]
    asked = Sequence(sequence.tokens[:written], sequence.is_taught[:written], sequence.spans)
    return Prompt(example, asked, tuple(opening))


def continued(prompt: Prompt, tokens: Sequence_[int]) -> Sequence:
    """The prompt with these tokens behind it, to be learned."""
    sequence = Sequence(list(prompt.sequence.tokens), list(prompt.sequence.is_taught), list(prompt.sequence.spans))
    sequence.write(tokens)
    return sequence


def batch_of(prompts: Sequence_[Prompt], sequences: Sequence_[Sequence]) -> tuple[Batch, Heard | None]:
    """Tensors of sequences that begin with these prompts, one for one, and what is heard in them if that is known."""
    clips = [clip for prompt in prompts for clip in prompt.clips]
    return collate(sequences, clips, embedding_samples=EMBEDDING_SAMPLES), _heard(prompts)


def groups(sequences: Sequence_[Sequence], step_tokens: int) -> Iterator[list[int]]:
    """Indices of sequences of a like length, so many together that they take about `step_tokens` padded positions."""
    group: list[int] = []
    for index in sorted(range(len(sequences)), key=lambda i: len(sequences[i])):
        if group and (len(group) + 1) * len(sequences[index]) > step_tokens:
            yield group
            group = []
        group.append(index)
    if group:
        yield group


def listen(model: SpeechModel, prompts: Iterable[Prompt]) -> None:
    """Hear the clips of prompts that have not been heard yet, and keep what was heard with them."""
    unheard = sorted((p for p in prompts if p.clips and p.frames is None), key=lambda p: len(p.clips[0]))
    for start in range(0, len(unheard), _HEARD_AT_ONCE):
        some = unheard[start : start + _HEARD_AT_ONCE]
        batch = collate([p.sequence for p in some], [p.clips[0] for p in some], embedding_samples=EMBEDDING_SAMPLES)
        assert batch.pcm is not None
        with torch.no_grad(), half_precision(model):
            heard = model.hear(batch.pcm, batch.pcm_lengths)
        stack = heard.frames.shape[1] // max(heard.counts)
        for row, (prompt, count) in enumerate(zip(some, heard.counts, strict=True)):
            prompt.frames = heard.frames[row, : count * stack].clone()
            prompt.prosody = None if heard.prosody is None else heard.prosody[row, :count].clone()


def half_precision(model: SpeechModel) -> AbstractContextManager[None]:
    """bfloat16 for matrix products where there is a GPU; the CPU computes as it stands."""
    mixed: AbstractContextManager[None] = torch.autocast(
        model.device.type, torch.bfloat16, enabled=model.device.type == "cuda"
    )
    return mixed


class Sampler:
    """Draws answers from `model` as its weights are at each call of `sample`.

    Args:
        temperature: logits are divided by it; 0 takes the likeliest token.
        most_tokens: where an answer that does not end is cut.
        rows: samples written side by side.
    """

    def __init__(
        self, model: SpeechModel, end: int, *, temperature: float, most_tokens: int, rows: int = 1024, seed: int = 0
    ) -> None:
        self._model = model
        self._end = end
        self._temperature = temperature
        self._most_tokens = most_tokens
        self._rows = rows
        self._dice = torch.Generator(model.device).manual_seed(seed)

    @torch.no_grad()
    def sample(self, prompts: Sequence_[Prompt], each: int) -> list[list[Rollout]]:
        """`each` samples of every prompt, in the order of the prompts."""
        listen(self._model, prompts)
        decoder = _fast(self._model.decoder)
        drawn: list[list[Rollout]] = [[] for _ in prompts]
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i].sequence))
        at_once = max(1, self._rows // each)
        for start in range(0, len(order), at_once):
            some = order[start : start + at_once]
            with sdpa_kernel(_ATTENTION):
                found = self._group([prompts[i] for i in some], each, decoder)
            for index, rollouts in zip(some, found, strict=True):
                drawn[index] = rollouts
        return drawn

    def _group(self, prompts: list[Prompt], each: int, decoder: Decoder) -> list[list[Rollout]]:
        batch, heard = batch_of(prompts, [prompt.sequence for prompt in prompts])
        with half_precision(self._model):
            x = self._model.embed(batch, heard)
        lengths = batch.lengths.to(x.device)
        cache = Cache.empty()
        hidden = decoder(x.to(decoder.embed.weight.dtype), cache)
        tips = hidden[torch.arange(len(prompts), device=x.device), lengths - 1]
        copies = torch.arange(len(prompts), device=x.device).repeat_interleave(each)
        cache = cache.select(copies)
        cache.prompt = hidden.shape[1]
        tokens, likely = self._write(decoder, cache, lengths[copies], tips[copies])
        rows = iter(zip(tokens.tolist(), likely.cpu().numpy(), strict=True))
        return [[self._rollout(*next(rows)) for _ in range(each)] for _ in prompts]

    def _write(self, decoder: Decoder, cache: Cache, lengths: Tensor, tips: Tensor) -> tuple[Tensor, Tensor]:
        """tips: hidden states [rows, width] to go on from. Returns tokens, log-probabilities: [rows, most_tokens]."""
        rows, device = len(lengths), lengths.device
        tokens = torch.full((rows, self._most_tokens), self._end, device=device)
        likely = torch.zeros(rows, self._most_tokens, device=device)
        writing = torch.arange(rows, device=device)  # the rows of `tokens` that the cache's rows are
        over = torch.zeros(rows, dtype=torch.bool, device=device)
        for step in range(self._most_tokens):
            drawn, logs = self._draw(decoder.logits(tips))
            # A sample that is over goes on drawing until it is dropped; nobody reads what.
            tokens[writing, step] = torch.where(over, self._end, drawn)
            likely[writing, step] = logs.masked_fill(over, 0.0)
            over = over | (drawn == self._end)
            if step + 1 == self._most_tokens:
                break
            if step % _LOOK_EVERY == _LOOK_EVERY - 1:
                alive = (~over).nonzero()[:, 0]
                if not len(alive):
                    break
                if len(alive) < _STILL_WRITING * len(over):
                    cache, lengths, writing = cache.select(alive), lengths[alive], writing[alive]
                    drawn, over = drawn[alive], over[alive]
            tips = decoder(decoder.embed(drawn)[:, None], cache, lengths)[:, 0]
        return tokens, likely

    def _draw(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """[rows, vocab] -> a token of each row and its log-probability."""
        logs = (logits.float() / (self._temperature or 1.0)).log_softmax(-1)
        if self._temperature:
            # The likeliest after adding Gumbel noise is a draw from the softmax.
            noise = torch.empty_like(logs).exponential_(generator=self._dice).log_()
            drawn = (logs - noise).argmax(-1)
        else:
            drawn = logs.argmax(-1)
        return drawn, logs.gather(1, drawn[:, None])[:, 0]

    def _rollout(self, tokens: list[int], likely: npt.NDArray[np.float32]) -> Rollout:
        is_whole = self._end in tokens
        length = tokens.index(self._end) + 1 if is_whole else len(tokens)
        return Rollout(tuple(tokens[:length]), likely[:length], is_whole)


def _fast(decoder: Decoder) -> Decoder:
    """What samples: on a GPU a copy in bfloat16, since a step of few tokens reads every weight."""
    if decoder.embed.weight.device.type != "cuda":
        return decoder
    fast = copy.deepcopy(decoder).to(torch.bfloat16)
    fast.frequencies = decoder.frequencies  # positions need all of their digits
    return fast


def _heard(prompts: Sequence_[Prompt]) -> Heard | None:
    spoken = [prompt for prompt in prompts if prompt.clips]
    frames = [prompt.frames for prompt in spoken if prompt.frames is not None]
    if not spoken or len(frames) < len(spoken):
        return None
    counts = [-(-len(prompt.clips[0]) // EMBEDDING_SAMPLES) for prompt in spoken]
    prosody = [prompt.prosody for prompt in spoken if prompt.prosody is not None]
    pad = torch.nn.utils.rnn.pad_sequence
    return Heard(pad(frames, batch_first=True), pad(prosody, batch_first=True) if prosody else None, counts)


def _last(tokens: list[int], token: int, end: int) -> int:
    """Where `token` stands last before `end`; `end` where it does not."""
    return next((i for i in range(end - 1, -1, -1) if tokens[i] == token), end)
