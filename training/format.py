"""An example as the tokens that the model reads and is to write.

The format is the model card's, "Prompt, token by token". It knows token ids only. Pieces are tokenised on their own and
joined, as the engine does (`realtime.mind.dialect`).
"""

from __future__ import annotations

from collections.abc import Sequence as Sequence_
from dataclasses import dataclass, field

from realtime.decoder.tokenizer import Tokenizer
from training.items import Item

AUDIO = -1  # stands in `Sequence.tokens` where an embedding of a clip comes


@dataclass(slots=True)
class Sequence:
    """tokens: ids, with AUDIO where sound stands. is_taught: whether the model is to write that token itself.

    spans: where each clip's embeddings begin, and how many there are, in the order of the clips.
    """

    tokens: list[int] = field(default_factory=list)
    is_taught: list[bool] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)

    def read(self, tokens: Sequence_[int]) -> None:
        """What stands there already."""
        self.tokens += tokens
        self.is_taught += [False] * len(tokens)

    def write(self, tokens: Sequence_[int]) -> None:
        """What the model is to write."""
        self.tokens += tokens
        self.is_taught += [True] * len(tokens)

    def hear(self, embeddings: int) -> None:
        """`embeddings` (12.5 Hz) of the next clip."""
        self.spans.append((len(self.tokens), embeddings))
        self.read([AUDIO] * embeddings)

    def __len__(self) -> int:
        return len(self.tokens)


class Format:
    """Builds sequences over one tokenizer.

    Args:
        system_prompt: the one that the checkpoint's config.json names.
    """

    def __init__(self, tokenizer: Tokenizer, system_prompt: str) -> None:
        self._encode = tokenizer.encode
        self.special = tokenizer.special
        special, newline = tokenizer.special, tokenizer.encode("\n")
        self._newline = newline
        self._system = [special.im_start, *tokenizer.encode(f"system\n{system_prompt}"), special.im_end, *newline]
        self._user = [special.im_start, *tokenizer.encode("user\n")]
        self._end = [special.im_end, *newline]
        self._assistant = [special.im_start, *tokenizer.encode("assistant\n")]
        self._heard = [special.think, *tokenizer.encode("\nheard:")]
        self._listen = [special.listen, *tokenizer.encode("heard:")]

    def word(self, word: str) -> list[int]:
        """One word of what is heard."""
        return self._encode(" " + word)

    def begin(self) -> Sequence:
        """A conversation: the system prompt."""
        sequence = Sequence()
        sequence.read(self._system)
        return sequence

    def spoken(self, sequence: Sequence, embeddings: int) -> None:
        """A whole spoken turn of the user."""
        self.open_spoken(sequence, embeddings)
        sequence.read([self.special.audio_end, *self._end])

    def open_spoken(self, sequence: Sequence, embeddings: int) -> None:
        """A spoken turn that goes on."""
        sequence.read([*self._user, self.special.audio_start])
        sequence.hear(embeddings)

    def typed(self, sequence: Sequence, text: str) -> None:
        """A whole turn in text."""
        sequence.read([*self._user, *self._encode(text), *self._end])

    def answered(self, sequence: Sequence, answer: str) -> None:
        """An earlier answer of the assistant's, without its thought."""
        sequence.read([*self._assistant, *self._encode(answer), *self._end])

    def listen(self, sequence: Sequence, noted: Sequence_[str], fresh: Sequence_[str]) -> None:
        """Listening mode: the notes so far, then what is to be noted, then WAIT."""
        sequence.read(self._listen)
        for word in noted:
            sequence.read(self.word(word))
        for word in fresh:
            sequence.write(self.word(word))
        sequence.write([self.special.wait])

    def open_answer(self, sequence: Sequence, noted: Sequence_[str] = ()) -> None:
        """The assistant's turn behind a spoken one, its think block opened with the notes so far."""
        sequence.read(self._assistant)
        opening = sequence.read if noted else sequence.write
        opening(self._heard)
        for word in noted:
            sequence.read(self.word(word))

    def hear_out(self, sequence: Sequence, words: Sequence_[str]) -> None:
        """The rest of the line of what was heard."""
        for word in words:
            sequence.write(self.word(word))
        sequence.write(self._newline)

    def think_and_answer(self, sequence: Sequence, item: Item, *, said: str = "") -> None:
        """The reasoning, the end of the thought, and the answer.

        said: what was said of the answer already, and is only read (the speak lane).
        """
        assert item.answer.startswith(said), "what was said is a beginning of the answer"
        if item.thought:
            (sequence.read if said else sequence.write)([*self._encode(item.thought), *self._newline])
        (sequence.read if said else sequence.write)([self.special.think_end, *self._newline])
        if said:
            sequence.read(self._encode(said))
        sequence.write([*self._encode(item.answer[len(said) :]), self.special.im_end])

    def open_typed_answer(self, sequence: Sequence) -> None:
        """The assistant's turn behind a typed one."""
        sequence.read(self._assistant)
        sequence.write([self.special.think, *self._newline])
