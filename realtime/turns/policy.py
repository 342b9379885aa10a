"""When a turn starts and when it ends, as values. Knows nothing of audio, models or the turn in progress.

The three constructors are the three forms of `turn_detection` in the Realtime protocol: `server_vad`,
`semantic_vad` and null (push-to-talk). Durations are met at the end of a 32 ms frame, so on the average 16 ms
later than they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from realtime.errors import ClientError


class TurnMode(StrEnum):
    """Who ends a turn: silence alone, silence and votes, or the client."""

    SERVER_VAD = "server_vad"
    SEMANTIC_VAD = "semantic_vad"
    PUSH_TO_TALK = "push_to_talk"


class CommitReason(StrEnum):
    """What settled the end of a turn."""

    AGREEMENT = "agreement"  # the end-of-turn model and the mind
    MIND = "mind"  # the model that has read the words
    ENDPOINT = "endpoint"  # the end-of-turn model alone
    SILENCE = "silence"  # nobody objected for long enough
    MAX_LENGTH = "max_length"  # the turn is as long as a turn may be
    CLIENT = "client"  # input_audio_buffer.commit


ENDPOINT_VOTE = "endpoint"
MIND_VOTE = "mind"

# The threshold of the protocol's server_vad and of Silero's own reference loop.
START_THRESHOLD = 0.5
# Silero's reference loop leaves speech 0.15 below the threshold that entered it: less flutter inside words.
HYSTERESIS = 0.15
MIN_END_THRESHOLD = 0.01
# Two frames. One voiced frame is what a click or a plosive-like knock gives; two in a row are nearly always voice.
START_MS = 64
# While the agent speaks its echo and the listener's coughs and "mm" reach the microphone: five frames, and stronger.
BARGE_IN_START_MS = 160
BARGE_IN_THRESHOLD = 0.7
# Behind an end that we decided a voice that goes on is no barge-in: it needs no more than any start. The answer's first
# clause, and hardly an echo yet.
MAY_GO_ON_MS = 1_500
# The protocol's default; covers the 32-64 ms by which Silero is late and the unvoiced consonant before the vowel.
PREFIX_PADDING_MS = 300
# One frame. Stop consonants last longer; but a started answer costs little to take back (what it wrote is the draft of
# the next one), and each frame of waiting is heard as one.
TENTATIVE_SILENCE_MS = 32
# It takes 40-60 ms of a core, so it is asked where stops inside words are over. It says no more behind 200 ms of
# silence than behind these (docs/turns.md), and its answer must be there when the mind's is.
ENDPOINT_SILENCE_MS = 80
# The same evidence as a start: two voiced frames.
RESUME_MS = 64
# The shortest word that is an answer ("no", "two") keeps Silero voiced for 130 ms and more; knocks do for 64-96 ms.
MIN_SPEECH_MS = 100
# Longer than anybody asks in one breath. The encoder begins a new segment every 29.44 s inside the turn; what bounds a
# turn is the decoder: 120 s are 1,500 positions, under a third of its cache.
MAX_TURN_MS = 120_000
# The mind is sure; finds it likely; sees nothing against it; says that the question has no end yet (below the last).
MIND_SURE = 0.9
MIND_LIKELY = 0.7
MIND_PLAUSIBLE = 0.55
MIND_OBJECTION = 0.2
# It heard sound and no words.
MIND_NO_WORDS = 0.0
# The end-of-turn model is believed from the first one up where the mind has read the words and does not object, and
# asked for its leaning at the second. From 0.95 to 0.98 it calls as many pauses as ends complete. Under the last one
# half of what the mind finds likely is a pause.
ENDPOINT_SURE = 0.98
ENDPOINT_LIKELY = 0.8
ENDPOINT_OBJECTION = 0.02
# No vote yet, or one that says nothing.
NEUTRAL = 0.5

MAX_PREFIX_PADDING_MS = 5_000
MAX_SILENCE_DURATION_MS = 10_000


@dataclass(frozen=True, slots=True)
class Patience:
    """Silence (ms) that ends a turn, by what the votes say together."""

    sure_ms: int
    likely_ms: int
    plausible_ms: int  # the mind sees no reason why it should go on
    ceiling_ms: int  # nobody says anything
    objected_ms: int  # the mind says that the question has no end yet, or has not said anything


# medium: a person waits about 200 ms, and 40 ms pass before what is decided here is heard. What is plausible waits for
# half a second: of the pauses that are, a third are longer. Pauses inside a sentence are rarely longer than 0.7 s, but
# what is doubted waits longer: between two sentences of one question ("Here is a list: … What was the first word?")
# people pause for 0.9 s.
# docs/turns.md has the votes behind these.
# low gives a slow speaker twice that; high is for commands and games.
# (The protocol's own longest waits are 8, 4 and 2 s: a hosted model's safety net, and dead air to the one who waits.)
EAGERNESS: Mapping[str, Patience] = {
    "low": Patience(sure_ms=480, likely_ms=800, plausible_ms=1_200, ceiling_ms=1_400, objected_ms=2_000),
    "medium": Patience(sure_ms=192, likely_ms=384, plausible_ms=512, ceiling_ms=900, objected_ms=900),
    "high": Patience(sure_ms=128, likely_ms=320, plausible_ms=448, ceiling_ms=500, objected_ms=640),
}
EAGERNESS_AUTO = "medium"


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """Every threshold and duration of turn-taking. Build it with one of the three constructors."""

    mode: TurnMode
    patience: Patience
    start_threshold: float = START_THRESHOLD
    prefix_padding_ms: int = PREFIX_PADDING_MS
    start_ms: int = START_MS
    barge_in_threshold: float = BARGE_IN_THRESHOLD
    barge_in_start_ms: int = BARGE_IN_START_MS
    may_go_on_ms: int = MAY_GO_ON_MS
    tentative_silence_ms: int = TENTATIVE_SILENCE_MS
    endpoint_silence_ms: int = ENDPOINT_SILENCE_MS
    resume_ms: int = RESUME_MS
    min_speech_ms: int = MIN_SPEECH_MS
    max_turn_ms: int = MAX_TURN_MS

    @classmethod
    def server_vad(
        cls,
        threshold: float = START_THRESHOLD,
        prefix_padding_ms: int = PREFIX_PADDING_MS,
        silence_duration_ms: int = 500,
    ) -> TurnPolicy:
        """Silence alone ends the turn. Raises `ClientError` naming the field that is out of range."""
        _check("threshold", threshold, 0.0, 1.0)
        _check("prefix_padding_ms", prefix_padding_ms, 0, MAX_PREFIX_PADDING_MS)
        _check("silence_duration_ms", silence_duration_ms, 0, MAX_SILENCE_DURATION_MS)
        return cls(
            mode=TurnMode.SERVER_VAD,
            patience=Patience(*[silence_duration_ms] * 5),
            start_threshold=threshold,
            barge_in_threshold=max(threshold, BARGE_IN_THRESHOLD),
            prefix_padding_ms=prefix_padding_ms,
            tentative_silence_ms=min(TENTATIVE_SILENCE_MS, silence_duration_ms),
        )

    @classmethod
    def semantic_vad(cls, eagerness: str = "auto") -> TurnPolicy:
        """Silence and votes end the turn. Raises `ClientError` for an eagerness not in low, medium, high, auto."""
        patience = EAGERNESS.get(EAGERNESS_AUTO if eagerness == "auto" else eagerness)
        if patience is None:
            raise ClientError(
                "turn_detection.eagerness must be low, medium, high or auto", param="turn_detection.eagerness"
            )
        return cls(mode=TurnMode.SEMANTIC_VAD, patience=patience)

    @classmethod
    def push_to_talk(cls) -> TurnPolicy:
        """Only the client ends a turn (`turn_detection: null`)."""
        return cls(mode=TurnMode.PUSH_TO_TALK, patience=EAGERNESS[EAGERNESS_AUTO])

    @property
    def ends_turns_itself(self) -> bool:
        return self.mode is not TurnMode.PUSH_TO_TALK

    @property
    def asks_endpoint(self) -> bool:
        return self.mode is TurnMode.SEMANTIC_VAD

    @property
    def end_threshold(self) -> float:
        """Below this a frame of running speech is silent."""
        return max(MIN_END_THRESHOLD, self.start_threshold - HYSTERESIS)

    def needed_silence(self, votes: Mapping[str, float]) -> tuple[int, CommitReason]:
        """How much silence (ms) ends the turn given the votes that have come in, and who is then the reason."""
        patience = self.patience
        if self.mode is not TurnMode.SEMANTIC_VAD:
            return patience.ceiling_ms, CommitReason.SILENCE
        if MIND_VOTE not in votes:
            # While nobody has read the words, the sentence may as well have no end yet; and there is no answer either.
            return patience.objected_ms, CommitReason.SILENCE
        mind = votes[MIND_VOTE]
        endpoint = votes.get(ENDPOINT_VOTE, 0.0)
        if mind < MIND_OBJECTION:
            return patience.objected_ms, CommitReason.SILENCE
        melody_is_sure = endpoint >= ENDPOINT_SURE
        goes_on = votes.get(ENDPOINT_VOTE, NEUTRAL) < ENDPOINT_OBJECTION  # what the voice says; one step less sure
        if not goes_on and (mind >= MIND_SURE or (melody_is_sure and mind >= MIND_LIKELY)):
            return patience.sure_ms, _who(True, endpoint >= ENDPOINT_LIKELY)
        if mind >= (MIND_SURE if goes_on else MIND_LIKELY) or melody_is_sure:  # it speaks for an end that others doubt
            return patience.likely_ms, _who(mind >= MIND_LIKELY, endpoint >= ENDPOINT_LIKELY)
        if endpoint >= ENDPOINT_LIKELY and mind >= NEUTRAL:
            return patience.plausible_ms, CommitReason.ENDPOINT
        if mind >= MIND_PLAUSIBLE:
            return patience.plausible_ms, CommitReason.SILENCE
        return patience.ceiling_ms, CommitReason.SILENCE


def _who(mind: bool, endpoint: bool) -> CommitReason:
    if mind and endpoint:
        return CommitReason.AGREEMENT
    return CommitReason.MIND if mind else CommitReason.ENDPOINT


def _check(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN fails too
        raise ClientError(f"turn_detection.{field} must lie between {low} and {high}", param=f"turn_detection.{field}")
