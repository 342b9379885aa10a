"""A checkpoint directory run as it is served: audio in chunks, notes while it comes, then the thought and the answer.

Of the product only `streaming_encoder`, `realtime.decoder`, the measured cues of `realtime.mind` and, where the
checkpoint has one, `realtime.transcriber` are in it, in the format that training teaches. The engine adds when to do
what (turn-taking, rehearsals, priorities), which benchmarks/ measure and which changes no token; a test holds the words
equal to the engine's. Many conversations share each pass of the decoder, so that an evaluation of hundreds of turns
takes minutes; no row depends on the others of its pass.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from realtime.decoder import Decoder, Row
from realtime.mind.ears import Second
from realtime.transcriber import Transcriber, load_transcriber
from streaming_encoder import ChunkPlan, load_audio_model
from training.checkpoint import load_format
from training.evaluation.dialogue import Chosen, Dialogue, Steps, Want
from training.evaluation.trial import Manner, Reply, Trial

CONVERSATIONS_AT_ONCE = 12
# Positions of a pass: enough to be worth it, few enough that a prefill does not hold the others up.
PASS_ROWS = 192


class ServedModel:
    """A loaded checkpoint directory. One thread uses it; `threads` is of torch, for the whole process.

    transcriber: None takes the directory's own, if it has one. It runs on the CPU, and the encoder then beside it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        threads: int = 2,
        kv_tokens: int = 10_240,
        exact: bool = False,
        device: str = "cpu",
        transcriber: Transcriber | None = None,
    ) -> None:
        self.directory = directory
        self.transcriber = transcriber or load_transcriber(directory, exact=exact)
        self.audio = load_audio_model(directory, device if self.transcriber is None else "cpu")
        self.decoder = Decoder.load(directory, kv_tokens=kv_tokens, threads=threads, exact=exact, device=device)
        self.parameters = self.decoder.parameters + sum(weight.numel() for weight in self.audio.parameters())
        if self.transcriber is not None:
            self.parameters += self.transcriber.network.size
        self._kv_tokens = kv_tokens
        self._dialogue = Dialogue(self.audio, self.decoder, load_format(directory), self.transcriber)

    def plan(self, manner: Manner) -> ChunkPlan:
        """Chunk and right context of `manner` with this checkpoint. Raises EncoderSettingError."""
        return ChunkPlan.for_config(self.audio.config, manner.chunk_frames, manner.right_context_ms)

    def converse(
        self, trials: Iterable[Trial], manner: Manner, *, at_once: int = CONVERSATIONS_AT_ONCE
    ) -> Iterator[Reply]:
        """The reply to each trial, in order; up to `at_once` of them are under way together."""
        waiting = deque(enumerate(trials))
        active: dict[int, tuple[Steps, Want]] = {}
        reserved: dict[int, int] = {}
        done: dict[int, Reply] = {}
        given = 0
        try:
            while waiting or active:
                while waiting and len(active) < at_once:
                    index, trial = waiting[0]
                    need = self._dialogue.most_symbols(trial)
                    if active and sum(reserved.values()) + need > self._kv_tokens:
                        break
                    waiting.popleft()
                    reserved[index] = need
                    steps = self._dialogue.steps(trial, manner)
                    active[index] = steps, next(steps)
                for index, chosen in self._run(active):
                    steps, _ = active[index]
                    try:
                        active[index] = steps, steps.send(chosen)
                    except StopIteration as end:
                        done[index] = end.value
                        del active[index], reserved[index]
                while given in done:
                    yield done.pop(given)
                    given += 1
        finally:
            for steps, _ in active.values():
                steps.close()

    def _run(self, active: dict[int, tuple[Steps, Want]]) -> list[tuple[int, Chosen]]:
        """One pass over what is wanted: of those whose want is met, index and what was chosen."""
        left = PASS_ROWS
        chosen: list[tuple[int, Want]] = []
        rows: list[Row] = []
        for index, (_, want) in sorted(active.items(), key=lambda entry: entry[1][1].lane.pending):
            count = min(left, want.lane.pending)
            if left == 0:
                break
            if count:
                chosen.append((index, want))
                is_whole = want.token and count == want.lane.pending
                rows.append(Row(want.lane, count, want_logits=is_whole, guess=want.weigh if is_whole else ()))
            left -= count
        met: list[tuple[int, Chosen]] = []
        for (index, want), logits in zip(chosen, self.decoder.step(rows), strict=True):
            if want.lane.pending == 0:
                met.append((index, Chosen() if logits is None else _chosen(logits, want)))
                if want.weigh:  # it was weighed, not written: what is written now is computed again, to be gone on from
                    self.decoder.truncate(want.lane, len(want.lane))
        return met


def _chosen(logits: Tensor, want: Want) -> Chosen:
    """From logits [1 + len(want.weigh), vocab]: behind the lane, and behind each token to weigh."""
    logprobs, weigh = torch.log_softmax(logits, dim=1), want.weigh
    token = int(logits[0].argmax())
    weighed = logprobs[range(len(weigh)), list(weigh)].tolist() if weigh else []
    second = None
    if want.second:
        values, tokens = logprobs[0].topk(2)
        second = Second(int(tokens[1]), float(values[1]))
    return Chosen(token, float(logprobs[0, token]), tuple(weighed), second)
