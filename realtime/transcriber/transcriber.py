"""`Transcriber`: network and vocabulary as one set of weights; greedy text of what was heard. It holds no stream."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from realtime.errors import CheckpointError
from realtime.mind.draft import Draft
from realtime.transcriber.checkpoint import load_network
from realtime.transcriber.ending import Ending, load_ending
from realtime.transcriber.model import Memory, TranscriberNetwork
from realtime.transcriber.respelling import respelled
from realtime.transcriber.shape import TranscriberShape
from realtime.transcriber.transcript import Token, is_loop, most_tokens, says_nothing
from realtime.transcriber.vocabulary import Vocabulary
from realtime.transcriber.wording import spoken_words
from streaming_encoder import CheckpointError as PartsError
from streaming_encoder import TensorParts
from streaming_encoder.checkpoint import read_json

_CONFIG_LIMIT_BYTES = 1 << 20


# Tokens guessed in one pass: most of a short question. A row costs a fraction of a pass.
GUESS_MOST = 24
# A tail may reach beyond the segment that it ends.
TAIL_FRAMES = 256
# Log-odds that a turn is over for log-odds of a mark that ends a sentence: a sentence is not a turn.
MARK_WEIGHT = 0.5
# Less likely than this is not likely at all.
LEAST_LOGPROB = -30.0


@dataclass(frozen=True, slots=True)
class Text:
    """What was heard.

    ending: log-odds that the speaker is done behind the last word, by the words alone. end: natural log of the
    probability that the text ends here.
    """

    tokens: list[Token]
    ending: float = -math.inf
    end: float = 0.0


class Transcriber:
    """See the module's docstring.

    most_frames: 50 Hz frames of a segment, with what may stand behind it. ending: tells whether the speaker is done;
    without it a mark that ends a sentence has to tell.
    """

    def __init__(
        self, network: TranscriberNetwork, vocabulary: Vocabulary, most_frames: int, ending: Ending | None = None
    ) -> None:
        self.network = network
        self.ending = ending
        self.most_frames = most_frames
        self._vocabulary = vocabulary
        self._sentence_ends = vocabulary.sentence_ends()

    @property
    def hears_endings(self) -> bool:
        """It tells the end of a turn by how the last words sounded, too, and not by the words alone."""
        return self.ending is not None and self.ending.sound is not None

    def write(
        self,
        agreed: Sequence[Token],
        earlier: Sequence[Sequence[int]],
        written: Memory,
        heard: Memory,
        kept: int = 0,
    ) -> Text:
        """The text of what was heard, greedily, behind the tokens that are `agreed`.

        `earlier`: what earlier passes wrote behind those, the newest first. Guesses from it are computed many at a time
        and stand if they would have been chosen. `written` is overwritten, but for the first `kept` agreed tokens:
        their keys and values are those of an earlier pass.
        """
        if not heard.count:
            return Text([])
        shape, network = self.network.shape, self.network
        text, draft = list(agreed), Draft(earlier)
        most = min(most_tokens(heard.count), shape.positions - len(shape.start) - GUESS_MOST - 1)
        prompt = [*shape.start, *(token.id for token in text)]
        known = len(shape.start) + kept - 1 if kept else 0  # the last token is read again, to be told what follows it
        pending = prompt[known:]
        written.count, ending = known, -math.inf
        opening: list[Tensor] = []  # the row that tells whether nobody speaks, where it was computed
        while True:
            guess = draft.guess(GUESS_MOST)
            hidden, at = network.write([*pending, *guess], written, heard)
            first = len(pending) - 1
            right = 0
            if written.count == len(pending) + len(guess) and not agreed:
                opening.append(hidden[0])
            logits = network.allowed(network.logits(hidden[first:]), from_first=not text)
            best = logits.argmax(1).tolist()
            logprobs = (logits[range(len(best)), best] - logits.logsumexp(1)).tolist()
            for row, id_ in enumerate(best):
                token = self._token(id_, at[first + row], logprobs[row])
                is_over = token is None or len(text) >= most or is_loop(text, token)
                if (is_over or (token is not None and token.is_mark)) and text and not text[-1].is_mark:
                    ending = self._ending(hidden[first + row], logits[row])
                if token is None or is_over:
                    is_nothing = says_nothing(text, lambda: max(map(network.silent, opening), default=0.0))
                    end = max(LEAST_LOGPROB, float(logits[row, shape.end] - logits[row].logsumexp(0)))
                    return Text([]) if is_nothing else Text(text, ending, end)
                text.append(token)
                draft.follow([token.id])
                if row >= len(guess) or guess[row] != token.id:
                    break
                right += 1
            draft.checked(len(guess), right)
            written.count -= len(guess) - right
            pending = [text[-1].id]

    def weigh(
        self, words: Sequence[str], than: Text, written: Memory, asked: Memory, heard: Memory
    ) -> list[float] | None:
        """How likely `words` are in the place of those of `than`, which was written over what is heard.

        Natural logs, of each word with the marks behind it, the last with the end of the text. written: holds `than`,
        and stays as it is. asked: is overwritten. None where there is no room.
        """
        shape, network, text = self.network.shape, self.network, than.tokens
        spelled = respelled(text, words, self._vocabulary)
        ids = [*shape.start, *spelled.ids]
        if not spelled.ids or len(ids) > shape.positions:
            return None
        same = next((at for at, (id_, token) in enumerate(zip(spelled.ids, text, strict=False)) if id_ != token.id),
                    min(len(spelled.ids), len(text)))  # fmt: skip
        told = [than.end]
        if not same == len(spelled.ids) == len(text):
            known = len(shape.start) + same - 1  # the last token is read again, to be told what follows it
            asked.take(written, known)
            hidden, _ = network.write(ids[known:], asked, heard)
            logits = network.allowed(network.logits(hidden), from_first=not same)
            following = [*spelled.ids[same:], shape.end]
            told = (logits[range(len(following)), following] - logits.logsumexp(1)).clamp_min(LEAST_LOGPROB).tolist()
        likely = [0.0] * len(words)
        for at, token in zip(spelled.word, text[:same], strict=False):
            likely[at] += token.logprob
        for at, logprob in zip([*spelled.word[same:], len(words) - 1], told, strict=True):
            likely[at] += logprob
        return likely

    def _ending(self, hidden: Tensor, logits: Tensor) -> float:
        """From the row [width] behind the last word, and its logits [vocab]."""
        if self.ending is None:
            mark = logits.softmax(0)[self._sentence_ends].sum()
            return MARK_WEIGHT * float(torch.logit(mark, eps=1e-6))
        return self.ending.by_words(self.network.norm(hidden))

    def words(self, text: Sequence[Token]) -> list[str]:
        """The words of a text in the form of `wording`."""
        return spoken_words(self._vocabulary.text([token.id for token in text]))

    def _token(self, id_: int, at: int, logprob: float) -> Token | None:
        """None at the end of the text."""
        if id_ == self.network.shape.end:
            return None
        return Token(id_, at, logprob, self._vocabulary.begins_word(id_), self._vocabulary.letters(id_))


def load_transcriber(directory: Path, *, exact: bool = False) -> Transcriber | None:
    """The transcriber of a checkpoint directory; None where it has none. Raises CheckpointError.

    exact: float32 instead of int8, for tests.
    """
    try:
        document = read_json(directory / "config.json", _CONFIG_LIMIT_BYTES)
        shape = TranscriberShape.from_config(document)
        if shape is None:
            return None
        parts = TensorParts(directory)
        network = load_network(parts, shape, exact=exact)
        ending = load_ending(parts, shape.width, int(document["encoder"]["d_model"]))
    except PartsError as error:
        raise CheckpointError(str(error)) from error
    most_frames = int(document["encoder"]["max_positions"]) + TAIL_FRAMES
    return Transcriber(network, Vocabulary(directory / shape.tokenizer), most_frames, ending)
