"""A conversation's voice, which says ahead what it will probably be asked to say. Text in, speech out.

While the user speaks the engine rehearses its answer (`realtime.mind.rehearsal`); where the answer then begins with the
same clause, its speech is there already. It knows a voice; not turns, and not who guesses. Nothing that was foreseen is
heard unless it is asked for in the very same words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tts_bridge import Pcm, Voice, VoiceFailure

# The last clauses: a turn's rehearsals say two or three different ones, 2 s of speech each.
KEPT_CLAUSES = 4

TextAndSpeed = tuple[str, float]


@dataclass(slots=True)
class _Said:
    """A clause that is said, or being said; without speech once `over`: no voice could say it."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    speech: Pcm | None = None


class ForeseenVoice:
    """See the module's docstring. For one conversation, on its event loop.

    Args:
        voice: speaks; another conversation may have it, too.
        spawn: makes a task of the conversation's.
    """

    def __init__(self, voice: Voice, spawn: Callable[[Coroutine[Any, Any, None], str], object]) -> None:
        self._voice = voice
        self._spawn = spawn
        self._kept: dict[TextAndSpeed, _Said] = {}  # the newest last
        self._next: TextAndSpeed | None = None
        self._is_saying = False

    def foresee(self, text: str, speed: float) -> None:
        """Say `text` now, one clause at a time; of those that wait only the last is worth it."""
        if (text, speed) in self._kept:
            self._next = None
            return
        self._next = text, speed
        if not self._is_saying:
            self._is_saying = True
            self._spawn(self._say(), "foresee")

    async def synthesise(self, text: str, *, speed: float = 1.0) -> Pcm:
        """As `Voice.synthesise`, at once where it was foreseen. Raises VoiceFailure."""
        self._next = None  # nobody guesses any more what is said now
        said = self._kept.get((text, speed))
        if said is not None:
            await said.over.wait()
            if said.speech is not None:
                return said.speech
        speech = await self._voice.synthesise(text, speed=speed)
        said = self._keep((text, speed))  # an attempt that is revoked may be made again
        said.speech = speech
        said.over.set()
        return speech

    async def _say(self) -> None:
        try:
            while self._next is not None:
                clause, self._next = self._next, None
                said = self._keep(clause)
                try:
                    said.speech = await self._voice.synthesise(clause[0], speed=clause[1])
                except VoiceFailure:
                    self._kept.pop(clause, None)  # who needs it asks again, and is told
                finally:
                    said.over.set()
        finally:
            self._is_saying = False

    def _keep(self, clause: TextAndSpeed) -> _Said:
        self._kept.pop(clause, None)
        self._kept[clause] = said = _Said()
        while len(self._kept) > KEPT_CLAUSES:
            del self._kept[next(iter(self._kept))]
        return said
