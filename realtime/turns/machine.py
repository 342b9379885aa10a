"""Turn-taking of one session: voice probabilities, votes and commands in, decisions out.

Sans-I/O: no clock (time is a sample position), no task, no model. It does not know what was said, who hears the
decisions, or how a vote was made. One enum, one table; `_move` is the only place that changes the state, and
`diagram` draws the table for docs/turns.md.

Order of decisions for one turn, always:  TurnStarted (TentativeEnd Revoked)* (TentativeEnd Committed | Discarded),
where one AskEndpoint may follow a TentativeEnd later, and Discarded may also follow a TentativeEnd. Never two open
turns.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from realtime.turns.decisions import (
    SAMPLES_PER_MS,
    SILENCE_DBFS,
    AskEndpoint,
    Committed,
    Decision,
    Discarded,
    Revoked,
    TentativeEnd,
    TurnStarted,
    VoiceFrame,
)
from realtime.turns.onset import Onset
from realtime.turns.policy import ENDPOINT_VOTE, MIND_NO_WORDS, MIND_VOTE, CommitReason, TurnPolicy

# The end-of-turn model looks at no more than this.
ENDPOINT_WINDOW_MS = 8_000
# Behind a sound too short for a turn this much silence says that it was alone; stops inside words are shorter.
DISCARD_SILENCE_MS = 160


class State(StrEnum):
    IDLE = "idle"  # nobody speaks
    SPEAKING = "speaking"  # a turn is open
    TENTATIVE = "tentative"  # a turn is open, silent, and may be over


class Trigger(StrEnum):
    SPEECH_BEGAN = "speech began"
    FELL_SILENT = "fell silent"
    SPEECH_RESUMED = "speech resumed"
    TURN_ENDED = "turn ended"
    WAS_TOO_SHORT = "was too short"
    HELD_NO_WORD = "held no word"
    CLEARED = "cleared"
    STAYED_SILENT = "stayed silent"


class Transition(NamedTuple):
    source: State
    trigger: Trigger
    target: State
    decides: str


TRANSITIONS = (
    Transition(State.IDLE, Trigger.SPEECH_BEGAN, State.SPEAKING, "TurnStarted"),
    Transition(State.SPEAKING, Trigger.FELL_SILENT, State.TENTATIVE, "TentativeEnd"),
    Transition(State.SPEAKING, Trigger.WAS_TOO_SHORT, State.IDLE, "Discarded"),
    Transition(State.SPEAKING, Trigger.CLEARED, State.IDLE, "Discarded"),
    Transition(State.TENTATIVE, Trigger.STAYED_SILENT, State.TENTATIVE, "AskEndpoint"),
    Transition(State.TENTATIVE, Trigger.SPEECH_RESUMED, State.SPEAKING, "Revoked"),
    Transition(State.TENTATIVE, Trigger.TURN_ENDED, State.IDLE, "Committed"),
    Transition(State.TENTATIVE, Trigger.HELD_NO_WORD, State.IDLE, "Discarded"),
    Transition(State.TENTATIVE, Trigger.CLEARED, State.IDLE, "Discarded"),
)
_TARGETS = {(row.source, row.trigger): row.target for row in TRANSITIONS}


def diagram() -> str:
    """The transition table as a mermaid state diagram."""
    rows = [f"    {row.source} --> {row.target}: {row.trigger} / {row.decides}" for row in TRANSITIONS]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {State.IDLE}", *rows])


class TurnMachine:
    """One session's turn-taking. Single owner, not thread-safe; every method returns at once."""

    def __init__(self, policy: TurnPolicy) -> None:
        self._policy = policy
        self._state = State.IDLE
        self._onset = Onset()
        self._agent_speaks = False
        self._position = 0  # end of the last frame
        self._taken_until = 0  # audio before this belongs to earlier turns
        self._turn = 0
        self._attempt = 0
        self._from_sample = 0
        self._voice_end = 0  # end of the last voice of the open turn
        self._speech_dbfs = SILENCE_DBFS  # its loudest voiced frame
        self._is_endpoint_asked = False
        self._voiced_samples = 0  # voice in the open turn
        self._ended_sample: int | None = None  # where the last turn was ended, unless the client did it
        self._run_start: int | None = None  # voiced frames in a row that have not yet changed the state
        self._run_samples = 0
        self._votes: dict[str, float] = {}

    @property
    def state(self) -> State:
        return self._state

    @property
    def turn(self) -> int:
        """Number of the open turn, else of the last one; 0 before the first."""
        return self._turn

    @property
    def attempt(self) -> int:
        """Number of the open turn's last tentative end; 0 before its first."""
        return self._attempt

    @property
    def position(self) -> int:
        """Up to which sample the stream has been judged."""
        return self._position

    def push(self, frame: VoiceFrame) -> list[Decision]:
        """Judge the next frame of the stream; frames come in order, a gap counts as silence.

        A frame that ends at or before `position` (the client's commit overtook it) decides nothing.
        """
        if frame.at_sample + frame.samples <= self._position:
            return []
        self._position = frame.at_sample + frame.samples
        # The agent's own echo must not pull the start of a turn back into the agent's speech.
        self._onset.push(frame.at_sample, frame.samples, frame.level_dbfs, background=self._agent_speaks)
        match self._state:
            case State.IDLE:
                return self._push_idle(frame)
            case State.SPEAKING:
                return self._push_speaking(frame)
            case State.TENTATIVE:
                return self._push_tentative(frame)

    def endpoint_vote(self, turn: int, attempt: int, p: float) -> list[Decision]:
        """The end-of-turn model's probability (0..1) for an attempt. A stale attempt's vote is dropped."""
        return self._vote(ENDPOINT_VOTE, turn, attempt, p)

    def mind_vote(self, turn: int, attempt: int, ready: float) -> list[Decision]:
        """How complete the mind finds the question (0..1). A stale attempt's vote is dropped."""
        return self._vote(MIND_VOTE, turn, attempt, ready)

    def agent_speaking(self, speaks: bool) -> None:
        """Whether the agent is being heard now: a start of speech is then a barge-in, and must be stronger."""
        self._agent_speaks = speaks

    def configure(self, policy: TurnPolicy) -> None:
        """Judge by `policy` from the next frame on; an open turn stays open."""
        self._policy = policy

    def commit(self, at_sample: int) -> list[Decision]:
        """The client ends the turn at `at_sample`, in any mode; all audio up to there is then taken.

        Without an open turn (no voice was found) the untaken audio becomes one, at most `max_turn_ms` of it;
        without untaken audio nothing is decided.
        """
        at_sample = max(at_sample, self._position)
        decisions: list[Decision] = []
        if self._state is State.IDLE:
            if at_sample <= self._taken_until:
                return []
            decisions.append(self._begin_unvoiced(at_sample))
        self._position = at_sample
        decisions.extend(self._end(CommitReason.CLIENT))
        self._take(at_sample)
        return decisions

    def clear(self, at_sample: int) -> list[Decision]:
        """Forget all audio up to `at_sample`; an open turn is discarded."""
        self._position = max(self._position, at_sample)
        was_open = self._state is not State.IDLE
        if was_open:
            self._move(Trigger.CLEARED)
        self._take(self._position)
        return [Discarded(self._turn, "cleared")] if was_open else []

    # --- per state ------------------------------------------------------------------------------------

    def _push_idle(self, frame: VoiceFrame) -> list[Decision]:
        policy = self._policy
        must_be_strong = self._agent_speaks and not self._may_go_on
        threshold = policy.barge_in_threshold if must_be_strong else policy.start_threshold
        self._follow_run(frame, threshold)
        needed_ms = policy.barge_in_start_ms if must_be_strong else policy.start_ms
        if self._run_start is None or self._run_samples < needed_ms * SAMPLES_PER_MS:
            return []
        self._speech_dbfs = SILENCE_DBFS
        self._hear_voice(frame)
        return [self._begin(self._run_start)]

    def _push_speaking(self, frame: VoiceFrame) -> list[Decision]:
        if frame.voice_p >= self._policy.end_threshold:
            self._voiced_samples += frame.samples
            if self._voice_p(frame) > 0.0:
                self._hear_voice(frame)
        if not self._policy.ends_turns_itself:
            return []
        if self._is_full():
            return self._end(CommitReason.MAX_LENGTH)
        if self._silence_samples < self._policy.tentative_silence_ms * SAMPLES_PER_MS or self._silence_samples == 0:
            return []
        if self._attempt == 0 and self._voiced_samples < self._policy.min_speech_ms * SAMPLES_PER_MS:
            if self._silence_samples < DISCARD_SILENCE_MS * SAMPLES_PER_MS:
                return []
            # Its audio stays untaken: it may be the first sound of what follows.
            self._move(Trigger.WAS_TOO_SHORT)
            return [Discarded(self._turn, "too_short")]
        return [*self._fall_silent(), *self._end_if_due()]

    def _push_tentative(self, frame: VoiceFrame) -> list[Decision]:
        self._follow_run(frame, self._policy.start_threshold)
        if self._run_samples >= self._policy.resume_ms * SAMPLES_PER_MS and self._run_start is not None:
            self._move(Trigger.SPEECH_RESUMED)
            self._voiced_samples += self._run_samples
            self._hear_voice(frame)
            self._drop_run()
            return [Revoked(self._turn, self._attempt, self._position)]
        return self._ask_endpoint_if_due() or self._end_if_due()

    # --- steps ----------------------------------------------------------------------------------------

    def _move(self, trigger: Trigger) -> None:
        """The only place that changes the state."""
        self._state = _TARGETS[self._state, trigger]

    def _voice_p(self, frame: VoiceFrame) -> float:
        """How likely the frame is voice. In an open turn the room's level is none, whatever the detector says."""
        if self._state is not State.IDLE and self._onset.is_quiet(frame.level_dbfs, self._speech_dbfs):
            return 0.0
        return frame.voice_p

    def _hear_voice(self, frame: VoiceFrame) -> None:
        """The turn's voice reaches to the last part of this voiced frame that is not the room's."""
        self._speech_dbfs = max(self._speech_dbfs, frame.level_dbfs)
        self._voice_end = self._position
        for level_dbfs in reversed(frame.blocks_dbfs):
            if not self._onset.is_quiet(level_dbfs, self._speech_dbfs):
                break
            self._voice_end -= frame.samples // len(frame.blocks_dbfs)

    def _follow_run(self, frame: VoiceFrame, threshold: float) -> None:
        """Extend or break the run of voiced frames; once begun it lives on at the lower threshold."""
        if self._run_start is not None:
            threshold = min(threshold, self._policy.end_threshold)
        if self._voice_p(frame) < threshold:
            self._drop_run()
            return
        if self._run_start is None:
            self._run_start = frame.at_sample
        self._run_samples += frame.samples

    def _drop_run(self) -> None:
        self._run_start = None
        self._run_samples = 0

    def _begin(self, speech_sample: int) -> TurnStarted:
        """Open a turn for voice seen from `speech_sample` on."""
        self._move(Trigger.SPEECH_BEGAN)
        speech_sample = max(speech_sample, self._taken_until)
        from_sample = speech_sample - self._policy.prefix_padding_ms * SAMPLES_PER_MS
        sound_start = self._onset.start_before(speech_sample)
        if sound_start is not None:
            from_sample = min(from_sample, sound_start)
        return self._opened(max(from_sample, self._taken_until), speech_sample, self._agent_speaks)

    def _begin_unvoiced(self, at_sample: int) -> TurnStarted:
        """Open a turn for the audio of a client that commits where no voice was found."""
        self._move(Trigger.SPEECH_BEGAN)
        from_sample = max(self._taken_until, at_sample - self._policy.max_turn_ms * SAMPLES_PER_MS)
        self._voice_end = at_sample
        return self._opened(from_sample, from_sample, barge_in=False)

    def _opened(self, from_sample: int, speech_sample: int, barge_in: bool) -> TurnStarted:
        self._turn += 1
        self._attempt = 0
        self._from_sample = from_sample
        self._voiced_samples = self._run_samples
        self._drop_run()
        return TurnStarted(self._turn, from_sample, speech_sample, barge_in)

    @property
    def _silence_samples(self) -> int:
        return self._position - self._voice_end

    @property
    def _may_go_on(self) -> bool:
        """The last turn ended a moment ago, on our own word: the same speaker may only have paused."""
        ended = self._ended_sample
        return ended is not None and self._position - ended < self._policy.may_go_on_ms * SAMPLES_PER_MS

    def _is_full(self) -> bool:
        return self._position - self._from_sample >= self._policy.max_turn_ms * SAMPLES_PER_MS

    def _fall_silent(self) -> list[Decision]:
        self._move(Trigger.FELL_SILENT)
        self._attempt += 1
        self._votes = {}
        self._is_endpoint_asked = False
        self._drop_run()
        silence_ms = self._silence_samples // SAMPLES_PER_MS
        return [TentativeEnd(self._turn, self._attempt, self._voice_end, self._position, silence_ms)]

    def _ask_endpoint_if_due(self) -> list[Decision]:
        """The end-of-turn model is asked once an attempt, and only if nothing else has ended the turn by then."""
        due = self._silence_samples >= self._policy.endpoint_silence_ms * SAMPLES_PER_MS
        if self._is_endpoint_asked or not self._policy.asks_endpoint or not due or self._run_start is not None:
            return []
        if ended := self._end_if_due():
            return ended
        self._is_endpoint_asked = True
        self._move(Trigger.STAYED_SILENT)
        window_start = max(self._from_sample, self._position - ENDPOINT_WINDOW_MS * SAMPLES_PER_MS)
        return [AskEndpoint(self._turn, self._attempt, window_start, self._position)]

    def _end(self, reason: CommitReason) -> list[Decision]:
        """End the open turn now; a turn that was not yet silent gets its tentative end first."""
        decisions: list[Decision] = []
        if self._state is State.SPEAKING:
            decisions = self._fall_silent()
        self._move(Trigger.TURN_ENDED)
        self._ended_sample = None if reason is CommitReason.CLIENT else self._position
        decisions.append(
            Committed(self._turn, self._attempt, self._voice_end, self._position, str(reason), dict(self._votes))
        )
        self._take(self._voice_end)
        return decisions

    def _end_if_due(self) -> list[Decision]:
        if self._state is not State.TENTATIVE or not self._policy.ends_turns_itself:
            return []
        if self._is_full():
            return self._end(CommitReason.MAX_LENGTH)
        if self._run_start is not None:  # a voiced frame: the next one tells whether speech resumed
            return []
        needed_ms, reason = self._policy.needed_silence(self._votes)
        if self._silence_samples < needed_ms * SAMPLES_PER_MS:
            return []
        if self._votes.get(MIND_VOTE) == MIND_NO_WORDS and self._policy.asks_endpoint:
            # A tone, a cough: nobody waits for an answer, and the sound may be what the next words ask about.
            self._move(Trigger.HELD_NO_WORD)
            return [Discarded(self._turn, "no_words")]
        return self._end(reason)

    def _vote(self, voter: str, turn: int, attempt: int, p: float) -> list[Decision]:
        if self._state is not State.TENTATIVE or (turn, attempt) != (self._turn, self._attempt):
            return []
        self._votes[voter] = p
        return self._end_if_due()

    def _take(self, until_sample: int) -> None:
        """Audio before `until_sample` is spoken for; a later turn does not begin before it."""
        self._taken_until = max(self._taken_until, until_sample)
        self._onset.forget()
        self._drop_run()
