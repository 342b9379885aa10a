"""What one session hears: its encoder, its transcriber and its meter, with the audio that has to wait.

It knows the audio of the turn in hand and what the networks make of it; not what the mind does with it, and not when
there is time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from realtime.decoder.frames import FrameStore
from realtime.engine import messages as m
from realtime.engine.transcribing import Transcribing
from realtime.errors import EngineError
from realtime.mind.cues import Voice
from realtime.mind.ears import UNHEARD_LINE, HeardLine
from realtime.mind.folding import SettledWords
from realtime.mind.memory import Symbol
from realtime.transcriber import Transcriber
from streaming_encoder import EncoderStream, VoiceMeter

SAMPLES_PER_MS = m.INPUT_SAMPLE_RATE_HZ // 1000
# Audio that may gather behind a tentative end before somebody has forgotten to commit or revoke it.
MAX_HELD_MS = 15_000

Pcm = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a turn that may go on: frames behind the final ones, a transcriber's line, and what was measured."""

    frames: list[Symbol]
    line: HeardLine | None
    voice: Voice | None


class Listening:
    """See the module's docstring. `frames` keeps the embeddings; whoever gets symbols gives them back there."""

    def __init__(self, encoder: EncoderStream, transcriber: Transcriber | None, frames: FrameStore) -> None:
        self._encoder = encoder
        self._transcribing = None if transcriber is None else Transcribing(transcriber, encoder)
        self._meter = VoiceMeter()
        self._frames = frames
        self._from_sample = 0
        self._held: list[Pcm] = []
        self._held_samples = 0

    @property
    def samples(self) -> int:
        """Audio of the turn that was heard."""
        return self._encoder.samples

    @property
    def heard_ms(self) -> int:
        """The same as a position in the session's audio."""
        return (self._from_sample + self._encoder.samples) // SAMPLES_PER_MS

    @property
    def is_behind(self) -> bool:
        """The transcriber has not listened to everything yet."""
        return self._transcribing is not None and self._transcribing.is_behind

    def begin_turn(self, at_sample: int) -> None:
        """Nothing of the turn has been heard yet."""
        self._from_sample = at_sample
        self._encoder.reset()
        self._meter.reset()
        if self._transcribing is not None:
            self._transcribing.reset()
        self.forget_held()

    def hear(self, pcm: Pcm) -> list[Symbol]:
        """More of the turn, int16 [n] at 16 kHz; returns the frames that are final. Raises AudioInputError."""
        steps = self._encoder.hear(pcm)
        symbols = [symbol for step in steps for symbol in self._frames.put(step.embeddings)]
        for step in steps:
            if step.voice is not None:
                self._meter.push(step.voice)
        if self._transcribing is not None:
            self._transcribing.hear(steps, self.heard_ms)
        return symbols

    def hold(self, pcm: Pcm) -> None:
        """Audio behind a tentative end, which is heard if the turn goes on. Raises EngineError: far too much of it."""
        self._held_samples += len(pcm)
        if self._held_samples > MAX_HELD_MS * SAMPLES_PER_MS:
            raise EngineError(f"more than {MAX_HELD_MS} ms of audio behind a tentative end of turn")
        self._held.append(pcm)

    def forget_held(self) -> list[Pcm]:
        """What was held, and is no longer."""
        held, self._held, self._held_samples = self._held, [], 0
        return held

    def listen(self) -> tuple[list[str], int]:
        """One pass of the transcriber over what it is behind with: see `Transcribing.listen`."""
        assert self._transcribing is not None, "nobody is behind"
        return self._transcribing.listen()

    def tail(self) -> Tail:
        """If the turn ended here. The transcriber may not be behind."""
        if self._transcribing is None:
            steps, line = self._encoder.hear_tail(), None
        else:
            steps, line = self._transcribing.tail()
        voice = self._meter.measure(step.voice for step in steps if step.voice is not None)
        if self._transcribing is not None and voice is not None and voice.sounds.stand_out:
            # A transcriber knows speech and takes the rest for words; the decoder was taught with such sounds.
            line = UNHEARD_LINE if line is None else line.unbelieved()
        return Tail([symbol for step in steps for symbol in self._frames.put(step.embeddings)], line, voice)

    def weigh(self, words: Sequence[str]) -> list[float] | None:
        """How likely each of `words` is in the place of the transcriber's last line: see `TranscriberStream.weigh`."""
        return None if self._transcribing is None else self._transcribing.weigh(words)

    def settled(self, folded_words: int) -> SettledWords | None:
        """Words that the transcriber will not change any more, behind the first `folded_words` of the turn."""
        settled = None if self._transcribing is None else self._transcribing.settled(folded_words)
        if settled is None:
            return None
        voice = self._meter.measure(())
        # Where sounds stand out, words in their place are not believed (`tail`).
        return None if voice is not None and voice.sounds.stand_out else settled
