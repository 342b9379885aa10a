"""One conversation with the model as steps: each says which lane it wants computed, and goes on with the token chosen.

It knows the format, an encoder stream, lanes of a decoder and, where the checkpoint has one, the transcriber that then
writes the notes and the line of what was heard. What runs the steps, and beside which others, it does not know; see
`training.evaluation.served`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable
from dataclasses import dataclass, fields
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from realtime.decoder import Decoder, Detokenizer
from realtime.decoder.sequence import Sequence as Lane
from realtime.mind import Dialect, SpecialTokens
from realtime.mind.contest import Contest
from realtime.mind.cues import cue_tokens, last_line, opening_tokens
from realtime.mind.ears import HeardLine, Second, Standing
from realtime.mind.memory import Memory
from realtime.transcriber import Transcriber, TranscriberStream
from streaming_encoder import AudioModel, EncoderStream, Heard, Voice, VoiceMeter
from training.evaluation.trial import Manner, Noted, Reply, Trial
from training.format import Format, Sequence
from training.items import SAMPLE_RATE_HZ, Clip, Example

EMBEDDING_MS = 80
LONGEST_THOUGHT, LONGEST_ANSWER = 128, 96
# About 3 words a second and 4 tokens a word at worst; anything far beyond is a loop.
HEARD_TOKENS_PER_S, HEARD_TOKENS_LEAST = 14, 24
# As the engine bounds a pass of notes (realtime/mind/notes.py).
NOTE_TOKENS_PER_EMBEDDING, NOTE_TOKENS_LEAST = 2, 16
_CLAUSE_ENDS = frozenset(".,;:!?")


@dataclass(frozen=True, slots=True)
class Want:
    """What a conversation waits for: `lane` computed to its end and, if asked, the token chosen there.

    weigh: tokens whose log-probabilities are asked, were they to follow. second: the likeliest token but one is asked.
    """

    lane: Lane
    token: bool = True
    weigh: tuple[int, ...] = ()
    second: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """The token chosen, its natural log-probability, and those of the tokens to weigh. -1 where none was asked for."""

    token: int = -1
    logprob: float = 0.0
    weighed: tuple[float, ...] = ()
    second: Second | None = None


Steps: TypeAlias = Generator[Want, Chosen, Reply]


@dataclass(frozen=True, slots=True)
class _Heard:
    """A turn that is over: the tokens of its notes, the notes, and its length.

    voice: what was measured in it. line: the whole line of what was heard, where a transcriber wrote it, which can be
    asked for others in its place.
    """

    notes: list[int]
    noted: tuple[Noted, ...]
    seconds: float
    voice: Voice | None
    line: HeardLine | None = None
    transcriber: TranscriberStream | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """The line of what was heard on its lane. given: tokens of it that the decoder has not written."""

    given: list[int]
    written: list[int]
    is_whole: bool

    @property
    def tokens(self) -> list[int]:
        return [*self.given, *self.written]


class Dialogue:
    """Has conversations with one model, as often as it is asked; nothing of one is left for the next."""

    def __init__(
        self, audio: AudioModel, decoder: Decoder, form: Format, transcriber: Transcriber | None = None
    ) -> None:
        self._audio = audio
        self._transcriber = transcriber
        self._decoder = decoder
        self._form = form
        self._special = decoder.tokenizer.special
        self._open_user = _tokens(lambda s: form.open_spoken(s, 0))
        self._close_user = _tokens(lambda s: form.spoken(s, 0))[len(self._open_user) :]
        self._listen = _tokens(lambda s: form.listen(s, (), ()))[:-1]  # the WAIT behind it is the model's to write
        self._newline = _tokens(lambda s: form.hear_out(s, ()))
        tokenizer = decoder.tokenizer
        self._pieces = tokenizer.token_bytes
        special = (getattr(tokenizer.special, field.name) for field in fields(SpecialTokens))
        self._dialect = Dialect(tokenizer.encode, lambda: Detokenizer(tokenizer), SpecialTokens(*special), "")
        self._stops = {self._special.im_end, self._special.think, self._special.think_end}

    def most_symbols(self, trial: Trial) -> int:
        """An upper bound of the positions that a trial's lanes hold."""
        turns = [trial.example] if trial.before is None else [trial.before, trial.example]
        seconds = sum(turn.clip.seconds for turn in turns if turn.clip is not None)
        heard = int(seconds * (1000 / EMBEDDING_MS + 2 * HEARD_TOKENS_PER_S))
        return heard + 2 * HEARD_TOKENS_LEAST + len(turns) * (LONGEST_THOUGHT + LONGEST_ANSWER + 64) + 64

    def steps(self, trial: Trial, manner: Manner) -> Steps:
        """The conversation of `trial`; what it returns is the reply to its last turn."""
        decoder = self._decoder
        trunk = decoder.new(self._form.begin().tokens)
        try:
            if trial.before is not None:
                heard = yield from self._listen_to(trunk, trial.before, manner)
                length = len(trunk)
                earlier = yield from self._answer(trunk, heard, trial.before, manner)
                decoder.truncate(trunk, length)  # of a turn that is over its sound and the bare answer stay
                decoder.extend(trunk, _tokens(lambda s: self._form.answered(s, earlier.answer)))
            heard = yield from self._listen_to(trunk, trial.example, manner)
            reply = yield from self._answer(trunk, heard, trial.example, manner)
        finally:
            decoder.frames.drop(trunk.symbols)
            decoder.drop(trunk)
        return reply

    # --- the user's turn ----------------------------------------------------------------------------

    def _listen_to(self, trunk: Lane, example: Example, manner: Manner) -> Generator[Want, Chosen, _Heard | None]:
        """Lay a whole turn on the trunk, noting while it lasts. None for a turn in text."""
        decoder = self._decoder
        if example.clip is None:
            decoder.extend(trunk, _tokens(lambda s: self._form.typed(s, example.item.spoken)))
            return None
        decoder.extend(trunk, self._open_user)
        stream = EncoderStream(self._audio, manner.chunk_frames, manner.right_context_ms)
        if self._transcriber is not None:
            return self._transcribe(trunk, example.clip, stream, TranscriberStream(self._transcriber), manner)
        meter = VoiceMeter()
        notes: list[int] = []
        noted: list[Noted] = []
        fresh = 0
        for piece in _pieces(example.clip.samples, stream.chunk_samples):
            fresh += self._lay(trunk, stream.hear(piece), meter)
            if manner.listens and fresh * EMBEDDING_MS >= manner.note_interval_ms:
                yield Want(trunk, token=False)
                written = yield from self._note(trunk, notes, fresh)
                at_ms = stream.samples * 1000 // SAMPLE_RATE_HZ
                notes += written
                noted += [Noted(word, at_ms) for word in self._text(written).split()]
                fresh = 0
        self._lay(trunk, stream.hear_tail(), meter)
        decoder.extend(trunk, self._close_user)
        return _Heard(notes, tuple(noted), example.clip.seconds, meter.measure())

    def _transcribe(
        self, trunk: Lane, clip: Clip, stream: EncoderStream, words: TranscriberStream, manner: Manner
    ) -> _Heard:
        """The same where a transcriber writes notes and line. It listens to every step, whether notes are wanted or
        not: its line stands on what it agreed on before."""
        meter = VoiceMeter()
        noted: list[Noted] = []
        for piece in _pieces(clip.samples, stream.chunk_samples):
            steps = stream.hear(piece)
            self._lay(trunk, steps, meter)
            at_ms = stream.samples * 1000 // SAMPLE_RATE_HZ
            heard = [Noted(word, at_ms) for step in steps for word in words.hear(step)]
            noted += heard if manner.listens else []
        tail = stream.hear_tail()
        line = words.line(tail)
        self._lay(trunk, tail, meter)
        voice = meter.measure()
        is_speech = voice is None or not voice.sounds.stand_out  # else nothing of it is believed, as in the engine
        is_believed = is_speech and bool(line.words)
        self._decoder.extend(trunk, self._close_user)
        return _Heard(
            notes=self._words(note.word for note in noted if is_speech),
            noted=tuple(noted),
            seconds=clip.seconds,
            voice=voice,
            line=HeardLine(line.words, line.confidence, 0.0, line.finish, Standing.CONTESTED) if is_believed else None,
            transcriber=words,
        )

    def _words(self, words: Iterable[str]) -> list[int]:
        return [token for word in words for token in self._form.word(word)]

    def _lay(self, trunk: Lane, steps: Iterable[Heard], meter: VoiceMeter) -> int:
        """Lay what was heard on the trunk, and measure it; how many embeddings it was."""
        count = 0
        for step in steps:
            self._decoder.extend(trunk, self._decoder.frames.put(step.embeddings))
            count += len(step.embeddings)
            if step.voice is not None:
                meter.push(step.voice)
        return count

    def _note(self, trunk: Lane, notes: list[int], fresh: int) -> Generator[Want, Chosen, list[int]]:
        """One pass of notes: the tokens to keep. A pass that leaves the format is dropped whole, as in the engine."""
        lane = self._decoder.fork(trunk)
        self._decoder.extend(lane, [*self._listen, *notes])
        budget = max(NOTE_TOKENS_LEAST, fresh * NOTE_TOKENS_PER_EMBEDDING)
        try:
            written, stop = yield from self._write(lane, {self._special.wait, *self._stops}, budget)
        finally:
            self._decoder.drop(lane)
        return written if stop == self._special.wait else []

    # --- the assistant's ----------------------------------------------------------------------------

    def _answer(self, lane: Lane, turn: _Heard | None, example: Example, manner: Manner) -> Steps:
        """Write the thought and the answer behind the user's turn, on `lane` itself."""
        decoder, special = self._decoder, self._special
        if turn is None:
            decoder.extend(lane, _tokens(self._form.open_typed_answer))
            line = _Line([], [], is_whole=True)
        else:
            decoder.extend(lane, _tokens(self._form.open_answer))
            line = yield from self._hear_out(lane, turn)
        is_whole = line.is_whole
        thought: list[int] = []
        stop: int | None = special.think_end
        if manner.think_tokens == 0:
            decoder.extend(lane, [special.think_end, *self._newline])
        else:
            limit = LONGEST_THOUGHT if manner.think_tokens is None else manner.think_tokens
            asked = example.item.spoken if turn is None else self._text(line.tokens)
            cue = self._cue(None if turn is None else turn.voice, asked) if manner.cues else None
            thought, stop = yield from self._write(lane, self._stops, limit, cue=cue)
            if stop is None:  # closed as the engine closes it
                at_line_start = not thought or b"\n" in self._pieces(thought[-1])
                decoder.extend(lane, [*([] if at_line_start else self._newline), special.think_end, *self._newline])
        is_whole &= stop == special.think_end or (stop is None and manner.think_tokens is not None)
        answer, stop = yield from self._write(lane, {*self._stops, special.wait}, LONGEST_ANSWER)
        said = self._text(answer).strip()
        given = turn is not None and turn.line is not None and not line.written
        before = len(line.written) + (0 if given else 1) + len(thought) + 1
        return Reply(
            heard=self._text(line.tokens).strip(),
            noted=() if turn is None else turn.noted,
            thought=self._text(thought).strip(),
            answer=said,
            is_whole=is_whole and stop == special.im_end and bool(said),
            tokens_before=before,
            tokens_to_clause=before + self._clause(answer),
        )

    def _hear_out(self, lane: Lane, turn: _Heard) -> Generator[Want, Chosen, _Line]:
        """Write the line of what was heard; where a transcriber wrote one, too, the one that is to be believed."""
        notes = turn.notes if turn.line is None else []
        self._decoder.extend(lane, notes)
        contest = None if turn.line is None else self._contest(turn.line)
        limit = HEARD_TOKENS_LEAST + int(turn.seconds * HEARD_TOKENS_PER_S)
        logprobs: list[float] = []
        try:
            written, stop = yield from self._write(
                lane, self._stops, limit, line=True, contest=contest, logprobs=logprobs
            )
            is_whole = stop == self._newline[-1]
            if contest is None or written == contest.tokens:
                if not is_whole:
                    self._decoder.extend(lane, self._newline)
                return _Line(notes, written, is_whole) if contest is None else _Line(written, [], is_whole)
            start = len(lane) - len(written) - (stop is not None)
            self._decoder.truncate(lane, start + len(written))
            own = yield from self._choose(contest, turn, lane, (written, logprobs, stop))
            tokens, end = (contest.tokens, self._newline[-1]) if own is None else own
            if tokens != written:
                self._decoder.truncate(lane, start)
                self._decoder.extend(lane, tokens)
            self._decoder.extend(lane, self._newline)
            return _Line(tokens, [], True) if own is None else _Line([], tokens, end == self._newline[-1])
        finally:
            if contest is not None:
                contest.drop()

    def _contest(self, line: HeardLine) -> Contest:
        return Contest(self._dialect, cast(Memory, self._decoder), line, [], self._words(line.words))

    def _choose(
        self, contest: Contest, turn: _Heard, lane: Lane, own: tuple[list[int], list[float], int | None]
    ) -> Generator[Want, Chosen, tuple[list[int], int] | None]:
        """The line of the decoder's that is believed, and what ended it; None: the transcriber's. As in the engine."""
        written, logprobs, stop = own
        if stop is None:
            return None
        if not contest.begin(lane, written, logprobs, stop):
            return (written, stop) if contest.own_is_better(logprobs, ended=True) else None
        assert turn.transcriber is not None, "somebody wrote the other line"
        while not contest.told([turn.transcriber.weigh(words) for words in contest.asked]):
            while contest.open:
                other = contest.open[0]
                chosen = yield Want(cast(Lane, other.seq))
                contest.accept(other, chosen.token, chosen.logprob)
        believed = contest.chosen()
        if believed is None:
            return None
        assert believed.over is not None, "only what is over is chosen"
        return believed.tokens, believed.over

    def _cue(self, voice: Voice | None, asked: str) -> Callable[[list[int], int], list[int]]:
        """What a thought written so far goes on with where a token was chosen, as in the engine."""
        encode = self._decoder.tokenizer.encode

        def follow(thought: list[int], token: int) -> list[int]:
            chosen = [token] if thought else opening_tokens(encode, self._text([token]), asked) or [token]
            return [*chosen, *cue_tokens(encode, last_line("", self._text([*thought, *chosen])), voice, asked)]

        return follow

    def _clause(self, answer: list[int]) -> int:
        """Tokens until the first clause of the answer is whole; all of them where none ends."""
        for count, token in enumerate(answer, 1):
            if self._pieces(token)[-1:].decode("utf-8", "replace") in _CLAUSE_ENDS:
                return count
        return len(answer)

    # --- writing ------------------------------------------------------------------------------------

    def _write(
        self,
        lane: Lane,
        stops: Collection[int],
        limit: int,
        *,
        line: bool = False,
        cue: Callable[[list[int], int], list[int]] | None = None,
        contest: Contest | None = None,
        logprobs: list[float] | None = None,
    ) -> Generator[Want, Chosen, tuple[list[int], int | None]]:
        """Go on with `lane` greedily: (tokens written, the token that ended it or None at the limit).

        Ends at one of `stops`, or with `line` at the end of the line; the ending token is laid on the lane too.
        cue: what stands behind the tokens written so far where a token is chosen there. contest: beside what line this
        one is written. logprobs: gets those of all tokens chosen, the ending one's too.
        """
        written: list[int] = []
        while True:
            unweighed = () if contest is None else tuple(contest.unweighed)
            chosen = yield Want(lane, weigh=unweighed, second=contest is not None)
            token = chosen.token
            if logprobs is not None:
                logprobs.append(chosen.logprob)
            if contest is not None and unweighed:
                contest.weigh(chosen.weighed)
            is_end = token in stops or (line and b"\n" in self._pieces(token))
            if not is_end and len(written) >= limit:
                return written, None
            if is_end:
                self._decoder.extend(lane, [token])
                return written, token
            if contest is not None:
                contest.write(lane, written, token, chosen.second)
            fresh = [token] if cue is None else cue(written, token)
            self._decoder.extend(lane, fresh)
            written += fresh

    def _text(self, tokens: list[int]) -> str:
        return self._decoder.tokenizer.decode(tokens)


def _tokens(lay: Callable[[Sequence], None]) -> list[int]:
    """What a method of `Format` lays on a sequence."""
    sequence = Sequence()
    lay(sequence)
    return sequence.tokens


def _pieces(samples: npt.NDArray[np.int16], size: int) -> list[npt.NDArray[np.int16]]:
    return [samples[start : start + size] for start in range(0, len(samples), size)]
