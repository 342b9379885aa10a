"""The rows of an evaluation's table: what is told, of which trials, in which unit. It knows scores and no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from training.evaluation import scores
from training.evaluation.scores import Tried

Chosen = Callable[[Tried], bool]
Score = Callable[[list[Tried]], float]

OURS = ("listening", "at_once")
_NOTES = (
    ("wer", "WER", "%"), ("noted", "words noted before the end", "%"), ("lag_ms_p50", "lag p50", "ms"),
    ("lag_ms_p95", "lag p95", "ms"),
)  # fmt: skip
_REFUSAL = (
    ("right", True, "nothing said or to understand, taken for that", OURS),
    ("asks_again", True, "nothing said or to understand, asks to repeat", None),
    ("false", False, "clear speech refused", OURS),
)


def rows(columns: dict[str, list[Tried]]) -> list[dict[str, Any]]:
    """Each row: what, of how many trials, unit, a value for each column, and maybe the majority's.

    columns: the same trials by how they were answered; `listening` is one of them.
    """
    table = _Rows(columns)
    tried = columns["listening"]
    for name, group in scores.grouped(tried, lambda t: (t.trial.set, t.group)):
        if group in scores.HEARD_GROUPS:
            title = group if group == name else f"{group}, {name}"
            table.add(f"WER: {title}", _of(name, group), scores.wer)
    for name in dict.fromkeys(t.trial.set for t in tried if t.group in scores.HEARD_GROUPS):
        for figure, title, unit in _NOTES:
            chosen = _all_of(_of(name), lambda t: t.group in scores.HEARD_GROUPS)
            table.add(f"notes, {name}: {title}", chosen, _figure(scores.notes, figure), unit=unit, only=OURS[:1])
    _answers(table, tried)
    table.add("format kept", lambda t: True, lambda of: scores.share([t.reply.is_whole for t in of]), only=OURS)
    for figure, of_none, title, only in _REFUSAL:
        chosen = _says_nothing if of_none else _says_something
        table.add(f"refusal: {title}", chosen, _figure(scores.refusals, figure), only=only)
    gain = _figure(scores.listening_gain, "tokens_before_answer_p50")
    table.add("tokens before the answer, p50", lambda t: t.has_words, gain, unit="", only=OURS)
    return table.rows


def _answers(table: _Rows, tried: Sequence[Tried]) -> None:
    """Skills, acoustic questions, small talk: right and, for skills, word for word the same."""
    skills = _all_of(_of(group="skill"), scores.can_be_verified)
    for name in dict.fromkeys(t.trial.set for t in tried if t.group == "skill"):
        table.add(f"skills, {name}: key right", _all_of(skills, _of(name)), _right)
    table.add("skills: key right", skills, _right)
    table.add("skills: the same answer", skills, lambda of: scores.share([scores.is_same(t) for t in of]))
    table.add("skills: key right where heard right", skills, lambda of: _right(list(filter(_heard_right, of))))
    for kind in sorted({t.kind for t in tried if t.group in scores.ACOUSTIC_GROUPS}):
        chosen = _all_of(_of(kind=kind), scores.can_be_verified)
        table.add(kind.replace("/", ": "), chosen, _right, majority=True)
    for name in dict.fromkeys(t.trial.set for t in tried if t.trial.accepts):
        table.add(f"small talk, {name}: sensible", _all_of(_of(name), lambda t: bool(t.trial.accepts)), _right)


def _right(of: list[Tried]) -> float:
    return scores.share([scores.is_answered(t) for t in of])


def _heard_right(tried: Tried) -> bool:
    return tried.reply.words == list(tried.trial.example.item.words)


def _says_nothing(tried: Tried) -> bool:
    return tried.trial.example.item.heard in scores.NOT_WORDS


def _says_something(tried: Tried) -> bool:
    return not _says_nothing(tried)


def _of(name: str | None = None, group: str | None = None, kind: str | None = None) -> Chosen:
    """Trials of a set, a group, a kind; None is any."""
    return lambda t: name in (None, t.trial.set) and group in (None, t.group) and kind in (None, t.kind)


def _all_of(*chosen: Chosen) -> Chosen:
    return lambda t: all(each(t) for each in chosen)


def _figure(figures: Callable[[list[Tried]], dict[str, float]], name: str) -> Score:
    return lambda of: figures(of)[name]


class _Rows:
    """Collects rows over the same columns."""

    def __init__(self, columns: dict[str, list[Tried]]) -> None:
        self._columns = columns
        self.rows: list[dict[str, Any]] = []

    def add(
        self, what: str, chosen: Chosen, score: Score, *, unit: str = "%", majority: bool = False,
        only: tuple[str, ...] | None = None,
    ) -> None:  # fmt: skip
        """A row of what `score` makes of the trials that `chosen` takes; none where it takes none."""
        of = [t for t in self._columns["listening"] if chosen(t)]
        if not of:
            return
        row: dict[str, Any] = {"what": what, "of": len(of), "unit": unit}
        for name, tried in self._columns.items():
            if only is None or name in only:
                row[name] = score([t for t in tried if chosen(t)])
        if majority:
            row["majority"] = scores.majority(of)
        self.rows.append(row)
