"""The words a checkpoint was trained on: how turns, notes, thoughts and answers look as token ids.

It knows token ids only. One `Dialect` per checkpoint family; this is the embedded model's (models/embedded/README.md,
"Prompt, token by token"). Pieces are tokenised on their own and joined, as in training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

from realtime.mind.cues import Voice, cue_tokens, opening_tokens
from realtime.mind.memory import Detokenizer, Symbol

NO_SPEECH = "[no speech]"


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Ids from the checkpoint's own configuration."""

    im_start: int
    im_end: int
    audio_start: int
    audio_end: int
    listen: int
    wait: int
    think: int
    think_end: int


class Dialect:
    """Builds every prompt piece of the seed format.

    Args:
        encode: tokenises a string; the name of a special token in it is plain text, so nobody can open a turn with it.
        detokenizer: makes a fresh incremental detokeniser.
        special: the ids of the special tokens.
        default_instructions: the system prompt the model was trained with.
    """

    def __init__(
        self,
        encode: Callable[[str], list[int]],
        detokenizer: Callable[[], Detokenizer],
        special: SpecialTokens,
        default_instructions: str,
    ) -> None:
        # Trained on one line of reasoning wherever there is one to write: with an empty block it may reason aloud.
        self.least_thought_lines = 1
        self._encode = encode
        self.detokenizer = detokenizer
        self.special = special
        self.default_instructions = default_instructions
        newline = encode("\n")
        self._end = [special.im_end, *newline]
        self._newline = newline
        self._assistant = [special.im_start, *encode("assistant\n")]
        self._user = [special.im_start, *encode("user\n")]
        self._heard = [special.think, *encode("\nheard:")]
        self._listen = [special.listen, *encode("heard:")]

    # --- history ------------------------------------------------------------------------------------

    def text_item(self, role: str, text: str) -> list[Symbol]:
        """A whole item of the history: `<|im_start|>role\\n…<|im_end|>\\n`."""
        return [self.special.im_start, *self._encode(f"{role}\n{text}"), *self._end]

    def audio_open(self) -> list[Symbol]:
        """What stands before the audio frames of a user turn."""
        return [*self._user, self.special.audio_start]

    def audio_close(self) -> list[Symbol]:
        """What stands behind the audio frames of a finished user turn."""
        return [self.special.audio_end, *self._end]

    # --- lanes --------------------------------------------------------------------------------------

    def listening(self, notes: list[Symbol]) -> list[Symbol]:
        """Prefix of a note lane, laid on the audio frames so far; the model goes on, then writes WAIT."""
        return [*self._listen, *notes]

    def answering_audio(self, notes: list[Symbol]) -> list[Symbol]:
        """Prefix of an answer lane behind a closed audio turn: the think block opened with the notes so far."""
        return [*self._assistant, *self._heard, *notes]

    def answering_text(self) -> list[Symbol]:
        """Prefix of an answer lane behind a text turn."""
        return [*self._assistant, self.special.think, *self._newline]

    def close_thought(self, at_line_start: bool) -> list[Symbol]:
        """Ends an open think block: what the model itself would have written."""
        lead = [] if at_line_start else self._newline
        return [*lead, self.special.think_end, *self._newline]

    def ends_segment(self, text: str, tokens: int, segment_tokens: int) -> bool:
        """Whether thought that has come to `tokens` tokens, the last of which says `text`, may enter the block."""
        return tokens >= segment_tokens or (self.least_thought_lines > 0 and "\n" in text)

    @property
    def line_end(self) -> Symbol:
        """What stands behind the line of what was heard."""
        return self._newline[0]

    def line(self, words: Sequence[str]) -> list[Symbol]:
        """What was heard, word by word as in training; without words, that nobody spoke."""
        return [token for word in words or NO_SPEECH.split() for token in self._encode(f" {word}")]

    def cue(self, thought_line: str, voice: Voice | None, heard: str) -> list[Symbol]:
        """What must come next in a thought whose last line so far is `thought_line`: see `realtime.mind.cues`."""
        return cue_tokens(self._encode, thought_line, voice, heard)

    def open_thought(self, token: Symbol, heard: str) -> list[Symbol]:
        """What a thought begins with for which `token` was chosen: that, or in its place the sum that was said."""
        return opening_tokens(self._encode, self.detokenizer().push(token), heard) or [token]

    def ends_line(self, token: Symbol) -> bool:
        """Whether the line of what was heard is over with `token`, its own end or another."""
        special = self.special
        return token in (special.think_end, special.im_end, special.wait) or "\n" in self.text([token])

    def is_special(self, token: Symbol) -> bool:
        """Whether `token` stands for no text."""
        return token in astuple(self.special)

    def text(self, tokens: Sequence[Symbol]) -> str:
        """What `tokens` say."""
        words = self.detokenizer()
        return "".join([*(words.push(token) for token in tokens), words.flush()])

    def says_nothing(self, line: str) -> bool:
        """Whether the line of what was heard says that nobody spoke."""
        return line == NO_SPEECH

    def interrupted(self, heard: str) -> str:
        """The words of an answer that were heard, marked as cut off there."""
        return f"{heard.rstrip()} …" if heard.strip() else ""
