"""A turn on the terminal while it happens: words in, notes as they are written, thought dim, the answer with the part
already heard marked. Knows events and rich, no wire and no clock.

On a terminal the running turn is redrawn in place and left standing when it ends; elsewhere each thing is one line,
printed once, so that a pipe or a log can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text


@dataclass(slots=True)
class _Shown:
    transcript: str = ""
    notes: list[tuple[float, str]] = field(default_factory=list)
    thoughts: dict[int, str] = field(default_factory=dict)
    answer: str = ""
    heard: str = ""
    status: str = ""


class LiveView:
    """Feed it every event; `close` when there will be no more. At most one turn is drawn at a time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._turn = _Shown()
        self._live: Live | None = None

    def event(self, payload: Mapping[str, Any]) -> None:
        kind = str(payload.get("type", ""))
        if kind in ("input_audio_buffer.speech_started",):
            self._finish()
            self._say(Text("listening …", style="dim"))
        elif kind == "error":
            error = payload.get("error")
            message = error.get("message") if isinstance(error, Mapping) else "unknown"
            self._console.print(Text(f"server error: {message}", style="red"))
        elif self._changed(kind, payload):
            self._draw()
        if kind == "response.done":
            self._response_done(payload)

    def close(self) -> None:
        self._finish()

    def _changed(self, kind: str, payload: Mapping[str, Any]) -> bool:
        """Take an event into the picture; whether it is of the picture."""
        turn, delta = self._turn, str(payload.get("delta") or "")
        if kind == "forethought.note":
            turn.notes.append((float(payload.get("audio_ms") or 0), delta))
            self._say(Text(f"note  {turn.notes[-1][0]:7.0f} ms  {delta.strip()}", style="cyan"))
        elif kind == "forethought.thought":
            attempt = int(payload.get("attempt") or 0)
            turn.thoughts[attempt] = turn.thoughts.get(attempt, "") + delta
        elif kind == "forethought.turn" and payload.get("state") == "revoked":
            turn.thoughts.pop(int(payload.get("attempt") or 0), None)
        elif kind == "forethought.heard":
            turn.heard = str(payload.get("text") or "")
        elif kind == "conversation.item.input_audio_transcription.completed":
            turn.transcript = str(payload.get("transcript") or "")
            self._say(Text(f"you   {turn.transcript}", style="bold"))
        elif kind in ("response.output_audio_transcript.delta", "response.output_text.delta"):
            turn.answer += delta
        elif kind == "response.output_audio_transcript.done":
            turn.answer = str(payload.get("transcript") or "") or turn.answer
        else:
            return False
        return True

    def _response_done(self, payload: Mapping[str, Any]) -> None:
        response = payload.get("response")
        self._turn.status = str(response.get("status", "")) if isinstance(response, Mapping) else ""
        if not self._console.is_terminal:
            thought = "".join(self._turn.thoughts.values()).strip()
            if thought:
                self._say(Text(f"thought  {thought}", style="dim"))
            cut = f"  [{self._turn.status}]" if self._turn.status != "completed" else ""
            self._say(Text(f"answer  {self._turn.answer.strip()}{cut}", style="green"))
        self._draw()

    def _say(self, line: Text) -> None:
        """A line of its own, where nothing can be redrawn."""
        if not self._console.is_terminal:
            self._console.print(line, soft_wrap=True)

    def _draw(self) -> None:
        if not self._console.is_terminal:
            return
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="visible")
            self._live.start()
        self._live.update(self.picture(), refresh=True)

    def _finish(self) -> None:
        if self._live is not None:
            self._live.update(self.picture(), refresh=True)
            self._live.stop()
            self._live = None
        self._turn = _Shown()

    def picture(self) -> Group:
        """The turn as it stands."""
        turn = self._turn
        lines = [Text.assemble(("you     ", "bold"), turn.transcript or Text("…", style="dim"))]
        lines += [
            Text.assemble(("note    ", "cyan"), (f"{ms:7.0f} ms  ", "dim"), text.strip()) for ms, text in turn.notes
        ]
        thought = "".join(turn.thoughts[attempt] for attempt in sorted(turn.thoughts)).strip()
        if thought:
            lines.append(Text.assemble(("thought ", "magenta"), (thought, "dim")))
        if turn.answer:
            lines.append(Text.assemble(("answer  ", "bold green"), *answer_marked(turn.answer.strip(), turn.heard)))
        if turn.status and turn.status != "completed":
            lines.append(Text(f"        ({turn.status})", style="dim"))
        return Group(*lines)


def answer_marked(answer: str, heard: str) -> list[tuple[str, str]]:
    """The answer in two styled parts: what has been heard, and what has not."""
    heard = heard.strip()
    length = len(heard) if heard and answer.startswith(heard) else 0
    if heard and not length:  # written and heard may differ in spacing: mark as many words
        words = answer.split(" ")
        length = len(" ".join(words[: len(heard.split())]))
    return [(answer[:length], "bold"), (answer[length:], "dim")]
