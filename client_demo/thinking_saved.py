"""What thinking ahead saved in one turn: tokens, and the wait it would have cost. Pure arithmetic over the ledger.

Counterfactual: everything is as it was, but the work for the answer (last encode, prefill, thought, first clause,
first audio) begins when the turn is committed. A turn committed at C, whose work W began at the tentative end T and
was ready at R = T + W, was heard from max(R, C) on. Begun at C it would have been ready at C + W. The part of W that
lay before C, and that nobody waited for,

    hidden = min(W, max(0, C - T)),

is put behind the commit: counterfactual TTFP_eos = TTFP_eos + hidden. A server that decodes before its tentative end
too (notes, answers tried out while the user speaks) says how many ms of decoding lay before the commit
(`thinking.ms_before_turn_end`); the larger of the two counts, because the first is contained in the second as far
as it is decoding. Work that was revoked and done again is no saving and is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from client_demo.turn_record import TurnReport

WORK = ("encode", "prefill", "thought", "first_clause", "first_audio")


@dataclass(frozen=True, slots=True)
class ThinkingSaved:
    """Of one turn: reasoning tokens done before it was committed, of all; ms of work that lay before the commit; and
    TTFP_eos had that work begun at the commit."""

    tokens_before_turn_end: float
    tokens: float
    hidden_ms: float
    counterfactual_ttfp_eos_ms: float


def thinking_saved(turn: TurnReport) -> ThinkingSaved | None:
    """None where the turn has no ledger of both halves, or no first packet."""
    if turn.ledger is None or turn.ledger.clock == "server" or turn.ttfp_eos_ms is None:
        return None
    hidden_ms = hidden(turn.ledger.stages_ms, turn.ttfp_eot_server_ms)
    hidden_ms = max(hidden_ms, turn.thinking.get("ms_before_turn_end", 0.0))
    return ThinkingSaved(
        tokens_before_turn_end=turn.thinking.get("tokens_before_turn_end", 0.0),
        tokens=turn.thinking.get("note_tokens", 0.0) + turn.thinking.get("thought_tokens", 0.0),
        hidden_ms=hidden_ms,
        counterfactual_ttfp_eos_ms=turn.ttfp_eos_ms + hidden_ms,
    )


def hidden(stages_ms: Mapping[str, float], ttfp_eot_ms: float | None) -> float:
    """min(W, max(0, C - T)) in ms, from a joined ledger and the server's time from the commit to the first frame."""
    work_ms = sum(stages_ms.get(name, 0.0) for name in WORK)
    if ttfp_eot_ms is None:
        return 0.0
    # T and C from the end of `arrival`; first_frame is where the server's stages end.
    tentative_ms = stages_ms.get("endpoint_wait", 0.0)
    first_frame_ms = sum(ms for name, ms in stages_ms.items() if name not in ("arrival", "client"))
    return min(work_ms, max(0.0, first_frame_ms - ttfp_eot_ms - tentative_ms))


def columns(turns: Sequence[TurnReport]) -> dict[str, list[float]]:
    """The figures of `turns` by name, for percentiles."""
    saved = [one for turn in turns if (one := thinking_saved(turn)) is not None]
    return {
        "tokens_before_turn_end": [one.tokens_before_turn_end for one in saved],
        "tokens": [one.tokens for one in saved],
        "hidden_ms": [one.hidden_ms for one in saved],
        "counterfactual_ttfp_eos_ms": [one.counterfactual_ttfp_eos_ms for one in saved],
    }
