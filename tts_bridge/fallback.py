"""A voice with another behind it: what the first cannot say in time, the second says.

Knows no voice by name. A primary that failed rests for a while, so that one that hangs costs its timeout once and not
with every clause.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from tts_bridge.errors import EmptySpeech, VoiceFailure, VoiceTimeout
from tts_bridge.voice import Pcm, Voice

log = structlog.get_logger(__name__)

DEFAULT_TIMEOUT_S = 2.0
REST_S = 15.0


class FallbackVoice:
    """`primary` within `timeout_s`, else `fallback` within `timeout_s`. Either may itself be a FallbackVoice."""

    def __init__(
        self,
        primary: Voice,
        fallback: Voice,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        *,
        rest_s: float = REST_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._primary = primary
        self._fallback = fallback
        self._timeout_s = timeout_s
        self._rest_s = rest_s
        self._now_s = now_s
        self._rests_until_s: float | None = None

    @property
    def name(self) -> str:
        """The voice that would be asked now."""
        return self._fallback.name if self._is_resting() else self._primary.name

    @property
    def sample_rate_hz(self) -> int:
        return self._primary.sample_rate_hz

    async def warm_up(self) -> None:
        """Warm both. Raises VoiceFailure only if neither can speak.

        No time limit on the primary: loading a model may take longer than speaking with it.
        """
        try:
            await self._primary.warm_up()
        except VoiceFailure as failure:
            self._rest(failure)
            await self._fallback.warm_up()
            return
        try:
            await self._fallback.warm_up()
        except VoiceFailure as failure:
            log.warning("fallback_voice_unavailable", voice=self._fallback.name, code=failure.code)

    async def synthesise(self, text: str, *, speed: float = 1.0) -> Pcm:
        """Raises the fallback's VoiceFailure, with the primary's as its context, when neither could speak."""
        if self._is_resting():
            return await self._within(self._fallback, text, speed)
        try:
            return await self._within(self._primary, text, speed)
        except VoiceFailure as failure:
            self._rest(failure)
            return await self._within(self._fallback, text, speed)

    async def close(self) -> None:
        try:
            await self._primary.close()
        finally:
            await self._fallback.close()

    async def _within(self, voice: Voice, text: str, speed: float) -> Pcm:
        limit = asyncio.timeout(self._timeout_s)
        try:
            async with limit:
                return await voice.synthesise(text, speed=speed)
        except TimeoutError:
            if not limit.expired():
                raise
            raise VoiceTimeout(f"{voice.name} did not speak within {self._timeout_s:g} s", voice=voice.name) from None

    def _is_resting(self) -> bool:
        return self._rests_until_s is not None and self._now_s() < self._rests_until_s

    def _rest(self, failure: VoiceFailure) -> None:
        if isinstance(failure, EmptySpeech):
            # More likely the text than the voice.
            return
        self._rests_until_s = self._now_s() + self._rest_s
        log.warning("voice_failed", voice=self._primary.name, code=failure.code, rests_s=self._rest_s)
