"""When a turn starts and when it ends, as values. Knows nothing of audio, models or the turn in progress.

The three constructors are the three forms of `turn_detection` in the Realtime protocol: `server_vad`,
`semantic_vad` and null (push-to-talk). Durations are compared with whole 32 ms frames, so 160 ms is 5 frames
and 240 ms is met by the 8th frame of silence, at 256 ms.
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
# The protocol's default; covers the 32-64 ms by which Silero is late and the unvoiced consonant before the vowel.
PREFIX_PADDING_MS = 300
# Two frames. Stop consonants last that long too; a started answer costs little to take back, and one that starts
# 100 ms later is heard 100 ms later.
TENTATIVE_SILENCE_MS = 64
# What the end-of-turn model wants to see behind the last word.
ENDPOINT_SILENCE_MS = 160
# The same evidence as a start: two voiced frames.
RESUME_MS = 64
# The shortest word that is an answer ("no", "two") keeps Silero voiced for 130 ms and more; knocks do for 64-96 ms.
MIN_SPEECH_MS = 100
# One encoder segment is 29.44 s; a longer turn would restart the encoder inside a sentence.
MAX_TURN_MS = 29_000
# Above these a voter says "over".
ENDPOINT_THRESHOLD = 0.5
MIND_THRESHOLD = 0.7
# Below this the mind says "the question has no end yet", and the end-of-turn model alone does not end the turn.
MIND_OBJECTION = 0.2

MAX_PREFIX_PADDING_MS = 5_000
MAX_SILENCE_DURATION_MS = 10_000


@dataclass(frozen=True, slots=True)
class Patience:
    """Silence (ms) that ends a turn, by who says that it is over."""

    agreement_ms: int  # the end-of-turn model and the mind
    mind_ms: int  # the mind alone
    endpoint_ms: int  # the end-of-turn model alone
    ceiling_ms: int  # nobody


# medium: two yeses come at about 220 ms (160 ms of silence, 60 ms of work), so 240 ms acts on them at the next frame.
# The mind alone has read all but the last word, hence a little more. The end-of-turn model alone calls most pauses
# inside a sentence complete where the voice is synthetic (docs/turns.md), so alone it only shortens the wait to what
# pauses for breath rarely reach. 900 ms is longer than nearly all pauses inside a spoken question.
# low gives a slow speaker twice that; high is for commands and games.
# (The protocol's own longest waits are 8, 4 and 2 s: a hosted model's safety net, and dead air to the one who waits.)
EAGERNESS: Mapping[str, Patience] = {
    "low": Patience(agreement_ms=480, mind_ms=640, endpoint_ms=960, ceiling_ms=2_000),
    "medium": Patience(agreement_ms=240, mind_ms=320, endpoint_ms=480, ceiling_ms=900),
    "high": Patience(agreement_ms=192, mind_ms=256, endpoint_ms=320, ceiling_ms=600),
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
            patience=Patience(silence_duration_ms, silence_duration_ms, silence_duration_ms, silence_duration_ms),
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
        if self.mode is not TurnMode.SEMANTIC_VAD:
            return self.patience.ceiling_ms, CommitReason.SILENCE
        mind = votes.get(MIND_VOTE)
        mind_agrees = mind is not None and mind >= MIND_THRESHOLD
        mind_objects = mind is not None and mind < MIND_OBJECTION
        endpoint_agrees = votes.get(ENDPOINT_VOTE, 0.0) >= ENDPOINT_THRESHOLD
        if endpoint_agrees and mind_agrees:
            return self.patience.agreement_ms, CommitReason.AGREEMENT
        if mind_agrees:
            return self.patience.mind_ms, CommitReason.MIND
        if endpoint_agrees and not mind_objects:
            return self.patience.endpoint_ms, CommitReason.ENDPOINT
        return self.patience.ceiling_ms, CommitReason.SILENCE


def _check(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN fails too
        raise ClientError(f"turn_detection.{field} must lie between {low} and {high}", param=f"turn_detection.{field}")
