"""Where sound began, for sounds that are no voice. Knows levels and positions; nothing of voice, turns or models.

A question may begin with a sound it asks about (beeps, a clap, a chord), and a voice detector does not fire on
those. `Onset` follows which frames stand out of the background and keeps the start of the latest cluster of them,
so that a turn's audio can reach back to it. The background is the quietest frame of the last seconds (minimum
statistics, Martin 2001, without the bias correction: the margin is far larger than the bias), so noise that has
been steady for that long is background, whatever its level.
"""

from __future__ import annotations

from collections import deque

from realtime.turns.decisions import SAMPLES_PER_MS

# Longer than any single sound one would ask about in one breath, shorter than anyone's patience with a fan.
FLOOR_WINDOW_MS = 3_000
# A microphone with a noise gate, or a codec in silence, sends zeros: what rises above those need not be a sound.
QUIETEST_FLOOR_DBFS = -60.0
# White noise varies by 1 dB between 32 ms frames, room noise by 3-6 dB; a soft beep stands out by 20 dB and more.
MARGIN_DB = 12.0
# A pause is the room's own level, give or take what room noise varies by between two frames.
QUIET_ABOVE_FLOOR_DB = 8.0
# The softest sounds inside words (stops, the end of an "f") lie about 30 dB below the loudest vowels.
QUIET_BELOW_SPEECH_DB = 30.0
# Beeps, claps and knocks come less than a second apart; so does the voice that asks about them.
CLUSTER_GAP_MS = 1_000
# The attack of the first sound, and a little of the quiet before it for the encoder to compare with.
LEAD_MS = 200
# Enough for ten beeps; more would spend the decoder's positions on the room.
REACH_MS = 5_000


class Onset:
    """Follows acoustic activity frame by frame. O(window) memory, 96 floats."""

    def __init__(self) -> None:
        self._levels: deque[tuple[int, float]] = deque()  # (frame end, dBFS), the last FLOOR_WINDOW_MS
        self._cluster_start: int | None = None
        self._cluster_end = 0

    def push(self, at_sample: int, samples: int, level_dbfs: float, *, background: bool = False) -> bool:
        """Take one frame; True where it stands out. `background` frames (the agent's own echo) never do."""
        end = at_sample + samples
        self._levels.append((end, level_dbfs))
        while self._levels[0][0] <= end - FLOOR_WINDOW_MS * SAMPLES_PER_MS:
            self._levels.popleft()
        stands_out = not background and level_dbfs > self.floor_dbfs + MARGIN_DB
        if stands_out:
            if self._cluster_start is None or at_sample - self._cluster_end > CLUSTER_GAP_MS * SAMPLES_PER_MS:
                self._cluster_start = at_sample
            self._cluster_end = end
        return stands_out

    @property
    def floor_dbfs(self) -> float:
        """Level of the background."""
        return max(QUIETEST_FLOOR_DBFS, min((level for _, level in self._levels), default=QUIETEST_FLOOR_DBFS))

    def is_quiet(self, level_dbfs: float, speech_dbfs: float) -> bool:
        """Whether a level is the room's: near the background and far below the voice, of level `speech_dbfs`.

        In noise less than QUIET_BELOW_SPEECH_DB under the voice nothing is, and the voice detector alone judges.
        """
        return level_dbfs < self.floor_dbfs + QUIET_ABOVE_FLOOR_DB and level_dbfs < speech_dbfs - QUIET_BELOW_SPEECH_DB

    def start_before(self, speech_sample: int) -> int | None:
        """Where audio should begin for speech that begins at `speech_sample`; None where nothing led up to it.

        At most REACH_MS before the speech, and never below 0.
        """
        if self._cluster_start is None or self._cluster_start >= speech_sample:
            return None
        if speech_sample - self._cluster_end > CLUSTER_GAP_MS * SAMPLES_PER_MS:
            return None
        earliest = speech_sample - REACH_MS * SAMPLES_PER_MS
        return max(0, earliest, self._cluster_start - LEAD_MS * SAMPLES_PER_MS)

    def forget(self) -> None:
        """What stood out so far belongs to an earlier turn. The background stays known."""
        self._cluster_start = None
