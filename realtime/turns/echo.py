"""What of the microphone the agent's own voice explains. Knows levels in dBFS; no samples, no clock, no turn.

Between what the playout sends and what comes back lie the network, a loudspeaker, a room and perhaps an echo canceller,
so neither the delay nor the coupling is known. The delay is bounded (`REACH_MS`), and the coupling, the level that
comes back less the level sent, is followed, no faster than a voice could
teach it something wrong.
"""

from __future__ import annotations

from collections import deque

from realtime.turns.decisions import SILENCE_DBFS

# A frame of the playout.
PLAYED_MS = 20
# Jitter buffer, loudspeaker, room and the way back: rarely more than this.
REACH_MS = 400
# What is learnt compares the loudest that came back in this time with the loudest that was sent in it and before.
LEARN_MS = 600
# What one expects of a loudspeaker at arm's length; an echo canceller takes 20 dB more.
FIRST_COUPLING_DB = -25.0
LEAST_COUPLING_DB = -60.0
# Levels of 10 ms of speech vary by more than the voice's own; somebody speaking over it stands out by more than this.
MARGIN_DB = 6.0
# Down to "nothing comes back" in a second or two of talk.
FALL_DB_PER_S = 20.0
# Up as slowly: a voice that swells must not be learnt as the echo of another.
RISE_DB_PER_S = 10.0
# A pause showed that the sound was the agent's own after all: believed a step at a time, a cough must not deafen us.
LESSON_DB = 6.0


class Echo:
    """One session's coupling between playout and microphone."""

    def __init__(self) -> None:
        self._played: deque[float] = deque(maxlen=(REACH_MS + LEARN_MS) // PLAYED_MS)
        self._came_back: deque[tuple[float, float]] = deque()  # (level, ms), the last LEARN_MS
        self._came_back_ms = 0.0
        self._coupling_db = FIRST_COUPLING_DB

    @property
    def coupling_db(self) -> float:
        return self._coupling_db

    def played(self, level_dbfs: float) -> None:
        """The next 20 ms of the playout left with this level."""
        self._played.append(level_dbfs)

    def explains(self, level_dbfs: float) -> bool:
        """Whether the microphone's level may be the agent's own voice."""
        return level_dbfs < self._loudest + self._coupling_db + MARGIN_DB

    def hear(self, level_dbfs: float, duration_ms: float) -> None:
        """The microphone had this level while the agent spoke. What is not explained teaches nothing."""
        if self._loudest <= SILENCE_DBFS or not self.explains(level_dbfs):
            return
        self._came_back.append((level_dbfs, duration_ms))
        self._came_back_ms += duration_ms
        while self._came_back_ms > LEARN_MS:
            self._came_back_ms -= self._came_back.popleft()[1]
        seen_db = max(level for level, _ in self._came_back) - max(self._played)
        fallen_db = self._coupling_db - FALL_DB_PER_S * duration_ms / 1000
        risen_db = self._coupling_db + RISE_DB_PER_S * duration_ms / 1000
        self._coupling_db = max(LEAST_COUPLING_DB, fallen_db, min(seen_db, risen_db))

    def mistaken(self) -> None:
        """The playout was stopped for a sound that ended with it."""
        self._coupling_db = min(0.0, self._coupling_db + LESSON_DB)

    @property
    def _loudest(self) -> float:
        """Of what may be coming back now."""
        recent = list(self._played)[-(REACH_MS // PLAYED_MS) :]
        return max(recent, default=SILENCE_DBFS)
