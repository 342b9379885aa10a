"""What the mind says of an attempt: pieces of a lane in, messages of the engine channel out. It decides nothing."""

from __future__ import annotations

from realtime.engine.messages import Answer, Done, Foreseen, FromEngine, Thought, Transcript
from realtime.mind.lanes import AnswerLane, Phase, Pieces
from realtime.mind.rehearsal import Rehearsal
from realtime.mind.turn import Turn


def of_answer(session: str, turn: Turn, lane: AnswerLane, pieces: Pieces, thought_beside: int) -> list[FromEngine]:
    """What one token of the answer lane said. `thought_beside`: tokens of the think lane so far."""
    number, attempt = turn.number, lane.attempt
    out: list[FromEngine] = []
    if pieces.transcript is not None:
        out.append(
            Transcript(session=session, turn=number, attempt=attempt, text=pieces.transcript,
                       closing=pieces.closing, doubt=pieces.doubt)
        )  # fmt: skip
    if pieces.thought:
        out.append(
            Thought(session=session, turn=number, attempt=attempt, text=pieces.thought, tokens=1, at_ms=turn.heard_ms)
        )
    if pieces.answer:
        out.append(Answer(session=session, turn=number, attempt=attempt, text=pieces.answer))
    if pieces.ended is not None:
        out.append(
            Done(session=session, turn=number, attempt=attempt, reason=pieces.ended,
                 input_audio_frames=len(turn.frames) + len(turn.tail), input_tokens=lane.prompt_tokens,
                 thought_tokens=lane.thought_tokens + len(lane.heard_tokens) + thought_beside,
                 answer_tokens=lane.answer_tokens)
        )  # fmt: skip
    return out


def of_thought(session: str, turn: Turn, attempt: int, text: str, tokens: int) -> list[FromEngine]:
    """What the think lane wrote while the answer was being spoken."""
    return [Thought(session=session, turn=turn.number, attempt=attempt, text=text, tokens=tokens,
                    at_ms=turn.heard_ms, while_speaking=True)]  # fmt: skip


def of_rehearsal(session: str, turn: Turn, rehearsal: Rehearsal) -> list[FromEngine]:
    """How the answer begins, where it does, and other than the last rehearsal of the turn told."""
    if not rehearsal.answer or rehearsal.answer == turn.foreseen:
        return []
    turn.foreseen = rehearsal.answer
    whole = rehearsal.lane.phase is Phase.ENDED
    return [Foreseen(session=session, turn=turn.number, text=rehearsal.answer, whole=whole)]
