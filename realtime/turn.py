"""One turn as the server knows it: a record that `realtime.exchange` alone writes. It decides nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from realtime.engine import messages as m
from realtime.errors import VoiceError
from realtime.ledger import Ledger, Statement, Thinking
from realtime.protocol import Usage
from realtime.speaking import Speaking


@dataclass(slots=True, eq=False)
class Turn:
    """Everything the server knows of one turn."""

    number: int
    item: str
    started_ms: int = 0
    from_sample: int = 0
    silent_sample: int = 0  # where the tentative end was decided
    machine_turn: int | None = None  # None: a turn of text
    request: m.Respond | None = None  # what a turn of text asked of the engine
    attempt: int = 0
    void_attempt: int = 0  # the last one that was revoked: what still comes of it is dropped
    is_committed: bool = False
    wants_answer: bool = False  # without being asked by the client
    ledger: Ledger | None = None
    speaking: Speaking | None = None
    task: asyncio.Task[None] | None = None
    response: str | None = None
    answer_item: str | None = None
    transcript: str = ""
    transcript_done: bool = False
    thought: str = ""
    answer: str = ""
    notes: list[tuple[int, str]] = field(default_factory=list)
    note_tokens: int = 0
    thought_tokens: int = 0
    tokens_before_end: int = 0
    tokens_while_speaking: int = 0
    speech_end_ms: int = 0
    seconds: float = 0.0
    done: m.Done | None = None
    failure: VoiceError | None = None
    statement: Statement | None = None
    frames_left: int = 0
    progress: list[tuple[int, str]] = field(default_factory=list)  # (ms of the answer heard, its text so far)

    def forget_attempt(self) -> None:
        """What was thought and written of this attempt is void."""
        self.void_attempt = self.attempt
        self.transcript, self.transcript_done, self.thought, self.answer = "", False, "", ""
        self.thought_tokens, self.tokens_while_speaking, self.done, self.failure = 0, 0, None, None

    def usage(self) -> Usage:
        """Tokens of the response, as far as the engine has told."""
        done = self.done
        if done is None:
            return Usage()
        return Usage(
            input_text_tokens=done.input_tokens - done.input_audio_frames,
            input_audio_tokens=done.input_audio_frames,
            output_text_tokens=done.thought_tokens + done.answer_tokens,
        )

    def thinking(self) -> Thinking:
        """What has been thought of this turn so far."""
        return Thinking(self.note_tokens, self.thought_tokens, self.tokens_before_end, self.tokens_while_speaking)

    def extension(self) -> dict[str, Any]:
        """`response.done.response.forethought`: what the protocol has no place for."""
        # The ledger was closed at the first sound; thinking may have gone on.
        statement = None if self.statement is None else replace(self.statement, thinking=self.thinking())
        return {
            "transcript": self.transcript,
            "notes": [{"ms": ms, "text": text} for ms, text in self.notes],
            "thought": self.thought.strip(),
            "ledger": None if statement is None else statement.to_json(),
        }
