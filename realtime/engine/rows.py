"""What a step of the decoder computes for the lanes that were granted to it, and how likely what comes out was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch

from realtime.decoder import Row
from realtime.decoder.scheduler import WorkItem, schedule
from realtime.decoder.sequence import Sequence as DecoderSequence
from realtime.mind import Work
from realtime.mind.contest import Hypothesis
from realtime.mind.ears import Second
from realtime.mind.lanes import AnswerLane, Phase
from realtime.mind.memory import Symbol


def rows_of(work: Sequence[Work], budget: int, most_positions: int) -> list[tuple[int, Row]]:
    """Rows of the next step, each with the number of its work; rows that are left are spent on guesses.

    budget: rows of the step. most_positions: of the model; a guess does not reach beyond.
    """
    items = [WorkItem(key=key, priority=entry.service, pending=entry.seq.pending) for key, entry in enumerate(work)]
    grants = schedule(items, budget)
    spare = budget - sum(grant.count for grant in grants)
    rows: list[tuple[int, Row]] = []
    for grant in grants:
        key = cast(int, grant.key)
        entry = work[key]
        is_whole = grant.count == entry.seq.pending
        guess = _guess(entry, spare, most_positions - len(entry.seq.symbols)) if is_whole else []
        spare -= len(guess)
        wants = entry.lane is not None and is_whole
        seq = cast(DecoderSequence, entry.seq)
        rows.append((key, Row(seq=seq, count=grant.count, want_logits=wants, guess=tuple(guess))))
    return rows


def _guess(entry: Work, spare: int, left: int) -> list[Symbol]:
    """What `entry`'s lane will probably write, as far as rows are left."""
    lane = entry.lane
    if not isinstance(lane, AnswerLane | Hypothesis):
        return []
    if isinstance(lane, AnswerLane) and 0 < len(lane.unweighed) <= left:
        # Read whole before the lane's own first word, however few rows are left: it would have to be laid anyhow.
        return lane.unweighed
    room = min(spare, left)
    return lane.draft.guess(room) if room > 0 else []


def logprobs(logits: torch.Tensor, symbols: Sequence[Symbol]) -> list[float]:
    """Log-probability of each of `symbols`, one behind the other."""
    rows = logits[: len(symbols)]
    chosen: torch.Tensor = rows[range(len(symbols)), list(symbols)] - torch.logsumexp(rows, dim=1)
    return chosen.tolist()


def likelihood(entry: Work, logits: torch.Tensor, token: int) -> tuple[float, Second | None]:
    """Log-probability of the chosen token, and the likeliest one but one, where somebody asks for them.

    The first in a line of what was heard, else 0; the second in one beside which another line stands.
    """
    lane = entry.lane
    is_heard = isinstance(lane, AnswerLane) and lane.phase is Phase.HEARING
    if not is_heard and not isinstance(lane, Hypothesis):
        return 0.0, None
    whole = torch.logsumexp(logits, dim=0)
    second = None
    if isinstance(lane, AnswerLane) and lane.is_contested:
        values, tokens = logits.topk(2)
        second = Second(int(tokens[1]), float(values[1] - whole))
    return float(logits[token] - whole), second
